"""Waiting until something about the state holds, without looking again and again."""

import asyncio
from collections.abc import Callable


class Waiters:
    """Whoever waits for a change. A message makes many changes, which together wake each waiter once."""

    def __init__(self) -> None:
        self._events: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = False

    def pulse(self) -> None:
        """Wake everybody in the loop's next turn; costs the same however many wait."""
        if self._events and self._loop is not None and not self._due:
            self._due = True
            self._loop.call_soon(self._wake)

    async def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds, looked at after changes; return whether it did within the time."""
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._events.add(event)
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            return condition()
        finally:
            self._events.discard(event)
        return True

    def _wake(self) -> None:
        self._due = False
        for event in self._events:
            event.set()
