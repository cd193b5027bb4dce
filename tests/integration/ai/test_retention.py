"""What was kept for long enough is deleted, oldest first, by several workers; what something open needs is not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from integration.ai.scene import Scene, until

from oxy_ai.database import connected_pool
from oxy_ai.retention.table import Batch, RetentionTable, Step
from oxy_dev.seed.command import seed
from oxy_dev.seed.plan import Numbers, shops

NUMBERS = Numbers(organizations=2, messages=801)
SHORT, PATIENT = shops(NUMBERS)
QUICK = {
    "retention_check_seconds": 0.05,
    "retention_batch_rows": 40,
    "retention_lease_seconds": 0.5,
    "media_lease_seconds": 0.5,
}
OLDEST = "select conversation_id, min(id) from messages where organization_id = $1 group by 1 order by 2 limit 9"
RULES = """
update instances set settings = settings || '{"retention": {"messages": 30, "media": 30, "readings": 20,
    "turn_steps": 10, "ai_interactions": 62, "jobs": 40, "audit": 50, "dead_letters": 90, "campaigns": 60}}'
where id = $1
"""
STORY = {
    "an open message": """
update conversations set pending_since = now() - interval '100 days' where id = $1;
update messages set state = 'open', turn_id = null
where id = (select min(id) from messages where conversation_id = $1 and author = 'customer')
""",
    "an open turn": """
update conversations set turn_id = (select min(id) from turns where conversation_id = $1) where id = $1;
update turns set state = 'open' where id = (select turn_id from conversations where id = $1)
""",
    "a promise of a person": """
insert into hand_overs (organization_id, instance_id, conversation_id, turn_id, place, reason, urgency, summary,
    silences, created_at)
select organization_id, instance_id, conversation_id, id, place, 'asked', 'normal', '', false,
    now() - interval '29 days'
from turns where id = (select min(id) from turns where conversation_id = $1)
""",
    "a promise that nobody has kept": """
insert into hand_overs (organization_id, instance_id, conversation_id, turn_id, place, reason, urgency, summary,
    silences, created_at)
select organization_id, instance_id, conversation_id, id, place, 'asked', 'normal', '', false, created_at
from turns where id = (select min(id) from turns where conversation_id = $1)
""",
    "a dead letter": """
update turns set state = 'dead', finished_at = now() - interval '60 days'
where id = (select min(id) from turns where conversation_id = $1)
""",
    "an owner who was not told": """
insert into owner_notices (organization_id, instance_id, kind, reference, created_at)
select organization_id, instance_id, 'message_lost', 'message:' || id, now() - interval '29 days'
from messages where id = (select min(id) from messages where conversation_id = $1)
""",
    "an owner whom nobody can tell": """
insert into owner_notices (organization_id, instance_id, kind, reference, created_at)
select organization_id, instance_id, 'message_lost', 'message:' || id, arrived_at
from messages where id = (select min(id) from messages where conversation_id = $1);
insert into notice_queue (notice_id, organization_id, instance_id, failures)
select n.id, n.organization_id, n.instance_id, 10 from owner_notices n
join messages m on n.reference = 'message:' || m.id where m.conversation_id = $1
""",
    "a text on its way": """
update outbox set state = 'accepted' where id = (select id from outbox where conversation_id = $1 order by id limit 1)
""",
    "a dead letter that nobody wanted": """
update turns set state = 'dead' where id = (select min(id) from turns where conversation_id = $1);
insert into owner_notices (organization_id, instance_id, kind, reference, outbox_id, created_at)
select t.organization_id, t.instance_id, 'turn_error', 'turn:' || t.id,
    (select id from outbox o where o.instance_id = t.instance_id order by created_at limit 1), t.created_at
from turns t where t.id = (select min(id) from turns where conversation_id = $1)
""",
}
"""What is open in the oldest conversations of the first shop, one each."""

WORK = """
insert into jobs (organization_id, instance_id, kind, key, lane, payload, state, planned_at, due_at, created_at,
    finished_at)
