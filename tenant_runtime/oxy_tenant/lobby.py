"""The runtime before it can use the session: it answers probes, shows its state, and waits.

There are no parts yet: opening the journal or the session is what must wait.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from oxy_core.envelopes import ConnectionState
from oxy_core.instance.stored_session import VolumeProblem
from oxy_core.probes import serving_probes
from oxy_core.tasks import end_tasks, wait_for
from oxy_tenant.bus import BusWork, run_on_bus
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.own_process import OwnProcess
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.state_page import state_page
from oxy_tenant.volume.room import ENOUGH, LOOK_SECONDS, reserve_of
from oxy_tenant.volume.watch import usage_of

log = structlog.get_logger()


class Lobby:
    """Where a runtime waits. `board` shows why, `stop` is set by a signal."""

    def __init__(self, environment: RuntimeSettings, stop: asyncio.Event) -> None:
        self.environment = environment
        self.board = StateBoard(environment, self._stored)
        self.stop = stop

    def _stored(self) -> Stored:
        usage = usage_of(self.environment.session)
        return Stored(volume_bytes=usage.total, volume_free_bytes=usage.free)

    def _page(self) -> str:
        return state_page(self.board.live_state(), {}, OwnProcess.seen())

    @asynccontextmanager
    async def waiting(self, *work: BusWork) -> AsyncIterator[None]:
        """Serve probes and the live state, with `work` on the same connection to the bus, while the context lasts."""
        environment, board = self.environment, self.board
        with serving_probes(environment.probe_host, environment.probe_port, board.not_ready, state=self._page):
            # Whatever ends the work on the bus ends the wait: nobody would see why the runtime waits.
            async with asyncio.TaskGroup() as tasks:
                bus = tasks.create_task(run_on_bus(environment, (board.run, *work)))
                try:
                    yield
                finally:
                    await end_tasks(bus)

    async def room(self) -> bool:
        """Wait until the volume has room; return whether it has, or False after a signal."""
        problem = VolumeProblem.VOLUME_FULL.value
        log.warning("volume_problem", problem=problem)
        self.board.update(connection=ConnectionState.RECONNECTING, last_reason=problem, volume_problem=problem)
        async with self.waiting():
            while not has_enough(self.environment) and not self.stop.is_set():
                await wait_for(self.stop, LOOK_SECONDS)
        return not self.stop.is_set()


def has_enough(environment: RuntimeSettings) -> bool:
    """Whether the volume has so much room that the runtime can connect; raises OSError."""
    usage = usage_of(environment.session)
    return usage.free >= reserve_of(usage.total) * ENOUGH
