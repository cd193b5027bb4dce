"""Forgets people whom the platform has forgotten: in the journal, then in what the library keeps, then it says so.

Each step may be repeated, so it does not matter where the process dies.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from oxy_core.envelopes import Accepted, EraseRequest
from oxy_core.tasks import wait_for
from oxy_tenant.errors import JournalError, SessionError, VolumeError
from oxy_tenant.journal.erasures import Erasures, OpenErasure
from oxy_tenant.links.protocol import StoredSession

RETRY_SECONDS: Final = 60.0
"""Pause after the volume did not serve."""

log = structlog.get_logger()


class Forgetter:
    """Carries out erasures, one after the other."""

    def __init__(self, erasures: Erasures, session: StoredSession, *, has_room: Callable[[int], bool]) -> None:
        """`has_room`: whether the volume has so many bytes to spare."""
        self._erasures = erasures
        self._session = session
        self._has_room = has_room
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()

    def accept(self, request: EraseRequest) -> Accepted:
        """Journal a request, which is carried out soon; blocks, and is called from a thread."""
        accepted = self._erasures.accept(request)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)
        return accepted

    async def run(self) -> None:
        """Forget people until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            for erasure in await asyncio.to_thread(self._erasures.unfinished):
                await self._carry_out(erasure)
            await wait_for(self._wake, RETRY_SECONDS)

    async def _carry_out(self, erasure: OpenErasure) -> None:
        try:
            await asyncio.to_thread(self.forget, erasure)
        except (JournalError, SessionError, VolumeError) as error:
            log.warning("erasure_postponed", erasure=str(erasure.request.id), error=str(error))
        else:
            log.info("person_forgotten", erasure=str(erasure.request.id))

    def forget(self, erasure: OpenErasure) -> None:
        """Forget a person; blocks. Raises JournalError, SessionError, VolumeError."""
        self._require_room()
        wider = self._erasures.forget(erasure)
        left = self._session.forget(wider.is_about)
        self._erasures.finish(wider, left)

    def _require_room(self) -> None:
        # A file that is written anew is on the volume twice more for a while: as a copy, and in its log.
        needed = 2 * max(self._erasures.journal_bytes, self._session.size)
        if not self._has_room(needed):
            message = f"to forget a person takes {needed} bytes of the volume for a while, and it has less to spare"
            raise VolumeError(message)