select $1, $2, 'x', s || d, 'automation', '{}', s, now() - d * interval '1 day', 'infinity',
    now() - d * interval '1 day', case when s <> 'waiting' then now() - d * interval '1 day' end
from unnest(array['waiting', 'done', 'cancelled', 'dead', 'dropped']) s, unnest(array[39, 41, 91]) d;
insert into audit_log (organization_id, at, actor, action)
select $1, now() - d * interval '1 day', 'Marina', 'x' || $2::uuid::text from generate_series(100, 1, -1) d;
insert into campaigns (organization_id, instance_id, name, segment, body, basis, source, digest, state, reach, made_by,
    approved_by, approved_at, expires_at)
select $1, $2, 'c' || d, '{}', 'Oi', 'opted_in', 'x', 'x', 'approved', 1, 'x', 'x', now() - (d + 5) * interval '1 day',
    now() - d * interval '1 day'
from unnest(array[61, 62, 59, -5]) d;
insert into campaign_recipients (organization_id, campaign_id, contact_id)
select k.organization_id, k.id, c.id from campaigns k
join contacts c on c.organization_id = k.organization_id and c.instance_id = $2
where k.organization_id = $1 and k.name like 'c%';
insert into jobs (organization_id, instance_id, kind, key, lane, payload, planned_at, due_at)
select $1, $2, 'campaign_text', id || ':1:0', 'campaign', '{}', now(), 'infinity' from campaigns where name = 'c62';
insert into readings (organization_id, instance_id, media_id, message_id, way, text, created_at, settled_at)
select m.organization_id, $2, first_id_at(m.arrived_at), m.id, 'heard', 'x', m.arrived_at, m.arrived_at
from messages m where m.organization_id = $1 and m.arrived_at between now() - interval '29 days' and now()
on conflict do nothing;
insert into dead_reports (organization_id, instance_id, account, whole, reason, stream_began, sequence, died_at,
    discarded_at)
select $1, $2, 'x', 'old' || d || discarded, 'x', now(), 1, now() - d * interval '1 day',
    case when discarded then now() end
from unnest(array[91, 89]) d, unnest(array[true, false]) discarded;
insert into proposals (organization_id, instance_id, conversation_id, turn_id, tool, arguments, intent, state,
    created_at, ended_at)
select organization_id, $2, conversation_id, id, 'x', '{}', 'x', 'done', finished_at, finished_at from turns
where organization_id = $1 and state = 'answered' order by finished_at;
insert into media (organization_id, instance_id, id, direction, message_id, kind, size_bytes, chunks, state, location,
    created_at, settled_at)
select m.organization_id, $2, gen_random_uuid(), 'in', m.id, 'image', 1, 1, 'stored', 'database', m.arrived_at,
    m.arrived_at
from messages m where m.organization_id = $1 and m.kind = 'text' and m.arrived_at < now() - interval '31 days'
order by m.arrived_at desc limit 30;
insert into media (organization_id, instance_id, id, direction, kind, size_bytes, chunks, state, location, created_at,
    settled_at)
select $1, $2, gen_random_uuid(), 'out', k.name, 1, 1, 'stored', 'database', k.approved_at, now() - interval '40 days'
from campaigns k where k.organization_id = $1 and k.name in ('c59', 'c-5');
update campaigns k set media = jsonb_build_object('media_id', f.id) from media f
where k.organization_id = $1 and f.instance_id = $2 and f.kind = k.name;
insert into media_chunks (organization_id, instance_id, media_id, number, bytes)
select organization_id, instance_id, id, 0, 'x' from media
where organization_id = $1 and instance_id = $2 and location = 'database'
"""


async def prepared(scene: Scene) -> dict[str, int]:
    """Seed two shops, whose first has short rules and all that keeps something; returns that shop's conversations."""
    await seed(scene.admin_url, NUMBERS)
    owner = await asyncpg.connect(scene.admin_url)
    try:
        await owner.execute("set session_replication_role = replica")
        await owner.execute(RULES, SHORT.instance)
        rows = await owner.fetch(OLDEST, SHORT.organization)
        needed = dict(zip(STORY, [row[0] for row in rows], strict=True))
        for what, statements in STORY.items():
            for statement in statements.split(";"):
                assert await owner.execute(statement, needed[what]) in {"UPDATE 1", "INSERT 0 1"}, (what, statement)
        for statement in WORK.split(";"):
            await owner.execute(statement, SHORT.organization, SHORT.instance)
    finally:
        await owner.close()
    return needed


