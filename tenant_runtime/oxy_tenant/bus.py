"""The runtime's connection to NATS, which may come and go: nothing else depends on it."""

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
"""Pause before a new client; a client reconnects on its own much faster."""

Talk = Callable[[Client], Coroutine[None, None, None]]
"""Talks to NATS until cancelled or until the bus fails."""

log = structlog.get_logger()


async def keep_talking(environment: RuntimeSettings, talks: Sequence[Talk]) -> None:
    """Run `talks` whenever there is a connection, until cancelled; raises what is not the bus's fault."""

    async def talk() -> None:
        async with (
            connected(environment.nats_url, environment.nats_credentials, name=environment.label) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for run in (*talks, _fail_when_closed):
                tasks.create_task(run(client))

    await supervised("bus", talk, _report_outage, pause_seconds=RECONNECT_SECONDS)


def _report_outage(name: str, error: Exception) -> None:
    """Log what a new client may repair; raise everything else."""
    errors = error if isinstance(error, ExceptionGroup) else ExceptionGroup(name, [error])
    outages, others = errors.split((BusError, NatsError))
    if others is not None:
        raise others
    if outages is not None:
        log.warning("bus_unusable", errors=[str(outage) for outage in outages.exceptions])


async def _fail_when_closed(client: Client) -> None:
    """nats-py closes for good in some cases, among them expired credentials: a new client is needed then."""
    while not client.is_closed:  # noqa: ASYNC110 `connected` keeps the client's callbacks for itself
        await asyncio.sleep(1)
    message = "the connection to NATS was closed for good"
    raise BusError(message)
