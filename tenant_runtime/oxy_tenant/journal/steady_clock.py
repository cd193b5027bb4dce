"""The clock of the journal: it shows the time, and nobody can set it while the process runs.

Deadlines and delays are differences of its times. Differences of the wall clock would jump with it.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """Return the wall clock's time in UTC."""
    return datetime.now(UTC)


class SteadyClock:
    """Starts with the wall clock and goes on by itself."""

    def __init__(self, wall: Callable[[], datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = wall()
        self._ticks = monotonic()

    def __call__(self) -> datetime:
        """Return the time now."""
        return self._began + timedelta(seconds=self._monotonic() - self._ticks)
