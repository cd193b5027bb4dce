"""Counts failures to connect until a connection has lasted. Pure.

A login proves little: a server may end each connection right after it. If that reset the count, such a server would be
met without any back-off, and the number would look like an attacker's.
"""

from dataclasses import dataclass
from typing import Final

FREE_LOSSES: Final = 1
"""How many connections that did not last the library may replace on its own, which takes a tenth of a second."""


@dataclass(slots=True)
class Steadiness:
    """What has gone wrong since a connection last lasted."""

    failed: int = 0
    """Failed attempts."""
    losses: int = 0
    """Connections that were lost, or replaced without a word."""
    up: bool = False

    def connected(self) -> None:
        """Take note of a login. One that follows another without a loss in between is a loss too."""
        if self.up:
            self.lost()
        self.up = True

    def lost(self) -> None:
        """Take note that the connection is gone; does nothing if there is none."""
        self.losses += self.up
        self.up = False

    def lasted(self) -> None:
        """Forget the past: the present connection has lasted."""
        self.failed = self.losses = 0

    @property
    def unsteady(self) -> bool:
        """Whether the next attempt needs a pause, so that the library must not reconnect on its own."""
        return self.losses > FREE_LOSSES
