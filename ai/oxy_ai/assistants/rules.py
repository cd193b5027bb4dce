"""What happens with a turn before any model is asked. Pure: time and settings come with the turn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from oxy_ai.assistants.sanitize import clean
from oxy_ai.assistants.vertical import Role
from oxy_ai.records import Turn
from oxy_core.envelopes import MessageKind
from oxy_core.identity import same_phone

ASK_FOR_TEXT: Final = (
    "Desculpe, ainda não consigo ler este tipo de mensagem. 🙏 Pode me escrever em texto o que você precisa?"
)


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is answered."""

    reason: str


@dataclass(frozen=True, slots=True)
class Say:
    """A fixed text is answered."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """An assistant answers these texts."""

    role: Role
    texts: tuple[str, ...]


Decision = Skip | Say | Ask


def decide(turn: Turn) -> Decision:
    """Return what to do with a turn."""
    if turn.closed:
        return Skip("closed")
    if turn.settings.suspended:
        return Skip("suspended")
    role = role_of(turn)
    if not turn.settings.ai.enabled or (role is Role.AURORA and not turn.settings.ai.aurora.enabled):
        return Skip("disabled")
    fresh = [item for item in turn.inputs if item.age_seconds <= turn.settings.max_answer_age_seconds]
    if not fresh:
        return Skip("stale")
    texts = tuple(item.text for item in fresh if item.kind is MessageKind.TEXT and item.text and clean(item.text))
    return Ask(role, texts) if texts else Say(ASK_FOR_TEXT, "unsupported")


def role_of(turn: Turn) -> Role:
    """Return who answers: Aurora speaks with owners and in the account's own chat."""
    return role_for(turn.contact.phone, turn.settings.owners, self_chat=turn.self_chat)


def role_for(phone: str | None, owners: Iterable[str], *, self_chat: bool) -> Role:
    """Return who answers a phone, or the account's own chat."""
    owner = phone is not None and any(same_phone(phone, owner) for owner in owners)
    return Role.AURORA if self_chat or owner else Role.CUSTOMER
