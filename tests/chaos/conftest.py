"""The whole system as plain processes, killed on purpose. Moments are drawn from a seed that is printed."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chaos.seed import draw_seed

from oxy_dev.stack import Stack, running_stack
from oxy_simulator.client import SimulatorClient

WORKER = {"OXY_LEASE_SECONDS": "3", "OXY_TURNS_PER_SECOND": "0", "OXY_TURNS_EACH": "0"}


@pytest.fixture
def dice() -> random.Random:
    """Draws the moments of kills."""
    return random.Random(draw_seed())


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Everything, with a model that answers at once with what it was told, and two workers."""
    async with running_stack(Stack(tmp_path, workers=2, worker_environment=WORKER, model_arguments=("--echo",))) as one:
        yield one


@pytest.fixture
async def simulator(stack: Stack) -> AsyncIterator[SimulatorClient]:
    """The simulated WhatsApp; fails the test that made a client break the protocol."""
    async with SimulatorClient(stack.control_url) as client:
        yield client
        assert await client.violations() == []
