"""A runtime that cannot use its session yet."""

import asyncio
from pathlib import Path

import pytest
from integration.tenant.scene import Bus
from nats.aio.client import Client
from unit.tenant.links import environment_in

from oxy_dev.servers import free_port
from oxy_tenant.lobby import Lobby


async def test_what_breaks_on_the_bus_ends_the_wait_and_is_not_lost(bus: Bus, tmp_path: Path) -> None:
    changes = {"nats_url": bus.server.url, "probe_host": "127.0.0.1", "probe_port": free_port()}
    lobby = Lobby(environment_in(tmp_path).model_copy(update=changes), asyncio.Event())

    async def break_down(_: Client) -> None:
        message = "broken"
        raise RuntimeError(message)

    with pytest.raises(ExceptionGroup) as broken:
        async with asyncio.timeout(20), lobby.waiting(break_down):
            await asyncio.Event().wait()
    assert broken.group_contains(RuntimeError, match="broken")
