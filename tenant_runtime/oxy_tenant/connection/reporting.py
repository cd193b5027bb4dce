"""Journals whether we are connected: what has lasted for a while, so that a flapping connection fills no journal."""

import asyncio
from typing import Final

import structlog

from oxy_core.envelopes import ConnectionChanged, ConnectionState
from oxy_core.tasks import wait_for
from oxy_tenant.connection.live_state import State, StateBoard
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.reports import Reports

LASTING_SECONDS: Final = 5.0
"""How long a state must have lasted before it is reported; the first connection of a process is reported at once."""

RETRY_SECONDS: Final = 5.0
"""Pause before a state that could not be journalled is reported again."""

log = structlog.get_logger()


class ConnectionReports:
    """Follows the board."""

    def __init__(self, reports: Reports, board: StateBoard, *, lasting_seconds: float = LASTING_SECONDS) -> None:
        self._reports = reports
        self._board = board
        self._lasting_seconds = lasting_seconds

    async def run(self) -> None:
        """Report until cancelled."""
        changed = self._board.watch()
        reported: ConnectionState | None = None
        while True:
            changed.clear()
            state = self._board.state
            if not _is_news(state.connection, reported):
                await changed.wait()
            elif reported is None or await self._lasts(state.connection, changed):
                if await self._report(self._board.state):
                    reported = state.connection
                else:
                    await asyncio.sleep(RETRY_SECONDS)

    async def _lasts(self, connection: ConnectionState, changed: asyncio.Event) -> bool:
        """Wait until the connection has had this state for long enough; False as soon as it has another."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._lasting_seconds
        while await wait_for(changed, until - loop.time()):
            changed.clear()
            if self._board.state.connection is not connection:
                return False
        return True

    async def _report(self, state: State) -> bool:
        """Journal a state; False if that fails, which is not worth the process: whatever must not be lost ends it."""
        change = ConnectionChanged(
            state=state.connection, reason=state.last_reason, detail=state.last_error, jid=state.jid
        )
        try:
            await asyncio.to_thread(self._reports.report_connection, change)
        except JournalError as error:
            log.warning("connection_not_journalled", error=str(error))
            return False
        return True


def _is_news(connection: ConnectionState, reported: ConnectionState | None) -> bool:
    """Whether this differs from what was last reported. A loss is news only after a connection was reported."""
    if connection is ConnectionState.CONNECTED:
        return reported is not ConnectionState.CONNECTED
    return connection is ConnectionState.RECONNECTING and reported is ConnectionState.CONNECTED
