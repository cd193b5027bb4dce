"""How long other chats wait for a message that WhatsApp does not acknowledge. Pure."""

from dataclasses import dataclass
from typing import Final

FIRST_SECONDS: Final = 3.0
"""How long others wait at first. WhatsApp acknowledges nearly all messages within a tenth of a second."""

LONGEST_SECONDS: Final = 75.0
"""After this long the library itself gives up. Source: whatsmeow request.go, defaultRequestTimeout."""


@dataclass(slots=True)
class Patience:
    """Doubles with each session that was given up, until one proves that this helps."""

    seconds: float = FIRST_SECONDS
    """After so many seconds without an acknowledgement the session is given up, if others wait."""

    def lost(self) -> None:
        """Take note that a session was given up."""
        self.seconds = min(LONGEST_SECONDS, self.seconds * 2)

    def answered(self, seconds: float) -> None:
        """Take note that WhatsApp answered after so many seconds."""
        if seconds < FIRST_SECONDS:
            self.seconds = FIRST_SECONDS
