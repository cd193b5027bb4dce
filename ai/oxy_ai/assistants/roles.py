"""Which assistant answers whom, and whether its answers leave. Pure."""

from collections.abc import Iterable

from oxy_ai.assistants.vertical import Role
from oxy_ai.records import Turn
from oxy_core.identity import same_phone


def role_of(turn: Turn) -> Role:
    """Return which assistant answers a turn."""
    return role_for(turn.contact.phone, turn.settings.owners, self_chat=turn.self_chat or turn.owner)


def role_for(phone: str | None, owners: Iterable[str], *, self_chat: bool) -> Role:
    """Return which assistant answers a phone (E.164): Aurora answers owners and the account's chat with itself."""
    return Role.AURORA if self_chat or is_one_of(phone, owners) else Role.CUSTOMER


def is_one_of(phone: str | None, phones: Iterable[str]) -> bool:
    """Whether a phone (E.164; None: unknown) is one of these, in whichever spelling."""
    return phone is not None and any(same_phone(phone, other) for other in phones)


def is_draft(turn: Turn) -> bool:
    """Whether a turn's answer is stored, not sent, and its tools must not change anything: the business tries us out.

    Owners are answered all the same.
    """
    return turn.settings.ai.mode == "Draft" and role_of(turn) is Role.CUSTOMER
