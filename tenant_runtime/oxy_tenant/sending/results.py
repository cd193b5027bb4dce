"""The result of a send request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from oxy_core.envelopes import MAX_ERROR, SendOutcome, SendRequest, SendResult
from oxy_core.file_types import Objection
from oxy_core.outbound import SendRefusal
from oxy_tenant.content.bounds import bounded_id, bounded_text

UNCONFIRMED: Final = "sending was interrupted; WhatsApp may or may not have received the message"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a request, with its reason."""

    outcome: SendOutcome
    whatsapp_id: str | None = None
    error: str | None = None
    """For people; never holds message text."""
    timestamp: datetime | None = None
    """WhatsApp's time of the message."""
    refusal: SendRefusal | None = None
    """Why it was not sent, for processes."""
    retry_after: float | None = None
    """Seconds that WhatsApp asked to wait, last."""

    def of(self, request: SendRequest) -> SendResult:
        """Return what is reported about a request."""
        return SendResult(
            request_id=request.id,
            outcome=self.outcome,
            whatsapp_id=None if self.whatsapp_id is None else bounded_id(self.whatsapp_id),
            error=None if self.error is None else bounded_text(self.error, MAX_ERROR),
            whatsapp_timestamp=self.timestamp,
            refusal=self.refusal,
            retry_after_seconds=self.retry_after,
            resumption=request.resumption,
        )


def refused(objection: Objection) -> Result:
    """Return the result of a request that can never be sent."""
    return Result(SendOutcome.FAILED, error=objection.remedy, refusal=objection.refusal)
