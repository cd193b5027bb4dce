"""How long messages were under way, although our clock and WhatsApp's may differ. Pure.

WhatsApp stamps a message when it is sent. One that arrives while we are connected and caught up was sent just now, so
it shows how far our clock is ahead. What that says also holds for messages that were sent while we were offline.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

SAMPLES: Final = 5
"""Live messages that the difference is taken from. WhatsApp may redeliver one late, so it is their median."""


class ClockDifference:
    """How far our clock is ahead of WhatsApp's."""

    def __init__(self, seconds: float | None) -> None:
        """Begin with what was known last; None: nothing."""
        self._samples: deque[float] = deque([] if seconds is None else [seconds], maxlen=SAMPLES)

    @property
    def seconds(self) -> float:
        """Negative if our clock is behind; 0 while nothing is known."""
        # Not statistics.median_low, whose module takes 0.1 MiB.
        return sorted(self._samples)[(len(self._samples) - 1) // 2] if self._samples else 0.0

    def observe(self, sent_at: datetime, now: datetime) -> None:
        """Learn from a message that arrived as soon as it was sent."""
        self._samples.append((now - sent_at).total_seconds())

    def delay_of(self, sent_at: datetime, now: datetime) -> float:
        """Return how many seconds ago a message was sent."""
        return max(0.0, (now - sent_at).total_seconds() - self.seconds)

    def whatsapp_time(self, now: datetime) -> datetime:
        """Return what WhatsApp's clock shows now."""
        return now - timedelta(seconds=self.seconds)
