"""Counts failures to connect until a connection has lasted. Pure.

A login proves little: a server may end each connection right after it. If that reset the count, such a server would be
met without any back-off, and the number would look like an attacker's.
"""

from dataclasses import dataclass
from typing import Final

FREE_LOSSES: Final = 1
"""How many connections that did not last the library may replace on its own, which takes a tenth of a second."""

FIRST_RENEWAL_PAUSE: Final = 5.0
LONGEST_RENEWAL_PAUSE: Final = 3600.0
"""A frame that cannot be read is a reason for a new session, which may bring the very same frame. So from one to the
next the pause doubles, in seconds. An hour in which all can be read is the end of it."""


@dataclass(slots=True)
class Steadiness:
    """What has gone wrong since a connection last lasted."""

    failed: int = 0
    """Failed attempts."""
    losses: int = 0
    """Connections that were lost, or replaced without a word."""
    silences: int = 0
    """Sessions that fell silent."""
    up: bool = False
    unreadable_at: float = 0.0
    """When a frame last could not be read, on a monotonic clock; the first time, any moment in the past."""
    renewed_at: float = 0.0
    """When a session was last given up for such a frame."""
    renewal_pause: float = 0.0
    """How long after that the next one may be, in seconds; 0: at once."""

    def connected(self) -> bool:
        """Take note of a login; return whether it replaced a connection without a word, which is a loss too."""
        replaced = self.up
        if replaced:
            self.lost()
        self.up = True
        return replaced

    def lost(self) -> None:
        """Take note that the connection is gone; does nothing if there is none."""
        self.losses += self.up
        self.up = False

    def lasted(self) -> None:
        """Forget the past: the present connection has lasted."""
        self.failed = self.losses = self.silences = 0

    def fell_silent(self, most: int) -> bool:
        """Take note that a session fell silent; return whether it was one of so many that a new process must help."""
        self.silences += 1
        return self.silences >= most

    def unreadable(self, now: float) -> float:
        """Take note of a frame that cannot be read; return when a new session is to fetch again what was lost."""
        if now - max(self.unreadable_at, self.renewed_at) >= LONGEST_RENEWAL_PAUSE:
            self.renewal_pause = 0.0
        self.unreadable_at = now
        return now if self.renewal_pause == 0 else max(now, self.renewed_at + self.renewal_pause)

    def renewed(self, now: float) -> None:
        """Take note that a session is given up for a frame that could not be read."""
        self.renewed_at = now
        self.renewal_pause = min(LONGEST_RENEWAL_PAUSE, self.renewal_pause * 2 or FIRST_RENEWAL_PAUSE)

    @property
    def unsteady(self) -> bool:
        """Whether the next attempt needs a pause, so that the library must not reconnect on its own."""
        return self.losses > FREE_LOSSES