async def swept(scene: Scene) -> None:
    """Wait until every organization was looked through."""
    await until(
        lambda: scene.query("select from retention_queue having count(*) = 2 and min(due_at) > now() + interval '1 h'"),
        60,
    )


async def ages(scene: Scene, sql: str, *arguments: object) -> list[Any]:
    return [row[0] for row in await scene.query(sql, *arguments)]


async def of_conversation(scene: Scene, conversation: int) -> tuple[int, int, int]:
    """How many messages, turns and texts it has."""
    [row] = await scene.query(
        "select (select count(*) from messages where conversation_id = $1), "
        "(select count(*) from turns where conversation_id = $1), "
        "(select count(*) from outbox where conversation_id = $1)",
        conversation,
    )
    return tuple(row)


async def test_what_was_kept_for_long_enough_is_deleted_and_what_is_needed_is_not(scene: Scene) -> None:
    needed = await prepared(scene)
    before = {what: await of_conversation(scene, conversation) for what, conversation in needed.items()}
    theirs = await scene.query(COUNTS, PATIENT.organization)
    total = await scene.value("select count(*) from messages")
    began, wrong = await scene.value("select now()"), set(await ages(scene, WRONG))
    young = await ages(scene, YOUNG, SHORT.organization, began)
    old = await scene.query(OLD_OF_SHORT, SHORT.organization, list(needed.values()))
    assert all(row["old"] and row["young"] for row in old), old
    killed = scene.process(**{f"OXY_{name.upper()}": str(value) for name, value in QUICK.items()})
    killed.start()
    try:
        await until(lambda: scene.query("select from messages having count(*) < $1", total), 60)
    finally:
        killed.kill()
    async with scene.worker(**QUICK), scene.worker(**QUICK):
        await swept(scene)
        await until(lambda: scene.query(NO_FILES), 60)
        # What referred to a file, or to a text of a later kind, goes the next time.
        for _ in range(2):
            await scene.query("update retention_queue set due_at = now()")
            await swept(scene)
        await until(lambda: scene.query(NONE_EXPIRED), 60)
    assert await ages(scene, YOUNG, SHORT.organization, began) == young
    left = await scene.query(OLD_OF_SHORT, SHORT.organization, list(needed.values()))
    assert [(row["kind"], row["old"], row["young"]) for row in left] == [(row["kind"], 0, row["young"]) for row in old]
    after = {what: await of_conversation(scene, conversation) for what, conversation in needed.items()}
    whole = {"an open message", "an open turn", "a promise of a person"}
    assert {what: after[what] for what in whole} == {what: before[what] for what in whole}
    assert await old_of(scene, list(needed.values()), SHORT.organization) == (0, 0, 0)
    await check_partly_needed(scene, needed)
    await check_work(scene, list(needed.values()))
    mine = await scene.query(COUNTS, PATIENT.organization)
    assert [row["kept"] for row in mine[1:]] == [row["kept"] for row in theirs[1:]]
    assert await ages(scene, OLD_STEPS, PATIENT.organization) == [0]
    assert set(await ages(scene, WRONG)) <= wrong


