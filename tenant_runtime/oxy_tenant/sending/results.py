"""The result of a send request."""

from dataclasses import dataclass
from typing import Final

from oxy_core.envelopes import SendOutcome

UNCONFIRMED: Final = "sending was interrupted; WhatsApp may or may not have received the message"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a request, with its reason."""

    outcome: SendOutcome
    whatsapp_id: str | None = None
    error: str | None = None
    """For people; never holds message text."""
