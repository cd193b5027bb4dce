"""Whether a connection still receives: how long WhatsApp has said nothing. Pure.

The library asks WhatsApp for a sign of life every 20 to 30 seconds, and any frame counts as one. Source: whatsmeow
keepalive.go.

A process that was stopped hears nothing either. So time counts only as far as we looked when we meant to.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from oxy_core.instance.settings import ReconnectSettings

LATE_SECONDS: Final = 1.0
"""A look that comes later than this was kept from coming: by a stopped process, or a machine without time for it."""

LOOK_SECONDS: Final = 1.0
"""How often to look while nothing comes."""


class Signs(Enum):
    """What a look finds."""

    HEARS = "hears"
    SILENT = "silent"
    """Nothing has come for so long that the connection no longer counts as one."""
    LOST = "lost"
    """Nothing will come any more."""


@dataclass(slots=True)
class Silence:
    """Times one connection, on a monotonic clock, in seconds."""

    policy: ReconnectSettings
    since: float
    """When WhatsApp was last heard; at first, when the connection was made."""
    excused: float = 0.0
    """How much of the time since then does not count."""
    look_at: float = 0.0
    """When to look next."""

    def __post_init__(self) -> None:
        self.look_at = self.since + self.policy.silent_after_seconds

    def look(self, now: float, last_frame: float | None) -> Signs:
        """Judge the connection, whose last frame came at `last_frame`, and set when to look next."""
        late = now - self.look_at
        if last_frame is not None and last_frame > self.since:
            self.since, self.excused = last_frame, 0.0
        if late > LATE_SECONDS:
            self.excused = min(self.excused + late, now - self.since)
        silent_seconds = now - self.since - self.excused
        if silent_seconds < self.policy.silent_after_seconds:
            self.look_at = now + self.policy.silent_after_seconds - silent_seconds
            return Signs.HEARS
        self.look_at = now + min(LOOK_SECONDS, max(0.0, self.policy.renew_after_seconds - silent_seconds))
        return Signs.LOST if silent_seconds >= self.policy.renew_after_seconds else Signs.SILENT
