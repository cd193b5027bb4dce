"""Shows the account as online or offline.

The library refuses to until it knows the account's own name. After linking, the phone sends that a moment after the
login (whatsmeow presence.go, SendPresence), so what it refuses is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from oxy_core.tasks import cancel_tasks
from oxy_tenant.links.errors import LinkUnavailableError

PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each further attempt."""

log = structlog.get_logger()


class Presence:
    """What was last to be shown."""

    def __init__(self, send: Callable[[bytes], Awaitable[bytes]]) -> None:
        """`send` returns the library's error, empty if there is none; raises LinkUnavailableError."""
        self._send = send
        self._online: bool | None = None
        self._showing: asyncio.Task[None] | None = None

    def show(self, *, online: bool) -> None:
        """Show it in the background, from now on and in each session that follows."""
        self._online = online
        self.show_again()

    def show_again(self) -> None:
        """Show in a new session what was last shown; nothing if nothing was."""
        if self._online is None:
            return
        if self._showing is not None:
            self._showing.cancel()
        self._showing = asyncio.create_task(self._show(b"available" if self._online else b"unavailable"))

    async def over(self) -> None:
        """Give up: the session ends."""
        if self._showing is not None:
            await cancel_tasks(self._showing)
            self._showing = None

    async def _show(self, presence: bytes) -> None:
        error = b""
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            try:
                error = await self._send(presence)
            except LinkUnavailableError:
                return
            if not error:
                return
        log.warning("presence_not_shown", error=error.decode(errors="replace"))
