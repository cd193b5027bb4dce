"""What happens with a turn before any model is asked. Pure: time and settings come with the turn."""

from dataclasses import dataclass
from typing import Final

from oxy_ai.records import Turn
from oxy_ai.sanitize import clean
from oxy_ai.vertical import Role
from oxy_core.envelopes import MessageKind

ASK_FOR_TEXT: Final = (
    "Desculpe, ainda não consigo ler este tipo de mensagem. 🙏 Pode me escrever em texto o que você precisa?"
)

_BRAZIL: Final = "+55"
_BRAZIL_MOBILE_DIGITS: Final = 14
"""Length of +55, area code and a mobile number with its leading nine."""


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
    if not turn.settings.ai.enabled or (role is Role.AURORA and not turn.settings.ai.aurora_enabled):
        return Skip("disabled")
    fresh = [item for item in turn.inputs if item.age_seconds <= turn.settings.max_answer_age_seconds]
    if not fresh:
        return Skip("stale")
    texts = tuple(item.text for item in fresh if item.content is MessageKind.TEXT and item.text and clean(item.text))
    return Ask(role, texts) if texts else Say(ASK_FOR_TEXT, "unsupported")


def role_of(turn: Turn) -> Role:
    """Return who answers: Aurora speaks with owners and in the account's own chat."""
    phone = turn.contact.phone
    owner = phone is not None and any(same_phone(phone, owner) for owner in turn.settings.owners)
    return Role.AURORA if turn.self_chat or owner else Role.CUSTOMER


def same_phone(one: str, other: str) -> bool:
    """Whether two E.164 numbers reach one phone.

    WhatsApp addresses many Brazilian mobiles without the ninth digit that they are dialled with.
    """
    return _dialled_before_ninth_digit(one) == _dialled_before_ninth_digit(other)


def _dialled_before_ninth_digit(phone: str) -> str:
    area_end = len(_BRAZIL) + 2
    if phone.startswith(_BRAZIL) and len(phone) == _BRAZIL_MOBILE_DIGITS and phone[area_end] == "9":
        return phone[:area_end] + phone[area_end + 1 :]
    return phone
