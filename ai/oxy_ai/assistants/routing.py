"""Rules that decide, before any model is asked, whether a turn is answered, with what and by which assistant. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from oxy_ai.assistants.fixed_texts import ASK_FOR_TEXT
from oxy_ai.assistants.loops import exchanges_with, is_loop
from oxy_ai.assistants.transcript import is_blank, says_nothing, shown
from oxy_ai.assistants.vertical import Role
from oxy_ai.records import AgeLimit, Input, Turn
from oxy_core.identity import same_phone
from oxy_core.instance.settings import AiSettings, AuroraSettings

SkipReason = Literal["disabled", "private", "opted_out", "stale", "loop"]
"""Why nobody answers: switched off; family and friends; the contact wants nothing; too old (a person is told); the
contact seems to be a machine (a person is told)."""

FixedReason = Literal["unsupported", "empty"]
"""Why a fixed text is the answer: nothing can be read, or nothing was written."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Do not answer."""

    reason: SkipReason
    """Stored with the turn and its messages, and counted."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do not answer yet: the instance is away, and nobody asked it to be silent. It may come back in time."""

    reason: str
    """Stored with the turn: closed or suspended."""


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a fixed text."""

    text: str
    reason: FixedReason


@dataclass(frozen=True, slots=True)
class Ask:
    """Let an assistant answer these texts."""

    role: Role
    texts: tuple[str, ...]


Decision = Skip | Wait | Say | Ask


def decide(turn: Turn) -> Decision:
    """Return what to do with a turn: the first rule that applies decides."""
    role = role_of(turn)
    silence = _silence(turn, role)
    if silence is not None:
        return Skip(silence)
    fresh = fresh_inputs(turn)
    if not fresh:
        return Skip("stale")
    if turn.closed or turn.settings.suspended:
        return Wait("closed" if turn.closed else "suspended")
    if not turn.replayed and is_loop(exchanges_with(turn, fresh)):
        return Skip("loop")
    return _reply(role, fresh)


def _silence(turn: Turn, role: Role) -> SkipReason | None:
    """Return why nobody answers this contact, whatever was written; None: somebody does."""
    ai, contact = turn.settings.ai, turn.contact
    if not ai.enabled or (role is Role.AURORA and not ai.aurora.enabled):
        return "disabled"
    if role is Role.AURORA:
        return None
    if contact.private:
        return "private"
    return "opted_out" if contact.opt_out == "all" else None


def _reply(role: Role, fresh: Sequence[Input]) -> Decision:
    if all(is_blank(item) for item in fresh):
        return Say(ASK_FOR_TEXT, "empty")
    if all(says_nothing(item) for item in fresh):
        return Say(ASK_FOR_TEXT, "unsupported")
    return Ask(role, tuple(shown(item) for item in fresh if not is_blank(item)))


def fresh_inputs(turn: Turn) -> list[Input]:
    """Return those of a turn's inputs that are not too old to be answered."""
    limit = age_limit(turn)
    return [item for item in turn.inputs if limit is None or item.age_seconds <= limit.seconds]


def age_limit(turn: Turn) -> AgeLimit | None:
    """Return from which age on a turn's inputs are too old to be answered; None: a person has asked for the turn."""
    if turn.replayed:
        return None
    return AgeLimit(read_at=turn.read_at, seconds=turn.settings.max_answer_age_seconds)


def role_of(turn: Turn) -> Role:
    """Return which assistant answers a turn."""
    return role_for(turn.contact.phone, turn.settings.owners, self_chat=turn.self_chat)


def role_for(phone: str | None, owners: Iterable[str], *, self_chat: bool) -> Role:
    """Return which assistant answers a phone (E.164): Aurora answers owners and the account's chat with itself."""
    owner = phone is not None and any(same_phone(phone, owner) for owner in owners)
    return Role.AURORA if self_chat or owner else Role.CUSTOMER


def settings_for(ai: AiSettings, role: Role) -> AiSettings | AuroraSettings:
    """Return an assistant's settings of the model: its name, `temperature` and `max_tokens`."""
    return ai.aurora if role is Role.AURORA else ai
