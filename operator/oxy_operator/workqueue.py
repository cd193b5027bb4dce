"""A queue of keys to reconcile: level-triggered, one worker per key at a time, back-off after errors."""

import asyncio
import random
from collections import Counter
from typing import Final

from oxy_operator.objects import Key

FIRST_RETRY_SECONDS: Final = 0.5
"""Longest back-off after the first failure; it doubles with each further one."""

LAST_RETRY_SECONDS: Final = 60.0
"""Upper bound of the back-off."""


class WorkQueue:
    """Keys waiting for a worker. A key added while it is being reconciled is reconciled once more afterwards."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: Counter[Key] = Counter()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    def add(self, key: Key) -> None:
        """Schedule a key as soon as possible."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Schedule a key after some time; if it is already scheduled, the earlier time wins."""
        loop = asyncio.get_running_loop()
        planned = self._timers.get(key)
        if planned is not None and planned.when() <= loop.time() + seconds:
            return
        if planned is not None:
            planned.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def _due(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)

    async def take(self) -> Key:
        """Wait for a key; the caller must call `done` afterwards."""
        key = await self._ready.get()
        self._waiting.discard(key)
        self._running.add(key)
        return key

    def done(self, key: Key) -> None:
        """Mark a key as no longer being reconciled."""
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def succeeded(self, key: Key) -> None:
        """Reset a key's back-off."""
        self._failures.pop(key, None)

    def failed(self, key: Key) -> float:
        """Requeue a key after a failure, with exponential back-off and jitter; return the delay in seconds."""
        self._failures[key] += 1
        # The exponent is bounded because 2.0 ** 1024 overflows.
        longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(self._failures[key] - 1, 10))
        seconds = longest * random.uniform(0.5, 1.0)  # noqa: S311 jitter is no secret
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """Forget a key that no longer exists: its back-off and its timer."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
