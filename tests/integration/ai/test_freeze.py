"""While an instance is frozen, assistants work, and relays offer nothing; afterwards, what has not expired leaves."""

from datetime import UTC, datetime

from integration.ai.scene import CUSTOMER, Scene, until
from integration.ai.test_proactive import PACE, budgeted, greeted, queue

from oxy_ai.reputation import Purpose
from oxy_core.freeze import Freeze, Hold

HOLD = Hold(since=datetime(2031, 3, 3, tzinfo=UTC), by="ana")
OTHERS = ("+5511900000001", "+5511900000002")
SILENT = "+5511900000003"


async def test_nothing_is_offered_until_it_is_thawed(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER, *OTHERS, SILENT)
        await scene.publish(settings.model_copy(update={"frozen": Freeze(revision=5, hold=HOLD)}))
        await until(lambda: scene.query("select from instances where settings #> '{frozen,hold}' is not null"))
        offered = len(pod.offered)
        for phone in (CUSTOMER, *OTHERS):
            pod.receive("Quanto custa o banho?", phone)
        promotion = await queue(scene, settings, "Banho com desconto!", SILENT)
        reminder = await queue(scene, settings, "Até amanhã!", SILENT, purpose=Purpose.BOOKING)
        # The assistant goes on working.
        await until(lambda: all_answered(scene, CUSTOMER, *OTHERS))
        await scene.query("update outbox set expires_at = now() + interval '1 second' where chat like '5511900000001%'")
        await until(lambda: scene.query("select from outbox where state = 'expired' having count(*) = 1"))
        await until(lambda: scene.query("select from relay_queue where holder is null and proactive_at > now()"))
        held = await scene.value("select array_agg(id) from outbox where state = 'held'")
        assert (set(held), len(pod.offered)) == ({promotion, reminder}, offered)
        assert await reasons(scene) == {"frozen"}

        await scene.publish(settings.model_copy(update={"frozen": Freeze(revision=6)}))
        await until(lambda: {"Banho com desconto!", "Até amanhã!"} <= set(pod.texts_to(SILENT)))
        await until(lambda: scene.query("select from outbox having bool_and(state in ('sent', 'expired'))"))
        assert [len(pod.answers_to(phone)) for phone in OTHERS] == [1, 2]


async def all_answered(scene: Scene, *phones: str) -> bool:
    """Whether an answer to each of these waits to be offered; owners are told of what customers ask for, too."""
    chats = await scene.query("select distinct split_part(chat, '@', 1) as user from outbox where state = 'pending'")
    return {phone.removeprefix("+") for phone in phones} <= {row["user"] for row in chats}


async def reasons(scene: Scene) -> set[str]:
    query = (
        "select jsonb_path_query(reputation_of(organization_id, id), '$.waiting[*].why') #>> '{}' as why from instances"
    )
    return {row[0] for row in await scene.query(query)}
