"""A conversation that is due is claimed, whatever else happens at the same moment."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from integration.ai.journals import WrittenJournal, apply, ingest
from integration.ai.scene import Scene, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import ClaimLimits, Engine
from oxy_ai.records import TurnLimits
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_core.tasks import end_tasks

TIMINGS = int(os.environ.get("OXY_TEST_TIMINGS", "2000"))
AT_ONCE = 20
"""Organizations whose customers write at the same time."""
DEBOUNCE_SECONDS = 0.1
JITTER_SECONDS = 0.01
SWEEP_SECONDS = 0.5
PATIENCE_SECONDS = 60
"""What nobody wakes is never claimed, so this only has to outlast a busy machine."""
LIMITS = ClaimLimits(
    timedelta(hours=1),
    0,
    1,
    timedelta(seconds=0.005),
    TurnLimits(messages=10, characters_each=100, characters=1000, characters_quoted=300, content_bytes=8_192, claims=1),
    0,
    timedelta(seconds=0.005),
)
"""Nothing falls due again because a lease ends."""
FIRST, SECOND = Jid.of_phone("+5511912340001"), Jid.of_phone("+5511912340002")


@asynccontextmanager
async def engine_of(scene: Scene, connections: int = 4) -> AsyncIterator[Engine]:
    async with connected_pool(scene.database_url, connections=connections) as pool:
        yield Engine(pool)


async def test_a_message_stored_while_another_conversation_is_claimed_is_due_after_it(scene: Scene) -> None:
    settings = settings_of("petshop")
    journal = WrittenJournal(settings)
    async with engine_of(scene) as engine:
        await apply(engine, settings)
        await ingest(engine, settings.account, [journal.write(FIRST, "Oi")])
        async with engine.pool.acquire() as claiming, claiming.transaction():
            await claiming.execute("select claim_conversations($1, $2, $3, $4, $5)", 1, *LIMITS[:4])
            storing = asyncio.create_task(ingest(engine, settings.account, [journal.write(SECOND, "Oi")]))
            await asyncio.wait([storing], timeout=1)  # it may wait for the claim
        await storing
        claims = await until(lambda: claimed(engine), PATIENCE_SECONDS)
    assert claims == 1


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_every_due_conversation_is_claimed_however_close_two_messages_come(scene: Scene) -> None:
    seed = int(os.environ.get("OXY_TEST_SEED", random.randrange(2**32)))
    print(f"wake-ups: OXY_TEST_SEED={seed}")  # noqa: T201 a failure can be repeated
    moments = random.Random(seed)
    async with engine_of(scene, AT_ONCE) as engine, engine_of(scene, 1) as one, engine_of(scene, 1) as other:
        tenants = [tenant(number) for number in range(TIMINGS)]
        for settings in tenants:
            await apply(engine, settings)
        claiming = [asyncio.create_task(keep_claiming(worker)) for worker in (one, other)]
        pauses = [moments.uniform(-JITTER_SECONDS, JITTER_SECONDS) for _ in tenants]
        await write_all(engine, list(zip(tenants, pauses, strict=True)))
        await until_no_more(scene)
        await end_tasks(*claiming)
    assert await claims(scene) == 2 * TIMINGS


async def until_no_more(scene: Scene) -> None:
    """Wait until all are claimed, or no more of them for a while."""
    before = -1
    while before < (before := await claims(scene)) < 2 * TIMINGS:
        with contextlib.suppress(TimeoutError):
            await until(lambda: all_claimed(scene), PATIENCE_SECONDS)


async def claims(scene: Scene) -> int:
    found: int = await scene.value("select count(*) from conversations where fence > 0")
    return found


def tenant(number: int) -> InstanceSettings:
    ai = AiSettings(debounce_seconds=DEBOUNCE_SECONDS)
    return settings_of(f"petshop-{number}", ai=ai, account=f"A{number:055}")


async def all_claimed(scene: Scene) -> bool:
    return bool(await scene.value("select bool_and(fence > 0) from conversations"))


async def claimed(engine: Engine) -> int:
    return len((await engine.claim(5, LIMITS)).claimed)


async def keep_claiming(engine: Engine) -> None:
    """Claim as a dispatcher without hints does: when something may be due, and at the sweep."""
    while True:
        found = await engine.claim(5, LIMITS)
        planned = SWEEP_SECONDS if found.wait is None else found.wait
        await asyncio.sleep(min(max(planned, 0.005), SWEEP_SECONDS))


async def write_all(engine: Engine, pairs: list[tuple[InstanceSettings, float]]) -> None:
    async def write_some() -> None:
        while pairs:
            await write_pair(engine, *pairs.pop())

    async with asyncio.TaskGroup() as writing:
        for _ in range(AT_ONCE):
            writing.create_task(write_some())


async def write_pair(engine: Engine, settings: InstanceSettings, jitter: float) -> None:
    """Let a second customer write within a few milliseconds of the end of the first one's debounce."""
    journal = WrittenJournal(settings)
    await ingest(engine, settings.account, [journal.write(FIRST, "Oi")])
    await asyncio.sleep(DEBOUNCE_SECONDS + jitter)
    await ingest(engine, settings.account, [journal.write(SECOND, "Oi")])
