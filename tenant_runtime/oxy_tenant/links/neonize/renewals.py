"""Replaces a session by a new one without the rest of the runtime noticing, unless that takes long."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from oxy_tenant.links.events import Connected, Disconnected, Identified, LinkEvent
from oxy_tenant.links.neonize.patience import Patience
from oxy_tenant.links.protocol import EventSink

CONNECT_SECONDS: Final = 5.0
"""How long a new session may take to connect until the connection counts as lost."""

SLOW_ACKNOWLEDGEMENT: Final = "SlowAcknowledgement"


class Renewals:
    """The renewals of one link's sessions, one at a time."""

    def __init__(self, on_connected: Callable[[], object]) -> None:
        """`on_connected` is called when a new session has connected: it knows nothing of what the old one was told."""
        self.patience = Patience()
        self._running: asyncio.Task[None] | None = None
        self._silent = False
        """Whether events of a new session that is expected to connect are held back."""
        self._connected = asyncio.Event()
        self._on_event: EventSink | None = None
        self._on_connected = on_connected

    def watch(self, on_event: EventSink, from_thread: Callable[..., object]) -> EventSink:
        """Return a sink for a link's events, which passes on what happens to more than one of its sessions.

        `from_thread` calls a function in the event loop.
        """
        self._on_event, self._silent = on_event, False

        def watched(event: LinkEvent) -> None:
            if self._silent and isinstance(event, (Identified, Connected)):
                if isinstance(event, Connected):
                    from_thread(self._connected.set)
                return
            on_event(event)

        return watched

    async def run(self, renewal: Coroutine[Any, Any, None]) -> None:
        """Renew a session, and wait until the new one has connected or takes too long."""
        self.patience.lost()
        on_event, self._silent = self._on_event, True
        self._connected.clear()
        # A task of its own: whoever waits may be cancelled, and half a renewal would be a lost session.
        self._running = asyncio.create_task(renewal)
        try:
            await asyncio.shield(self._running)
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected.wait()
        except TimeoutError:
            # Not if the link was closed meanwhile: whoever opened it again is told of its own session only.
            if on_event is not None and on_event is self._on_event:
                on_event(Disconnected(SLOW_ACKNOWLEDGEMENT))
        else:
            self._on_connected()
        finally:
            if on_event is self._on_event:
                self._silent = False

    async def over(self) -> None:
        """Wait until no session is being replaced."""
        if self._running is not None:
            await asyncio.wait({self._running})
