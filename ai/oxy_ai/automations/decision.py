"""Whether something that is due is sent now, later or not at all. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from oxy_ai.automations.definition import Automation
from oxy_ai.automations.occurrences import Due
from oxy_ai.records import OptOut
from oxy_ai.reputation import Purpose, Room, waiting_for

TALKING: Final = timedelta(minutes=10)
"""So long after a customer's newest message nothing is written into the chat: his "sim" may be about that."""
LOOK_AGAIN: Final = timedelta(minutes=10)
"""After so long it is looked whether an assistant that pauses, or people who answer, still do."""
SOON: Final = timedelta(minutes=1)
"""Something so little ahead is done now: clocks differ."""


class Dropped(StrEnum):
    """Why an occurrence is not sent: the column automation_occurrences.reason."""

    DISABLED = "disabled"
    """The automation was switched off."""
    ASSISTANT_OFF = "assistant_off"
    """The assistant is switched off, and with it all that it writes."""
    CANCELLED = "cancelled"
    """The booking."""
    MOVED = "moved"
    """The booking: the new time has an occurrence of its own."""
    NOT_DUE = "not_due"
    """The customer has come again, or has booked; or the automation was changed."""
    TOO_LATE = "too_late"
    OPTED_OUT = "opted_out"
    PRIVATE = "private"
    OWNER = "owner"
    TRIAL = "trial"
    """The assistant is tried out, and not with this customer."""
    NO_ROOM = "no_room"
    """The number's budget has no room for it in time."""
    UNKNOWN = "unknown"
    """A variable of the text has no value, and no words in its place."""
    UNREACHABLE = "unreachable"
    """The customer has no chat any more."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A customer as he is now."""

    contact: int
    name: str | None = None
    opt_out: OptOut | None = None
    private: bool = False
    owner: bool = False
    on_trial: bool = True
    """Whether the assistant may write to him, as far as `spec.ai.mode` says."""
    human_until: datetime | None = None
    """Until when people answer."""
    last_inbound_at: datetime | None = None
    """When he wrote last."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """How the business's assistant is set."""

    enabled: bool = True
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look at it again."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Do not send it."""

    why: Dropped


Decision = Deliver | Wait | Drop


def decide(automation: Automation, due: Due, to: Recipient, assistant: Assistant, now: datetime) -> Decision:
    """Return what becomes of an occurrence of which everything was read again."""
    dropped = refusal(automation, to, assistant)
    if dropped is not None:
        return Drop(dropped)
    if now >= due.until:
        return Drop(Dropped.TOO_LATE)
    if now < due.at - SOON:
        return Wait(due.at, "due")
    return _held(automation, due, to, assistant, now) or Deliver()


def refusal(automation: Automation, to: Recipient, assistant: Assistant) -> Dropped | None:
    """Return why a customer gets nothing of an automation, whenever it is due; None: he may."""
    reasons = (
        (not automation.enabled, Dropped.DISABLED),
        (not assistant.enabled, Dropped.ASSISTANT_OFF),
        (to.owner, Dropped.OWNER),
        (to.private, Dropped.PRIVATE),
        (to.opt_out is not None, Dropped.OPTED_OUT),
        (not to.on_trial, Dropped.TRIAL),
    )
    return next((why for holds, why in reasons if holds), None)


def decide_by_room(room: Room, purpose: Purpose, now: datetime, until: datetime) -> Decision:
    """Return what becomes of a text that is due, by the room of the number's budget; from `until` on it is too late."""
    if room.at is not None and room.at <= now + LOOK_AGAIN:
        return Deliver()
    wait = Wait(room.at or now + LOOK_AGAIN, waiting_for(purpose, room.why))
    return wait if wait.until < until else Drop(Dropped.NO_ROOM)


def _held(automation: Automation, due: Due, to: Recipient, assistant: Assistant, now: datetime) -> Wait | Drop | None:
    """Return until when something has to wait that is due; too late if that is too long."""
    purpose = Purpose(automation.counts_as)
    holds = [
        Wait(min(to.human_until, now + LOOK_AGAIN), waiting_for(purpose, "human"))
        if to.human_until and to.human_until > now
        else None,
        Wait(now + LOOK_AGAIN, waiting_for(purpose, "assistant")) if assistant.paused else None,
        Wait(to.last_inbound_at + TALKING, waiting_for(purpose, "talking"))
        if to.last_inbound_at and now - TALKING < to.last_inbound_at <= now
        else None,
    ]
    wait = max((hold for hold in holds if hold is not None), key=lambda hold: hold.until, default=None)
    return wait if wait is None or wait.until < due.until else Drop(Dropped.TOO_LATE)
