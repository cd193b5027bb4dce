"""What a contact hears once it has said that it wants no more messages, or wants them again. Pure.

The wish itself is carried out when its message is stored (`oxy_ai/schema/contacts.sql`); here it is confirmed, once.
"""

from collections.abc import Sequence
from typing import Final

from oxy_ai.portuguese.opt_out import is_opt_in, is_opt_out
from oxy_ai.records import Contact, Input

NOTHING: Final = (
    "Tudo bem! Não vou mais enviar mensagens para você. 🙏 "
    "Se mudar de ideia, é só escrever VOLTAR que eu respondo de novo."
)
"""To whoever wants no message at all."""

NO_ADVERTISING: Final = (
    "Tudo bem! Não vou mais enviar novidades nem lembretes para você. Se precisar de algo, é só escrever "
    "que eu respondo. Para voltar a receber, escreva VOLTAR. 🙏"
)
"""To whoever wants nothing that he did not ask for."""

WELCOME_BACK: Final = (
    "Que bom ter você de volta! 😊 Vou voltar a enviar mensagens. Se não quiser mais, é só escrever PARAR."
)
"""To whoever wants to hear from us again."""


def confirmation(contact: Contact, inputs: Sequence[Input]) -> str | None:
    """Return what tells a contact what became of the wish in these inputs; None: there is none, or it was told."""
    if not contact.opt_out_unconfirmed or len(without_wishes(contact, inputs)) == len(inputs):
        return None
    match contact.opt_out:
        case "all":
            return NOTHING
        case "proactive":
            return NO_ADVERTISING
        case None:
            return WELCOME_BACK


def without_wishes(contact: Contact, inputs: Sequence[Input]) -> list[Input]:
    """Return the inputs without those that only expressed a wish; "voltar" by itself may be about anything."""
    concerned = contact.opt_out is not None or contact.opt_out_unconfirmed
    return [item for item in inputs if not (concerned and _is_wish(contact, item.words))]


def _is_wish(contact: Contact, text: str) -> bool:
    return is_opt_out(text) or (contact.opt_out_unconfirmed and is_opt_in(text))
