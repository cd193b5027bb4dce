"""The final check before a text is sent. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_core.envelopes import SendOutcome, SendRequest
from oxy_tenant.sending.results import Result

SUPERSEDED: Final = "someone answered from the phone in the meantime"
EXPIRED: Final = "the request expired before it could be sent"


@dataclass(frozen=True, slots=True)
class ChatPosition:
    """What this instance's own messages in a chat say about an answer to it."""

    epoch: UUID
    """The journal that counts them."""
    own_sequence: int
    """Sequence of the newest message that the business sent from another device; 0: none."""
    self_chat: bool = False
    """In the "message yourself" chat those are the owner's questions, so they supersede nothing."""


def refuse(request: SendRequest, chat: ChatPosition, *, expires_at: datetime | None, now: datetime) -> Result | None:
    """Return the result of `request` if it must no longer be sent; None if it may."""
    if expires_at is not None and now >= expires_at:
        return Result(SendOutcome.EXPIRED, error=EXPIRED)
    if not chat.self_chat and _answered_by_a_person(request, chat):
        return Result(SendOutcome.SUPERSEDED, error=SUPERSEDED)
    return None


def _answered_by_a_person(request: SendRequest, chat: ChatPosition) -> bool:
    if request.based_on is None:
        return False
    if request.based_on_epoch not in {None, chat.epoch}:
        # Sequences of two journals cannot be compared. Whatever the business wrote in this one is probably newer, and
        # an answer too few does less harm than a second one.
        return chat.own_sequence > 0
    return chat.own_sequence > request.based_on
