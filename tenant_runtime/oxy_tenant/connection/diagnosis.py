"""What is known of why the connection is in trouble: the newest cause that says something. Pure."""

from dataclasses import dataclass
from typing import Final

_VAGUE: Final = frozenset({"ConnectionLost", "ConnectionClosed", "StreamEnded"})
"""How connections end after WhatsApp has said why; of no interest then."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause and the underlying error."""

    reason: str
    """Of a row of `oxy_core.instance.connection_causes`."""
    detail: str = ""
    """The library's or WhatsApp's own words, bounded, escaped and without secrets; empty: none."""


class Diagnosis:
    """Collects troubles from one connection to the next."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        """The best explanation so far; None: nothing is wrong, or nothing is known."""

    def note(self, trouble: Trouble) -> Trouble:
        """Take note of a trouble and return the best explanation; what says little does not replace what says more."""
        if self.trouble is None or trouble.reason not in _VAGUE:
            self.trouble = trouble
        return self.trouble

    def or_else(self, reason: str) -> Trouble:
        """Return the best explanation, or a trouble of `reason` if nothing is known."""
        return self.trouble or Trouble(reason)

    def clear(self) -> None:
        """Forget what was wrong: there is a connection."""
        self.trouble = None