WRONG = "select what || l.id from known_organizations() o, ledger(o, '1 minute') l where wrong is not null"
"""What the ledger calls wrong, which is of the story's own making."""
OLD_STEPS = """
select count(*) from turn_steps where organization_id = $1 and created_at < now() - interval '91 days'
"""
COUNTS = """
select 'turn_steps', count(*) filter (where created_at > now() - interval '90 days') as kept
from turn_steps where organization_id = $1
union all select 'messages', count(*) from messages where organization_id = $1
union all select 'outbox', count(*) from outbox where organization_id = $1
union all select 'turns', count(*) from turns where organization_id = $1
union all select 'readings', count(*) from readings where organization_id = $1
union all select 'ai_interactions', count(*) from ai_interactions where organization_id = $1
"""
YOUNG = """
select count(*) from messages where organization_id = $1 and arrived_at between now() - interval '30 days' and $2
union all
select count(*) from turns where organization_id = $1 and finished_at between now() - interval '30 days' and $2
union all
select count(*) from outbox where organization_id = $1 and created_at between now() - interval '30 days' and $2
union all
select count(*) from turn_steps where organization_id = $1 and created_at between now() - interval '10 days' and $2
union all
select count(*) from ai_interactions where organization_id = $1 and created_at between now() - interval '62 days' and $2
"""
"""What is young enough to be kept, and was there before the workers."""


OLD_OF_SHORT = """
select 'calls' as kind, count(*) filter (where c.created_at < now() - interval '62 days 1 hour') as old,
    count(*) filter (where c.created_at > now() - interval '61 days') as young
from ai_interactions c where c.organization_id = $1 and c.conversation_id <> all ($2)
union all
select 'proposals', count(*) filter (where p.ended_at < now() - interval '30 days 1 hour'),
    count(*) filter (where p.ended_at > now() - interval '29 days')
from proposals p where p.organization_id = $1 and p.conversation_id <> all ($2)
union all
select 'readings', count(*) filter (where r.settled_at < now() - interval '20 days 1 hour'),
    count(*) filter (where r.settled_at > now() - interval '19 days')
from readings r join messages m on m.organization_id = $1 and m.id = r.message_id
where r.organization_id = $1 and m.conversation_id <> all ($2) and m.arrived_at > now() - interval '29 days'
union all
select 'dead_reports', count(*) filter (where d.died_at < now() - interval '90 days' and d.discarded_at is not null),
    count(*) filter (where d.died_at > now() - interval '90 days' or d.discarded_at is null)
from dead_reports d where d.organization_id = $1
"""
"""What has been kept for as long as the rules say, and what has not, of conversations that nothing keeps."""


async def old_of(scene: Scene, needed: list[int], organization: UUID) -> tuple[int, int, int]:
    """Messages, turns and texts of other conversations that should have gone."""
    old = "organization_id = $1 and conversation_id <> all ($2) and {} < now() - interval '30 days 1 hour'"
    counts = [
        await scene.value(f"select count(*) from {table} where {old.format(column)}", organization, needed)  # noqa: S608 names of our tables
        for table, column in (("messages", "arrived_at"), ("turns", "finished_at"), ("outbox", "created_at"))
    ]
    return (counts[0], counts[1], counts[2])


async def check_partly_needed(scene: Scene, needed: dict[str, int]) -> None:
    """Of a conversation that is in no use otherwise, only what is needed is left."""
    dead = needed["a dead letter"]
    assert await ages(
        scene, "select state from turns where conversation_id = $1 and finished_at < now() - interval '31 days'", dead
    ) == ["dead"]
    assert await ages(scene, OLD_TURNS, dead) == [True]
    untold = await ages(scene, OLD_MESSAGES, needed["an owner who was not told"])
    assert untold == await ages(
        scene, "select split_part(reference, ':', 2)::bigint from owner_notices where outbox_id is null"
    )
    for given_up in ("a promise that nobody has kept", "an owner whom nobody can tell"):
        assert await ages(scene, OLD_MESSAGES, needed[given_up]) == []
    assert await ages(scene, "select count(*) from hand_overs where created_at < now() - interval '31 days'") == [0]
    assert await ages(scene, "select count(*) from notice_queue where failures = 10") == [0]
    assert await ages(
        scene,
        "select state from outbox where conversation_id = $1 and created_at < now() - interval '31 days'",
        needed["a text on its way"],
    ) == ["accepted"]
    unwanted = needed["a dead letter that nobody wanted"]
    assert await ages(scene, OLD_MESSAGES, unwanted) == []
    assert await ages(
        scene, "select detail is null from audit_log where action = 'turn_dropped' and actor = 'retention'"
    ) == [True]
    assert await ages(scene, "select count(*) from owner_notices where kind = 'turn_error'") == [0]


