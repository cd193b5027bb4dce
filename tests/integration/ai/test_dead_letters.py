"""Dead letters in thousands: listed, replayed and dropped a page at a time, by kind, organization and instance."""

import asyncio
import json

from integration.ai.scene import FakePod, Scene, settings_of, until
from integration.ai.test_jobs import Noting, note, noted, queue

from oxy_ai.database import connected_pool
from oxy_ai.engine.dead_letters import PAGE, Wanted, all_letters, replay_all
from oxy_ai.engine.dead_reports import DeadReport, parts_of
from oxy_ai.engine.store import Engine
from oxy_ai.letter_admin import sources_of
from oxy_core.jetstream import DEAD_LETTER_STREAM

TURNS = PAGE + 20
REPORTS = 30
JOBS = 20

BURY = """
with people as (
    insert into contacts (organization_id, instance_id, phone)
    select organization_id, id, '+55119' || 10000000 + n from instances, generate_series(1, $1) n where name = $2
    returning *
), chats as (
    insert into conversations (organization_id, instance_id, contact_id, chat)
    select organization_id, instance_id, id, id || '@lid' from people returning *
), buried as (
    insert into turns (organization_id, conversation_id, instance_id, place, state, reason, attempts, finished_at)
    select organization_id, id, instance_id, place, 'dead', 'broken', 3, clock_timestamp() - interval '1 minute'
    from chats returning *
)
insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, kind, body,
    place, state, reason, turn_id, sent_at)
select organization_id, instance_id, conversation_id, 'c', 's', id, 'customer', 'text', 'oi', place, 'dead', 'broken',
    id, now()
from buried
"""

BURY_JOBS = """
insert into jobs (organization_id, instance_id, kind, key, lane, payload, state, reason, planned_at, due_at,
    finished_at)
select organization_id, id, 'note', n, 'campaign', '{}', 'dead', 'broken', now(), now(),
    clock_timestamp() - interval '1 minute'
from instances, generate_series(1, $1) n where name = $2
"""


async def done(scene: Scene, *arguments: str) -> list[dict[str, object]]:
    """What a command printed, a document a line."""
    answer = await asyncio.to_thread(scene.admin, "dlq", *arguments)
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


async def bury_reports(scene: Scene, pod: FakePod) -> None:
    for number in range(REPORTS):
        report = DeadReport("rejected", "why", f"oxy.in.{pod.settings.account}.{pod.settings.instance}", b"{", number)
        for part in parts_of(report):
            await scene.client.jetstream().publish(report.dead_letter_subject, part.data, headers=dict(part.headers))


async def test_thousands_are_listed_replayed_and_dropped_by_kind_organization_and_instance(scene: Scene) -> None:
    shop, other = await scene.pod(settings_of("petshop")), await scene.pod(settings_of("clinic", "front"))
    async with scene.worker():
        await scene.known(shop.settings)
        await scene.known(other.settings)
    await scene.query(BURY, TURNS, "main")
    await scene.query(BURY, 7, "front")
    await scene.query(BURY_JOBS, JOBS, "front")
    await bury_reports(scene, other)

    async with connected_pool(scene.database_url, connections=1) as pool:
        sources = sources_of(scene.client, Engine(pool))
        listed = [letter async for letter in all_letters(sources, Wanted())]
        assert len({letter.id for letter in listed}) == len(listed) == TURNS + 7 + REPORTS + JOBS
        assert [letter.at for letter in listed] == sorted(letter.at for letter in listed if letter.at)
        for wanted in (
            Wanted(kind="turn", organization="petshop"),
            Wanted(kind="report", instance="front"),
            Wanted(organization="clinic", instance="front"),
            Wanted(organization="clinic", instance="main"),
        ):
            assert [letter async for letter in all_letters(sources, wanted)] == [
                letter for letter in listed if wanted.kind in {None, letter.kind} and wanted.takes(letter)
            ]
        replayed = [action async for action in replay_all(sources, Wanted(organization="petshop"))]
    assert [action.outcome for action in replayed] == ["replayed"] * TURNS
    assert await scene.value("select count(*) from conversations where due_at <= now()") == TURNS
    dropped = await done(scene, "drop", "--all", "--instance", "front")
    assert [action["outcome"] for action in dropped] == ["dropped"] * (7 + REPORTS + JOBS)
    assert await done(scene, "ls") == []
    await until(lambda: empty(scene))


async def empty(scene: Scene) -> bool:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages == 0


async def test_a_dead_job_is_listed_shown_and_replayed_in_its_old_place(scene: Scene) -> None:
    shop = await scene.pod(settings_of("petshop"))
    broken = True

    async def before(_: object) -> None:
        if broken:
            message = "the test wants it so"
            raise RuntimeError(message)

    kind = Noting({"first": before})
    async with scene.worker(kinds=[kind]):
        await scene.known(shop.settings)
        await queue(scene, shop.settings, note("first"))
        await scene.query("update jobs set attempts = 2")
        await until(lambda: scene.query("select from jobs where state = 'dead'"))
        (listed,) = await done(scene, "ls", "--kind", "job")
        assert (listed["organization"], listed["attempts"], listed["reason"]) == (
            "petshop",
            3,
            "note: internal error (RuntimeError)",
        )
        shown = await asyncio.to_thread(scene.admin, "dlq", "show", str(listed["id"]))
        found = json.loads(shown.stdout)
        assert (found["key"], json.loads(found["data"])) == ("first", {"text": "first"})
        broken = False
        assert [action["outcome"] for action in await done(scene, "replay", "--all")] == ["replayed"]
        await until(lambda: noted(scene))
    assert await noted(scene) == ["first"]
    again = await asyncio.to_thread(scene.admin, "dlq", "drop", str(listed["id"]))
    assert (again.returncode, "there is no dead letter 'job:petshop:" in again.stderr) == (2, True)
