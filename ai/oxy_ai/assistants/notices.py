"""Fixed texts that the platform itself sends, in Portuguese."""

from typing import Final

from oxy_ai.assistants.sanitize import for_label
from oxy_ai.assistants.vertical import Role
from oxy_ai.records import Contact

APOLOGY: Final = (
    "Desculpe, estou com uma dificuldade técnica para responder agora. "
    "Já avisei a equipe e uma pessoa vai responder você por aqui. 🙏"
)
"""What a customer is told, once, when his turn has failed for good."""


def notice_to_owner(contact: Contact, role: Role, reason: str) -> str:
    """Return what the owner is told about a dead turn: who waits, why (`reason`, in Portuguese), and what to do."""
    if role is Role.AURORA:
        return f"Não consegui responder sua mensagem: {reason}. Tente de novo em alguns minutos."
    who = for_label(contact.name) or "um cliente"
    phone = f" ({contact.phone})" if contact.phone else ""
    return (
        f"⚠️ Não consegui responder {who}{phone}. Motivo: {reason}. "
        "Avisei que uma pessoa vai responder; por favor, continue a conversa por este número."
    )