OLD_MESSAGES = "select id from messages where conversation_id = $1 and arrived_at < now() - interval '31 days'"
OLD_TURNS = """
select bool_and(t.state = 'dead') from messages m join turns t on t.id = m.turn_id
where m.conversation_id = $1 and m.arrived_at < now() - interval '31 days'
"""


NO_FILES = """
select having not exists (
    select from media f join messages m on m.id = f.message_id left join turns t on t.id = m.turn_id
    where f.state = 'stored' and m.state is distinct from 'open'
        and coalesce(t.state not in ('open', 'dead'), true)
)
"""
"""But for those of an open message or turn."""
NONE_EXPIRED = """
select having not exists (select from media where state = 'stored' and expired_at is not null)
"""
"""Whatever is to be deleted is: a file that belongs to no message, too."""
OF_CAMPAIGNS = """
select count(distinct r.campaign_id) from campaign_recipients r join campaigns k on k.id = r.campaign_id
where k.name like 'c%'
"""
OLD_OCCURRENCES = """
select count(*) from automation_occurrences where organization_id = $1 and due_at < now() - interval '30 days 1 hour'
"""
OF_FILES = "select m.conversation_id from media f join messages m on m.id = f.message_id where f.kind = 'image'"


async def check_work(scene: Scene, needed: list[int]) -> None:
    """Jobs, campaigns, the audit log and files."""
    assert await ages(scene, "select key from jobs where kind = 'x' order by key") == [
        "cancelled39", "dead39", "dead41", "done39", "dropped39", "waiting39", "waiting41", "waiting91",
    ]  # fmt: skip
    assert await ages(scene, "select name from campaigns where name like 'c%' order by name") == ["c-5", "c59", "c62"]
    assert await ages(scene, OF_CAMPAIGNS) == [3]
    assert await ages(scene, "select count(*) from audit_log where actor = 'Marina'") == [49]
    assert (
        await scene.value(
            "select count(*) from media_chunks c join media f on f.id = c.media_id and f.state <> 'stored'"
        )
        == 0
    )
    assert await ages(scene, OLD_OCCURRENCES, SHORT.organization) == [0]
    assert await scene.value(OLD_OCCURRENCES, PATIENT.organization) > 0
    assert await ages(scene, "select kind from media where direction = 'out' and state = 'stored'") == ["c-5"]
    assert set(await ages(scene, OF_FILES)) <= set(needed)


async def test_an_organization_is_looked_through_by_one_worker_and_by_both_clocks(scene: Scene) -> None:
    await seed(scene.admin_url, NUMBERS)
    await scene.query(RULES, SHORT.instance)
    async with connected_pool(scene.database_url, connections=2) as pool:
        table = RetentionTable(pool)
        claim = await table.claim(timedelta(minutes=1), timedelta(days=1))
        assert claim is not None
        other = await table.claim(timedelta(minutes=1), timedelta(days=1))
        assert other is not None
        assert {claim.organization, other.organization} == {SHORT.organization, PATIENT.organization}
        assert await table.claim(timedelta(minutes=1), timedelta(days=1)) is None
        assert await table.hold(claim._replace(held=other.held), timedelta(0)) is None
        assert await table.hold(claim, timedelta(days=2)) is not None
        assert await table.claim(timedelta(minutes=1), timedelta(days=1)) is not None  # the clock went back
        slow = Batch("messages", SHORT.instance, timedelta(days=30), datetime.now(UTC) - timedelta(days=200), "", 50)
        assert await table.expire(SHORT.organization, slow) == Step(0, "", more=False)
        fast = slow._replace(now=datetime.now(UTC) + timedelta(days=9_000), kept=timedelta(days=300))
        assert await table.expire(SHORT.organization, fast) == Step(0, "", more=False)
        step = await table.expire(SHORT.organization, slow._replace(now=datetime.now(UTC)))
        assert (step.deleted, step.more) == (50, True)
