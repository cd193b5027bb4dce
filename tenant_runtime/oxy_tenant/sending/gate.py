"""The final check before a text is sent. Pure."""

from datetime import datetime
from typing import Final

from oxy_core.envelopes import SendOutcome, SendRequest
from oxy_tenant.sending.results import Result

SUPERSEDED: Final = "someone answered from the phone in the meantime"
EXPIRED: Final = "the request expired before it could be sent"


def refuse(request: SendRequest, *, own_sequence: int, self_chat: bool, now: datetime) -> Result | None:
    """Return the result of `request` if it must no longer be sent; None if it may.

    `own_sequence` is the sequence of the newest message in the chat that the business sent from another device. In
    the "message yourself" chat those are the owner's questions, so they supersede nothing.
    """
    if request.expires_at is not None and now >= request.expires_at:
        return Result(SendOutcome.EXPIRED, error=EXPIRED)
    if request.based_on is not None and not self_chat and own_sequence > request.based_on:
        return Result(SendOutcome.SUPERSEDED, error=SUPERSEDED)
    return None
