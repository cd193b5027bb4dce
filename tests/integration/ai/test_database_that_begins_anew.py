"""Workers recognise a database that was made anew or set back to an older copy, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest
from integration.ai.conftest import PASSWORD, TEMPLATE, staged
from integration.ai.scene import FakePod, Scene, admin_connections, settings_of, until
from nats.js.errors import KeyNotFoundError

from oxy_core import subjects
from oxy_core.database_mark import DatabaseMark
from oxy_dev.postgres import PostgresServer
from oxy_dev.servers import NatsServer

pytestmark = pytest.mark.timeout(600)
QUICK = {"database_mark_seconds": 0.1, "database_silence_seconds": 2, "database_hold_seconds": 0.5}


async def published(scene: Scene) -> DatabaseMark | None:
    bucket = await scene.client.jetstream().key_value(subjects.DATABASE_BUCKET)
    try:
        return DatabaseMark.decode((await bucket.get(subjects.DATABASE_KEY)).value or b"")
    except KeyNotFoundError:
        return None


async def counted(scene: Scene, more: int = 5) -> DatabaseMark:
    """Wait until the mark has been published some more times."""
    first = await until(lambda: published(scene))

    async def later() -> DatabaseMark | None:
        now = await published(scene)
        return now if now is not None and (now.id != first.id or now.mark >= first.mark + more) else None

    found = await until(later)
    assert found is not None
    return found


@asynccontextmanager
async def workers(scene: Scene, count: int, **changes: object) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(scene.worker(**QUICK | changes))
        yield


def copy(server: PostgresServer, source: str, target: str) -> None:
    """Replace a database by a copy of another one, as a restore of a dump does."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"drop database if exists {target} with (force)")
        connection.execute(f"create database {target} template {source}")


@pytest.fixture
async def scene(nats_server: NatsServer, postgres_server: PostgresServer, database: str) -> AsyncIterator[Scene]:
    """A scene that keeps no connection to its database, which the test replaces or copies."""
    async with staged(nats_server, postgres_server, database, fragile=True) as built:
        yield built


@pytest.fixture
def dump(postgres_server: PostgresServer, database: str) -> Iterator[str]:
    """The name of a copy of the test's database, which the test makes."""
    yield f"{database}_dump"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f"drop database if exists {database}_dump with (force)")


async def test_workers_that_start_together_and_again_find_nothing_new(scene: Scene) -> None:
    for _ in range(3):
        async with workers(scene, 3):
            found = await counted(scene)
            assert found.began_anew is None
    assert found.id == await scene.value("select id from database_state")
    assert await scene.value("select held_until = '-infinity' from database_state")


async def test_a_database_made_anew_is_recognised_once(
    scene: Scene, postgres_server: PostgresServer, database: str
) -> None:
    async with workers(scene, 3):
        await counted(scene)
        copy(postgres_server, TEMPLATE, database)
        await scene.query("update database_state set id = gen_random_uuid()")  # as a migration draws it
        lost = await until(lambda: renewed(scene, None))
        assert (await counted(scene, 20)).began_anew == lost.began_anew
    assert lost.id == await scene.value("select id from database_state")


async def test_an_older_copy_is_recognised_and_so_is_the_next_one(
    scene: Scene, postgres_server: PostgresServer, database: str, dump: str
) -> None:
    async with workers(scene, 1):
        await counted(scene)
    copy(postgres_server, database, dump)
    name = None
    for _ in range(2):
        async with workers(scene, 2):
            await counted(scene)
            copy(postgres_server, dump, database)
            lost = await until(lambda former=name: renewed(scene, former))
            assert (await counted(scene)).began_anew == lost.began_anew
        name = lost.began_anew


async def renewed(scene: Scene, name: str | None) -> DatabaseMark | None:
    found = await published(scene)
    return found if found is not None and found.began_anew not in {None, name} else None


async def test_a_worker_that_still_serves_another_database_is_outlived(
    scene: Scene, postgres_server: PostgresServer, database: str, dump: str
) -> None:
    url, app_url = postgres_server.url(dump), postgres_server.url(dump, user="oxy_app", password=PASSWORD)
    async with admin_connections(url, kept=False) as admin:
        other = Scene(scene.nats_url, app_url, url, scene.model, scene.client, admin)
        async with workers(scene, 1):
            first = await counted(scene)
            copy(postgres_server, TEMPLATE, dump)
            # A busy machine may stall the first one, too.
            async with workers(other, 2, database_silence_seconds=20):
                for _ in range(10):
                    await asyncio.sleep(0.1)
                    assert (await counted(scene)).id == first.id
                with pytest.raises(TimeoutError):
                    await until(lambda: renewed(scene, None), seconds=3)
        async with workers(other, 2):
            lost = await until(lambda: renewed(scene, None))
        assert lost.id == await other.value("select id from database_state")


