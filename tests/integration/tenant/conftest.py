"""Fixtures of the tenant runtime's integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.tenant.scene import Bus, Scene, staged

from oxy_core.bus import connected
from oxy_core.jetstream import ensure_streams
from oxy_dev.servers import NatsServer
from oxy_simulator.testing import WhatsApp


@pytest.fixture
async def simulator() -> AsyncIterator[WhatsApp]:
    async with WhatsApp() as running:
        yield running


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with connected(nats_server.url, name="platform") as client:
        await ensure_streams(client.jetstream())
        bus = Bus(nats_server, client)
        await bus.follow()
        yield bus


@pytest.fixture
async def scene(simulator: WhatsApp, bus: Bus, tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(simulator, bus, tmp_path) as built:
        yield built
