"""The result of a send request."""

from dataclasses import dataclass
from typing import Final

from oxy_core.envelopes import SendOutcome

UNCONFIRMED: Final = "the connection broke while sending; WhatsApp may have taken the message"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a request, with its reason."""

    outcome: SendOutcome
    whatsapp_id: str | None = None
    error: str | None = None
    """For people; never holds message text."""
