"""Journals what happens to the instance beside its connection: WhatsApp's reach-out lock, an absent phone."""

import asyncio
from typing import Final

import structlog

from oxy_core.envelopes import ConnectionState
from oxy_core.tasks import wait_for
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.instance_events import InstanceEvents

CHECK_SECONDS: Final = 5.0
"""How often the phone's signs are looked at, which mostly costs nothing."""

log = structlog.get_logger()


class EventReports:
    """Follows the board. A connection has settled after `settle_seconds`."""

    def __init__(self, events: InstanceEvents, board: StateBoard, *, settle_seconds: float) -> None:
        self._events = events
        self._board = board
        self._settle_seconds = settle_seconds
        self._connected_at: float | None = None

    async def run(self) -> None:
        """Report until cancelled."""
        changed = self._board.watch()
        while True:
            changed.clear()
            try:
                await asyncio.to_thread(self._report, settled=self._has_settled())
            except JournalError as error:
                log.warning("events_not_journalled", error=str(error))
            self._board.update(phone_offline_days=self._events.phone_offline_days)
            await wait_for(changed, CHECK_SECONDS)

    def _report(self, *, settled: bool) -> None:
        self._events.note_reach_out(self._board.state.reachout_lock)
        self._events.watch_phone(settled=settled)

    def _has_settled(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._board.state.connection is not ConnectionState.CONNECTED:
            self._connected_at = None
            return False
        self._connected_at = self._connected_at or now
        return now - self._connected_at >= self._settle_seconds
