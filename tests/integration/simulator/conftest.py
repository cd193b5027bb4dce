"""A simulator in this process, and real neonize clients in others."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.simulator.clients import NeonizeClient, NewClient

from oxy_simulator.testing import TRUST_FOLDER, Phone, WhatsApp

BOT, ANA = "+5511900000001", "+5511911111111"


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[WhatsApp]:
    """A simulator; a test that wants violations allows them by rule."""
    async with WhatsApp(state=tmp_path / "simulator") as running:
        yield running


@pytest.fixture
async def bot(simulator: WhatsApp) -> Phone:
    return await simulator.phone(BOT, "Clínica")


@pytest.fixture
async def ana(simulator: WhatsApp) -> Phone:
    return await simulator.phone(ANA, "Ana")


@pytest.fixture
async def new_client(tmp_path: Path) -> AsyncIterator[NewClient]:
    """Make unlinked clients, started, that end with the test."""
    clients: list[NeonizeClient] = []

    async def make(environment: dict[str, str]) -> NeonizeClient:
        client = NeonizeClient(
            {**os.environ, "PYTHONPATH": str(TRUST_FOLDER), **environment}, tmp_path / f"session-{len(clients)}.db"
        )
        clients.append(client)
        await client.start()
        return client

    yield make
    for client in clients:
        await client.kill()


@pytest.fixture
async def client(simulator: WhatsApp, bot: Phone, new_client: NewClient) -> NeonizeClient:
    """A client that is linked to the bot's phone and connected, with its push name."""
    made = await new_client(simulator.client_environment)
    await bot.link(qr=(await made.expect("QR"))["text"])
    await made.expect("Connected")
    return made
