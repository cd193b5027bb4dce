"""Of a new instance all workers hear at once."""

import asyncio

import pytest
from integration.ai.journals import apply
from integration.ai.scene import Scene, settings_of

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import Engine

ROUNDS = 200
WORKERS = 6


@pytest.mark.parametrize("organizations", [1, ROUNDS])
async def test_workers_that_apply_the_same_new_settings_at_once_all_succeed(scene: Scene, organizations: int) -> None:
    async with connected_pool(scene.database_url, connections=WORKERS) as pool:
        engine = Engine(pool)
        for number in range(ROUNDS):
            settings = settings_of(f"petshop{number % organizations}", f"shop{number}")
            await asyncio.gather(*(apply(engine, settings) for _ in range(WORKERS)))
        assert await scene.value("select count(*) from instances") == ROUNDS
