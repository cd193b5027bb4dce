"""Counts failures to connect until a connection has lasted. Pure.

A login proves little: a server may end each connection right after it. If that reset the count, such a server would be
met without any back-off, and the number would look like an attacker's.
"""

from dataclasses import dataclass
from typing import Final

FREE_LOSSES: Final = 1
"""How many connections that did not last the library may replace on its own, which takes a tenth of a second."""

UNREADABLE_SECONDS: Final = 3600.0
"""At most once in this time, a frame that cannot be read is a reason for a new session: it might come again."""


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
    unreadable_at: float | None = None
    """When a session was last given up for a frame that could not be read, on a monotonic clock."""

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

    def unreadable(self, now: float) -> bool:
        """Take note of a frame that cannot be read; return whether a new session should make up for it."""
        if self.unreadable_at is not None and now - self.unreadable_at < UNREADABLE_SECONDS:
            return False
        self.unreadable_at = now
        return True

    @property
    def unsteady(self) -> bool:
        """Whether the next attempt needs a pause, so that the library must not reconnect on its own."""
        return self.losses > FREE_LOSSES
