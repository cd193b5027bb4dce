"""A simulator in this process, and real neonize clients in others."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.simulator.clients import TRUST, NeonizeClient, NewClient

from oxy_simulator.testing import Phone, Simulator

BOT, ANA = "+5511900000001", "+5511911111111"


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    """A simulator; a test that expects violations clears them."""
    async with Simulator.running(tmp_path / "simulator") as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def bot(simulator: Simulator) -> Phone:
    return await simulator.phone(BOT, "Clínica")


@pytest.fixture
async def ana(simulator: Simulator) -> Phone:
    return await simulator.phone(ANA, "Ana")


@pytest.fixture
async def new_client(tmp_path: Path) -> AsyncIterator[NewClient]:
    """Make unlinked clients, started, that end with the test."""
    clients: list[NeonizeClient] = []

    async def make(environment: dict[str, str]) -> NeonizeClient:
        client = NeonizeClient(
            {**os.environ, **environment, "PYTHONPATH": str(TRUST)}, tmp_path / f"session-{len(clients)}.db"
        )
        clients.append(client)
        await client.start()
        return client

    yield make
    for client in clients:
        await client.kill()


@pytest.fixture
async def client(simulator: Simulator, bot: Phone, new_client: NewClient) -> NeonizeClient:
    """A client that is linked to the bot's phone and connected, with its push name."""
    made = await new_client(simulator.client_environment)
    await bot.link(qr=(await made.expect("QR"))["text"])
    await made.expect("Connected")
    return made