@pytest.mark.parametrize(
    ("known", "seen", "may"),
    [("id", "mark", True), ("null", "null", True), ("id", "mark + 1", False), ("gen_random_uuid()", "mark", False)],
)
async def test_nothing_is_claimed_in_a_database_that_a_worker_does_not_know(
    scene: Scene,
    known: str,
    seen: str,
    may: bool,  # noqa: FBT001 a case of the table
) -> None:
    await scene.query("select mark_database()")
    state = "from database_state"
    assert await scene.value(f"select may_claim({known}, {seen}) {state}") is may
    await scene.query(f"select replace_database(id, id, '1 minute') {state}")
    assert not await scene.value(f"select may_claim({known}, {seen}) {state}")


CUSTOMERS = ["+5511912340001", "+5511912340002", "+5511912340003"]


async def wrote(scene: Scene) -> list[tuple[str, str]]:
    """Each customer's texts in their places, with their states."""
    rows = await scene.query("select body, state from messages where author = 'customer' order by place")
    return [(row["body"], row["state"]) for row in rows]


async def test_what_a_lost_database_knew_comes_back_and_nothing_is_answered_twice(
    scene: Scene, postgres_server: PostgresServer, database: str
) -> None:
    pod = await scene.pod(settings_of("petshop"))
    first, second, third = CUSTOMERS
    async with workers(scene, 2):
        for text in ("Oi", "Quanto custa o banho?"):
            await pod.answer_to(text, first)
        await pod.answer_to("Oi", second)
        pod.person_writes("Deixa comigo", second)
        pod.receive("Obrigada", second)
        pod.person_writes("De nada", second)
        await until(lambda: pod.unpublished == 0)
        copy(postgres_server, TEMPLATE, database)
        await scene.query("update database_state set id = gen_random_uuid(), created_at = clock_timestamp()")
        pod.receive("Oi", third)  # comes during the loss
        await until(lambda: renewed(scene, None))
        pod.publish_all_again()
        await until(lambda: pod.answers_to(third))
        await until(lambda: all_stored(scene, 5))
        await asyncio.sleep(1)  # in which a second answer would come
    assert [len(pod.answers_to(phone)) for phone in CUSTOMERS] == [2, 1, 1]
    found = await wrote(scene)
    assert found[2] in [("Oi", "ignored"), ("Oi", "person")]  # a person wrote later, which may be stored earlier
    assert found[:2] + found[3:] == [
        ("Oi", "ignored"),
        ("Quanto custa o banho?", "ignored"),
        ("Obrigada", "person"),
        ("Oi", "answered"),
    ]
    assert await scene.value("select ledger_violations('5 minutes')") == 0


async def test_what_an_older_copy_has_as_open_is_not_answered_again(
    scene: Scene, postgres_server: PostgresServer, database: str, dump: str
) -> None:
    pod = await scene.pod(settings_of("petshop"))
    first, second, _ = CUSTOMERS
    async with workers(scene, 1):
        await pod.answer_to("Oi", first)
    await with_an_open_message(scene, pod)
    copy(postgres_server, database, dump)
    await scene.query("update database_state set held_until = '-infinity'")
    held = {**QUICK, "database_hold_seconds": 12}
    async with scene.worker(**held):
        await until(lambda: len(pod.answers_to(first)) > 1)
        await pod.answer_to("Oi", second)
        await counted(scene)
    copy(postgres_server, dump, database)
    async with scene.worker(**held):
        await until(lambda: renewed(scene, None))
        pod.publish_all_again()
        await until(lambda: all_stored(scene, 3))
        assert await pod.answer_to("Oi", second)
    assert [len(pod.answers_to(phone)) for phone in CUSTOMERS] == [2, 2, 0]
    assert [state for _, state in await wrote(scene)] == ["answered", "ignored", "ignored", "answered"]


async def with_an_open_message(scene: Scene, pod: FakePod) -> None:
    """Store a message that no worker has answered yet."""
    async with workers(scene, 1):
        await scene.query("update database_state set held_until = 'infinity'")
        pod.receive("Quanto custa o banho?", CUSTOMERS[0])
        await until(lambda: scene.query("select from messages where state = 'open'"))


async def all_stored(scene: Scene, count: int) -> bool:
    return bool(await scene.value("select count(*) from messages where author = 'customer'") >= count)
