"""The runtime's connection to NATS. Nothing else stops while it is down."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_core.tasks import supervised
from oxy_tenant.settings import RuntimeSettings

RECONNECT_SECONDS: Final = 5.0
"""Pause before a new client is created; an existing one reconnects on its own, much faster."""

BusWork = Callable[[Client], Coroutine[None, None, None]]
"""Uses a connection until cancelled; may raise BusError or a NATS error."""

log = structlog.get_logger()


async def run_on_bus(environment: RuntimeSettings, work: Sequence[BusWork]) -> None:
    """Keep all `work` running on one connection until cancelled; raises any error that NATS did not cause."""

    async def connect_and_run() -> None:
        async with (
            connected(environment.nats_url, environment.nats_credentials, name=environment.label) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for run in work:
                tasks.create_task(run(client))

    await supervised("bus", connect_and_run, _report_outage, pause_seconds=RECONNECT_SECONDS)


def _report_outage(name: str, error: Exception) -> None:
    """Log errors that a new client may repair; raise all others."""
    errors = error if isinstance(error, ExceptionGroup) else ExceptionGroup(name, [error])
    outages, others = errors.split((BusError, NatsError))
    if others is not None:
        raise others
    if outages is not None:
        log.warning("bus_unusable", errors=[str(outage) for outage in outages.exceptions])
