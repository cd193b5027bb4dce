"""Texts that the platform itself sends to customers and owners, without a model, in Portuguese."""

from typing import Final

from oxy_ai.assistants.vertical import Role
from oxy_ai.errors import ModelInvalidError, ModelRefusalError, ModelUnreachableError, TurnError, TurnUnreadableError
from oxy_ai.records import Contact
from oxy_ai.sanitize import label_text

APOLOGY: Final = (
    "Desculpe, estou com uma dificuldade técnica para responder agora. "
    "Já avisei a equipe e uma pessoa vai responder você por aqui. 🙏"
)
"""Sent to a customer once, when the turn has failed for good."""

ASK_FOR_TEXT: Final = (
    "Desculpe, ainda não consigo ler este tipo de mensagem. 🙏 Pode me escrever em texto o que você precisa?"
)
"""Sent to a customer whose messages contain no readable text."""


def notice_to_owner(contact: Contact, role: Role, error: Exception) -> str:
    """Return the notice of a dead turn: who is waiting, why, and what to do."""
    reason = reason_in_portuguese(error)
    if role is Role.AURORA:
        return f"Não consegui responder sua mensagem: {reason}. Tente de novo em alguns minutos."
    who = label_text(contact.name) or "um cliente"
    phone = f" ({contact.phone})" if contact.phone else ""
    return (
        f"⚠️ Não consegui responder {who}{phone}. Motivo: {reason}. "
        "Avisei que uma pessoa vai responder; por favor, continue a conversa por este número."
    )


def reason_in_portuguese(error: Exception) -> str:
    """Return why a turn failed, for the owner: the second half of a sentence, without technical detail."""
    match error:
        case ModelUnreachableError():
            return "o serviço de inteligência artificial não respondeu"
        case ModelInvalidError():
            return "o serviço de inteligência artificial deu uma resposta inválida"
        case ModelRefusalError():
            return "a inteligência artificial se recusou a responder"
        case TurnUnreadableError():
            return "os dados guardados para a assistente não puderam ser lidos"
        case TurnError():
            return "a assistente não chegou a uma resposta"
        case _:
            return "erro interno"
