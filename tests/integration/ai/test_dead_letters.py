"""Dead letters in thousands: listed, replayed and dropped a page at a time, by kind, organization and instance."""

import asyncio
import json

from integration.ai.scene import FakePod, Scene, settings_of, until

from oxy_ai.engine.dead_letters import PAGE
from oxy_ai.engine.dead_reports import DeadReport, parts_of
from oxy_core.jetstream import DEAD_LETTER_STREAM

TURNS = PAGE + 20
REPORTS = 30

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
    await bury_reports(scene, other)

    listed = await done(scene, "ls")
    assert len({letter["id"] for letter in listed}) == len(listed) == TURNS + 7 + REPORTS
    assert [letter["at"] for letter in listed] == sorted(letter["at"] for letter in listed)
    assert await done(scene, "ls", "--kind", "turn", "--organization", "petshop") == [
        letter for letter in listed if str(letter["id"]).startswith("turn:petshop:")
    ]
    reports = await done(scene, "ls", "--kind", "report", "--instance", "front")
    assert reports == [letter for letter in listed if letter["kind"] == "report"]
    assert {(letter["organization"], letter["instance"]) for letter in reports} == {("clinic", "front")}

    replayed = await done(scene, "replay", "--all", "--organization", "petshop")
    assert [action["outcome"] for action in replayed] == ["replayed"] * TURNS
    assert await scene.value("select count(*) from conversations where due_at <= now()") == TURNS
    dropped = await done(scene, "drop", "--all", "--instance", "front")
    assert [action["outcome"] for action in dropped] == ["dropped"] * (7 + REPORTS)
    assert await done(scene, "ls") == []
    await until(lambda: empty(scene))


async def empty(scene: Scene) -> bool:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages == 0
