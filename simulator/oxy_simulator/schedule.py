"""Actions that are due later, without any timer of their own: the shell runs them when it is time."""

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[], None]


class Schedule:
    """Actions by time, in the seconds of one clock; equal times keep their order."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self.sooner: Callable[[], None] = _nothing
        """Called when an action comes before all others: sleepers must look again."""

    def after(self, seconds: float, action: Action) -> None:
        """Let an action be run once, some seconds from now."""
        entry = (self._clock() + seconds, next(self._numbers), action)
        heapq.heappush(self._entries, entry)
        if self._entries[0] is entry:
            self.sooner()

    def wait(self) -> float | None:
        """Return the seconds until the next action (0 if it is overdue), or None if there is none."""
        return max(self._entries[0][0] - self._clock(), 0.0) if self._entries else None

    def run_due(self) -> None:
        """Run what is due, in order."""
        while self._entries and self._entries[0][0] <= self._clock():
            heapq.heappop(self._entries)[2]()


def _nothing() -> None:
    """Wake nobody."""
