"""Fixtures of the tenant runtime's integration tests."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from integration.tenant.scene import (
    BUSINESS,
    CUSTOMER,
    INSTANCE,
    ORGANIZATION,
    QUICK,
    Bus,
    Runtime,
    Scene,
)

from oxy_core.bus import connected
from oxy_core.jetstream import ensure_streams
from oxy_core.tenant import TenantSettings
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
    settings = TenantSettings(
        organization=ORGANIZATION,
        instance=INSTANCE,
        phone_number=BUSINESS,
        pairing_until=datetime.now(UTC) + timedelta(minutes=15),
        reconnect=QUICK,
        pacing="None",
    )
    runtime = Runtime(tmp_path / "runtime", bus.server.url, simulator.client_environment, settings)
    business = await simulator.phone(BUSINESS, "Pet Shop")
    customer = await simulator.phone(CUSTOMER, "Ana")
    try:
        yield Scene(simulator, bus, runtime, business, customer)
    finally:
        if runtime.process is not None and runtime.process.returncode is None:
            await runtime.kill()
        if (runtime.folder / "runtime.log").exists():
            print(runtime.log[-20_000:])  # noqa: T201 pytest shows it with a failure
