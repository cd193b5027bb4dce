"""Why the connection must stay closed, for now or for good, although WhatsApp would take it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from oxy_core.errors import OxyError
from oxy_core.tasks import cancel_tasks


@dataclass(frozen=True, slots=True)
class Held:
    """The session must end: something on this side must be repaired first."""

    reason: str
    """CamelCase, of a row in `oxy_core.instance.connection_causes`."""


class ConnectionHold:
    """Keeps the connection of one instance closed while there is a reason to."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """CamelCase; None: the connection may be open."""
        self.ended: OxyError | None = None
        """Why it never opens again; raised once the session has ended."""
        self._changed = asyncio.Event()
        self._end_session: Callable[[Held], None] | None = None

    @property
    def closed(self) -> bool:
        """Whether the connection must not be open now, or never again."""
        return self.reason is not None or self.ended is not None

    def set(self, reason: str | None) -> None:
        """Close the connection, or with None let it open again; call it in the event loop."""
        self.reason = reason
        self._changed.set()
        if reason is not None and self._end_session is not None:
            self._end_session(Held(reason))

    def end(self, reason: str, error: OxyError) -> None:
        """Close the connection for good; call it in the event loop."""
        self.ended = error
        self.set(reason)

    async def over(self) -> None:
        """Wait until the connection may be open, or it is certain that it never will be."""
        while self.reason is not None and self.ended is None:
            self._changed.clear()
            await self._changed.wait()

    async def unless_closed(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`; give it up as soon as the connection must be closed."""
        working, closing = asyncio.create_task(work), asyncio.create_task(self._begun())
        try:
            await asyncio.wait({working, closing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            await cancel_tasks(working, closing)

    async def _begun(self) -> None:
        while not self.closed:
            self._changed.clear()
            await self._changed.wait()

    @contextmanager
    def ending(self, end_session: Callable[[Held], None]) -> Iterator[None]:
        """Have the session that runs in this context end when a hold begins."""
        self._end_session = end_session
        try:
            yield
        finally:
            self._end_session = None
