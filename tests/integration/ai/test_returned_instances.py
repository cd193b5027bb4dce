"""Whoever wrote while an instance was suspended or deleted is answered first when it is back, and at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from integration.ai.endpoint import Endpoint, running_endpoint, saying
from integration.ai.journals import WrittenJournal, apply, ingest
from integration.ai.scene import FakePod, Scene, org, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.engine.returned_instances import wake_returned
from oxy_ai.engine.store import ClaimLimits, Engine, Entry, NewSettings
from oxy_ai.engine.turn_runner import TurnRunner
from oxy_ai.ids import instance_id
from oxy_ai.model.client import ModelClient
from oxy_ai.records import ClaimedTurn, TurnLimits
from oxy_ai.verticals import Verticals
from oxy_ai.worker import Worker
from oxy_core import subjects
from oxy_core.envelopes import ConnectionChanged, ConnectionState, InstanceSettings, Report
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings

PHONES = ("+5511912340001", "+5511912340002")
CHATS = tuple(Jid.of_phone(phone) for phone in PHONES)
RETRY_SECONDS = 300
"""Longer than any test: nothing is answered because its next try has come."""
DEBOUNCE_SECONDS = 15
"""Longer than it takes to suspend or delete the instance, so that its turns find it away."""
ROUNDS = 200
ORDERS = (CHATS, CHATS[::-1])
LIMITS = ClaimLimits(
    timedelta(minutes=1),
    0,
    1,
    timedelta(seconds=0.005),
    TurnLimits(messages=10, characters_each=100, characters=1000, characters_quoted=300, content_bytes=8_192, claims=5),
    0,
    timedelta(seconds=0.005),
)
SETTINGS = settings_of("petshop", ai=AiSettings(debounce_seconds=0, late_message="FollowUp"))
SUSPENDED = settings_of("petshop", suspended=True)


# -- workers


def worker(scene: Scene, endpoint: Endpoint) -> AbstractAsyncContextManager[Worker]:
    return scene.worker(
        openai_base_url=endpoint.base_url,
        instance_retry_seconds=RETRY_SECONDS,
        instances_reread_seconds=RETRY_SECONDS,
    )


@pytest.mark.parametrize("reason", ["suspended", "closed"])
async def test_who_wrote_meanwhile_is_answered_when_the_instance_is_back(scene: Scene, reason: str) -> None:
    settings = settings_of("petshop", ai=AiSettings(debounce_seconds=DEBOUNCE_SECONDS, late_message="FollowUp"))
    pod = await scene.pod(settings)
    async with (
        running_endpoint(saying("Oi!")) as endpoint,
        worker(scene, endpoint),
        worker(scene, endpoint),
    ):
        await scene.known(settings)
        write(pod, "primeira")
        await until(lambda: scene.query("select from messages having count(*) = $1", len(PHONES)))
        await leave(scene, settings, reason)
        await scene.query("update conversations set due_at = now()")
        await scene.query("update org_queue set ready_at = now()")
        await until(lambda: waiting(scene, reason))
        write(pod, "segunda")
        await asyncio.sleep(0.5)
        assert endpoint.requests == []
        await scene.publish(SETTINGS.model_copy(update={"generation": 3}))
        await until(lambda: answered(scene))
        await until(lambda: len(pod.sent) == 2 * len(PHONES))
    assert sorted(str(request.chat) for request in pod.sent) == sorted(str(chat) for chat in CHATS * 2)
    asked = [request["messages"][-1]["content"] for request in endpoint.requests]
    for phone in PHONES:
        assert [text for text in asked if text.startswith(phone)] == [f"{phone} primeira", f"{phone} segunda"]


def write(pod: FakePod, text: str) -> None:
    """Both customers write."""
    for phone in PHONES:
        pod.receive(f"{phone} {text}", phone)


async def leave(scene: Scene, settings: InstanceSettings, reason: str) -> None:
    """Suspend or delete the instance; returns once the workers know."""
    if reason == "suspended":
        await scene.publish(settings.model_copy(update={"suspended": True, "generation": 2}))
    else:
        await scene.unpublish(settings)
    away = "select from instances where closed_at is not null or settings ->> 'suspended' = 'true'"
    await until(lambda: scene.query(away))


async def waiting(scene: Scene, reason: str) -> bool:
    count = "select count(*) from turns where state = 'open' and reason = $1"
    return bool(await scene.value(count, reason) == len(PHONES))


async def answered(scene: Scene) -> bool:
    count = "select count(*) from messages where state = 'answered'"
    return bool(await scene.value(count) == 2 * len(PHONES))


async def test_the_owner_hears_of_what_was_on_its_way_when_the_instance_was_deleted(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    async with scene.worker():
        await scene.known(SETTINGS)
        write(pod, "primeira")
        await until(lambda: answered_of(scene, len(PHONES)))
        pod.results = False
        write(pod, "segunda")
        await until(
            lambda: scene.query("select from outbox where state = 'accepted' having count(*) = $1", len(PHONES))
        )
        await leave(scene, SETTINGS, "closed")
        assert await scene.value(DELETED) == len(PHONES)
        assert await scene.value("select count(*) from owner_notices where outbox_id is null") == len(PHONES)
        pod.results = True
        await scene.publish(SETTINGS.model_copy(update={"generation": 3}))
        await until(lambda: all(phone[-4:] in " ".join(pod.texts_to(SETTINGS.owners[0])) for phone in PHONES))
        for phone in PHONES:
            await pod.answer_to("terceira", phone)
    assert await scene.value("select count(*) from owner_notices where outbox_id is null") == 0


ACCEPTED = "select from outbox where state = 'accepted' having count(*) = $1"
DELETED = "select count(*) from outbox where state = 'ambiguous' and error = 'InstanceDeleted'"


async def answered_of(scene: Scene, messages: int) -> bool:
    return await scene.value("select count(*) from outbox where state = 'sent'") == messages


# -- without workers


@asynccontextmanager
async def engine_of(scene: Scene) -> AsyncIterator[Engine]:
    async with connected_pool(scene.database_url, connections=8) as pool:
        yield Engine(pool)


@asynccontextmanager
async def runner_of(scene: Scene, engine: Engine) -> AsyncIterator[TurnRunner]:
    settings = scene.settings(
        openai_base_url="http://127.0.0.1:1/v1", model_timeout_seconds=1, instance_retry_seconds=RETRY_SECONDS
    )
    model = ModelClient(settings)
    try:
        yield TurnRunner(engine, model, Verticals().named, settings)
    finally:
        await model.close()


async def claimed(engine: Engine, how_many: int) -> list[ClaimedTurn]:
    found: list[ClaimedTurn] = []
    async with asyncio.timeout(60):
        while len(found) < how_many:
            found += (await engine.claim(how_many - len(found), LIMITS)).claimed
    return found


async def read_while_suspended(engine: Engine) -> list[ClaimedTurn]:
    """Both customers have written to an instance that is suspended, and a worker has just read their turns."""
    await apply(engine, SUSPENDED)
    journal = WrittenJournal(SUSPENDED)
    for chat in CHATS:
        await ingest(engine, SUSPENDED.account, [journal.write(chat, "Oi")])
    return await claimed(engine, len(CHATS))


async def test_turns_wait_as_long_as_their_instance_is_away(scene: Scene) -> None:
    async with engine_of(scene) as engine, runner_of(scene, engine) as runner:
        for turn in await read_while_suspended(engine):
            await runner.run(turn)
        assert await wake_returned(engine) == 0
        await apply(engine, SETTINGS)
        assert await wake_returned(engine, org(SETTINGS)) == len(CHATS)
        assert await wake_returned(engine) == 0


async def test_who_has_waited_longest_comes_first_and_before_who_writes_now(scene: Scene) -> None:
    async with engine_of(scene) as engine, runner_of(scene, engine) as runner:
        turns = await read_while_suspended(engine)
        for turn in turns:
            await runner.run(turn)
        await apply(engine, SETTINGS)
        late = WrittenJournal(SETTINGS).write(Jid.of_phone("+5511912340003"), "Oi")
        await ingest(engine, SETTINGS.account, [late])
        await wake_returned(engine)
        order = [(await claimed(engine, 1))[0].claim.conversation for _ in range(3)]
    assert order[:2] == [turn.claim.conversation for turn in turns]


async def test_a_turn_that_was_read_before_the_instance_was_back_does_not_wait(scene: Scene) -> None:
    async with engine_of(scene) as engine, runner_of(scene, engine) as runner:
        turns = await read_while_suspended(engine)
        await apply(engine, SETTINGS)
        assert await wake_returned(engine) == 0
        for turn in turns:
            await runner.run(turn)
        assert len(await claimed(engine, len(turns))) == len(turns)


async def test_a_worker_that_starts_wakes_those_whom_a_dead_one_has_left_waiting(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    async with engine_of(scene) as engine, runner_of(scene, engine) as runner:
        for turn in await read_while_suspended(engine):
            await runner.run(turn)
        await apply_published(scene, engine)
    async with running_endpoint(saying("Oi!")) as endpoint, worker(scene, endpoint):
        await until(lambda: len(pod.sent) == len(CHATS))


async def apply_published(scene: Scene, engine: Engine) -> None:
    """Apply the settings in the bucket, and nothing else: the worker dies then."""
    info = await scene.client.jetstream().stream_info(f"KV_{subjects.INSTANCES_BUCKET}")
    assert info.created is not None
    entry = Entry(info.created, info.state.last_seq, info.state.last_seq, await engine.begin_settings_reading())
    stored = NewSettings(SETTINGS.model_dump_json(), SETTINGS.owners)
    assert await engine.apply_instance(org(SETTINGS), instance_id("petshop", "main"), stored, entry)


async def test_messages_are_stored_and_turns_end_while_settings_are_applied(scene: Scene) -> None:
    journal = WrittenJournal(SETTINGS)
    async with engine_of(scene) as engine, runner_of(scene, engine) as runner:
        for turn in await read_while_suspended(engine):
            await runner.run(turn)
        async with connected_pool(scene.admin_url, connections=1) as admin:
            for _ in range(ROUNDS):
                await admin.execute("update turns set reason = 'suspended'")
                await admin.execute("update conversations set due_at = now() + interval '1 hour'")
                await apply(engine, SUSPENDED)
                batches = [[*[journal.write(chat, "Oi") for chat in chats], connected(journal)] for chats in ORDERS]
                await asyncio.gather(
                    *(come_back(engine) for _ in ORDERS),
                    *(ingest(engine, SETTINGS.account, batch) for batch in batches),
                )
                assert await admin.fetchval("select max(due_at) <= now() from conversations")


async def come_back(engine: Engine) -> None:
    """Apply settings as a worker does."""
    await apply(engine, SETTINGS)
    await wake_returned(engine, org(SETTINGS))


def connected(journal: WrittenJournal) -> Report:
    report = journal.write(Jid.of_phone("+5511912340009"), "")
    return report.model_copy(update={"body": ConnectionChanged(state=ConnectionState.CONNECTED)})
