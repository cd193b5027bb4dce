"""Simulated time: the wall clock, and whatever a test has advanced it by."""

from collections.abc import Callable


class SimulatedClock:
    """Tells Unix seconds. It runs like its source, and a test may move it forward, never back."""

    def __init__(self, source: Callable[[], float], advanced: float = 0.0) -> None:
        """Begin some seconds ahead of the source."""
        self._source = source
        self.advanced = advanced

    def __call__(self) -> float:
        """Return the time."""
        return self._source() + self.advanced

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.advanced += seconds
