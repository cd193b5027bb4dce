"""Keeps how long the library has been silent, and how long it must be until it has delivered everything."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

QUIET_SECONDS: Final = 0.5
"""A session without a callback for this long has usually delivered everything that it had received."""

SLOWNESS: Final = 4.0
"""The silence as a multiple of the slowest of the last callbacks: before the next one, the library commits some four
times to the same disk."""


class Callbacks:
    """The callbacks of a session; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._ended_at = clock()
        self._lasted = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Enclose a callback."""
        began = self._clock()
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._ended_at = self._clock()
                # A quick callback, such as a line of the library's log, does not make the disk a fast one.
                self._lasted = max(self._ended_at - began, self._lasted / 2)

    @property
    def over(self) -> bool:
        """Whether no callback runs, and none has run for so long that none is to be expected."""
        with self._lock:
            silence = self._clock() - self._ended_at
            return not self._running and silence >= max(QUIET_SECONDS, SLOWNESS * self._lasted)
