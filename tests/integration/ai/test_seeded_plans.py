"""Everything that a worker does, on a database as a platform has it: nothing that grows is read whole.

`make plans` runs this on as many businesses and messages as `python -m oxy_dev seed` writes by default, and shows how
long each statement took.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from integration.ai.scene import Scene, queues, until
from integration.ai.statement_times import as_table, statement_times

from oxy_ai.aurora.customers import inactive
from oxy_ai.automations.store import keep
from oxy_ai.automations.subjects import QUERIES
from oxy_ai.campaigns.criteria import condition_of
from oxy_ai.campaigns.reach import REACH
from oxy_ai.campaigns.results import results_of
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.petshop.automations import shipped_automations
from oxy_ai.petshop.segments import AUDIENCE
from oxy_ai.reports import conversation_figures, message_series
from oxy_ai.schedules import good_customers
from oxy_ai.scheduling import booking_figures
from oxy_core.instance.settings import AiSettings, LimitsSettings, RetentionSettings
from oxy_dev.postgres import PostgresServer
from oxy_dev.seed.command import seed
from oxy_dev.seed.plan import Numbers, customers, seeded_settings, shops

NOW = datetime.now(UTC)
HOURS = (NOW - timedelta(hours=24), NOW)
WEEK = (NOW - timedelta(days=7), NOW)
NUMBERS = Numbers(
    organizations=int(os.environ.get("OXY_PLANS_ORGANIZATIONS", "8")),
    messages=int(os.environ.get("OXY_PLANS_MESSAGES", "8000")),
)
SHOP = shops(NUMBERS)[0]
SETTINGS = seeded_settings(0).model_copy(
    update={
        "generation": 2,
        "ai": AiSettings(debounce_seconds=0),
        "limits": LimitsSettings(
            contact_turns_per_hour=0,
            quiet_hours="",
            outbound_per_minute=60_000,
            campaign_per_day=10_000,
            warm_up=(),
            proactive_interval_days=0,
        ),
        "queues": queues(),
        "retention": RetentionSettings(messages=100, media=60, jobs=60, campaigns=60, audit=60, ai_interactions=120),
    }
)
GROWING = (
    *("contacts", "conversations", "messages", "outbox", "turns", "turn_steps", "hand_overs", "drafts", "proposals"),
    *("owner_notices", "media", "readings", "ai_interactions", "audit_log", "jobs", "campaign_recipients"),
    *("automation_occurrences", "bookings", "booking_resources", "pets", "chat_alias", "chat_journals", "campaigns"),
    *("media_chunks", "dead_reports", "report_causes"),
)
SECONDS = max(120, NUMBERS.messages // 500)
"""For which something that takes seconds is waited for: a busy machine reads much here."""
SLOWEST = 40
"""Statements of which the times are shown."""
QUICK = {
    "release_jitter": 0.0,
    "release_pause_seconds": 0.05,
    "release_look_seconds": 0.2,
    "release_held_seconds": 0.2,
    "schedules_check_seconds": 0.1,
    "automations_check_seconds": 0.1,
    "retention_check_seconds": 0.1,
    "retention_batch_rows": 100,
}
DUE = """
update jobs set due_at = now(), planned_at = now() where organization_id = $1 and state = 'waiting';
update campaigns set begins_at = now() - interval '1 hour'
where organization_id = $1 and begins_at > now() and state = 'approved';
update job_queue set ready_at = now() where organization_id = $1;
update outbox set held_until = null, held_for = null where organization_id = $1 and state = 'held';
update relay_queue set ready_at = now(), proactive_at = now() where organization_id = $1
"""
MORE = """
insert into contacts (organization_id, instance_id, name, created_at)
select organization_id, id, 'x', now() - g * interval '1 hour' from instances, generate_series(1, 600) g;
insert into conversations (organization_id, instance_id, contact_id, chat, created_at)
select organization_id, instance_id, id, id || '@lid', created_at from contacts where name = 'x';
insert into chat_alias (organization_id, instance_id, jid, conversation_id)
select organization_id, instance_id, chat, id from conversations on conflict do nothing;
insert into chat_journals (organization_id, conversation_id, epoch, seen)
select organization_id, id, organization_id, '{[1,11)}' from conversations on conflict do nothing;
insert into pets (organization_id, contact_id, name) select organization_id, id, 'x' from contacts where name = 'x';
insert into hand_overs (organization_id, instance_id, conversation_id, turn_id, place, reason, urgency, summary,
    silences, created_at, ended_at, ended)
select organization_id, instance_id, conversation_id, id, place, 'asked', 'normal', '', false, finished_at, finished_at,
    'answered' from turns;
insert into owner_notices (organization_id, instance_id, kind, reference, outbox_id, created_at)
select h.organization_id, h.instance_id, 'hand_over', 'hand_over:' || h.id, o.id, h.created_at
from hand_overs h join outbox o on o.turn_id = h.turn_id;
insert into proposals (organization_id, instance_id, conversation_id, turn_id, tool, arguments, intent, question_id,
    state, created_at, ended_at)
select t.organization_id, t.instance_id, t.conversation_id, t.id, 'x', '{}', 'x', o.id, 'done', t.finished_at,
    t.finished_at
from turns t join outbox o on o.turn_id = t.id;
insert into drafts (organization_id, turn_id, conversation_id, body, created_at)
select organization_id, id, conversation_id, 'x', finished_at from turns;
insert into audit_log (organization_id, at, actor, action) select organization_id, finished_at, 'x', 'x' from turns
order by finished_at;
insert into media (organization_id, instance_id, id, direction, message_id, kind, state, created_at, settled_at)
select organization_id, instance_id, overlay(id::text placing 'a' from 30)::uuid, 'in', (
    select min(m.id) from messages m where m.turn_id = o.turn_id), 'image', 'deleted', created_at, created_at
from outbox o where turn_id is not null;
insert into readings (organization_id, instance_id, media_id, message_id, way, text, created_at, settled_at)
select organization_id, instance_id, id, message_id, 'seen', 'x', created_at, created_at from media
where kind = 'image';
insert into media_chunks (organization_id, instance_id, media_id, number, bytes)
select organization_id, instance_id, id, 0, '' from media where kind = 'image';
insert into campaigns (organization_id, instance_id, name, segment, body, basis, source, digest, state, reach, made_by,
    created_at, ended_at)
select organization_id, id, 'x' || g, '{}', 'x', 'existing_customer', 'x', 'x', 'cancelled', 0, 'x', at, at
from instances, generate_series(1, 200) g, lateral (select now() - g * interval '1 hour' as at) t;
insert into dead_reports (organization_id, instance_id, account, whole, reason, chat, stream_began, sequence, died_at)
select organization_id, id, 'x', 'x' || g, 'rejected', g || '@lid', now(), g, now() - g * interval '1 minute'
from instances, generate_series(1, 600) g;
insert into report_causes (organization_id, instance_id, name, about)
select organization_id, id, 'x', g from instances, generate_series(1, 600) g
"""
"""What a seeded database has little of, as many of each as a busy one may have."""
CRITERIA = (
    {},
    {"servico": "Banho"},
    {"sem_vir_ha_dias": 60},
    {"vieram_nos_ultimos_dias": 30},
    {"especie": "cachorro"},
    {"raca": "poodle"},
    {"porte": "pequeno"},
    {"idade_minima_anos": 2},
    {"idade_maxima_anos": 9},
    {"aniversario_no_mes": 5},
)
"""Each criterion of a segment, alone."""


def reaching(segment: dict[str, object]) -> tuple[str, tuple[object, ...]]:
    """The query that finds a campaign's recipients, and its arguments after the organization."""
    condition = condition_of(AUDIENCE.criteria, AUDIENCE.segment.model_validate(segment), NOW, 5)
    return REACH.format(condition.sql), (SHOP.instance, NOW, "existing_customer", *condition.parameters)


EXPLAINED = {
    **{
        f"automations: {trigger}": (sql, (SHOP.instance, *HOURS, "x", False, None, None, 100))
        for trigger, sql in QUERIES.items()
    },
    **{f"whom a campaign reaches: {segment}": reaching(segment) for segment in CRITERIA},
    "who stopped coming": (inactive.INACTIVE, (SHOP.instance, HOURS[0], 10)),
    "messages of a week": (conversation_figures.MESSAGES, WEEK),
    "answers of a week": (conversation_figures.RESPONSES, WEEK),
    "hand-overs of a week": (conversation_figures.PEOPLE, WEEK),
    "who waits for a person": (conversation_figures.WAITING, ()),
    "messages by day": (message_series.SERIES, (*WEEK, "day", "America/Manaus")),
    "bookings of a week": (booking_figures.FIGURES, WEEK),
    "visits by service": (booking_figures.BY_SERVICE, WEEK),
    "visits by day": (booking_figures.SERIES, (*WEEK, "day", "America/Manaus")),
    "what is still to come": (booking_figures.COMING, (NOW, NOW + timedelta(days=7))),
    "good customers who stay away": (good_customers.ABSENT, (SHOP.instance, WEEK[0], 3, 2_000)),
}
"""Queries that workers hold themselves, with their arguments after the organization; those of functions cannot be
explained, only counted."""
LOOKED_THROUGH = f"""
select from retention_queue having count(*) = {NUMBERS.organizations} and min(due_at) > now() + interval '1 hour'
"""
SCANNED = """
select relname, seq_scan, seq_tup_read from pg_stat_user_tables
where relname = any ($1) and seq_scan > 0 order by relname
"""


async def prepare(scene: Scene) -> str:
    """Seed, have everything of the first shop be due; returns what seeding says."""
    seeded = await seed(scene.admin_url, NUMBERS)
    owner = await asyncpg.connect(scene.admin_url)
    try:
        await owner.execute("set session_replication_role = replica")
        for statement in MORE.split(";"):
            await owner.execute(statement)
        await owner.execute("set session_replication_role = origin")
        for statement in DUE.split(";"):
            await owner.execute(statement, SHOP.organization)
        await owner.execute("analyze")
        database = await owner.fetchval("select current_database()")
        await owner.execute(f"alter database {database} set log_min_duration_statement = 0")  # of sessions from now on
    finally:
        await owner.close()
    return seeded


async def in_shop(scene: Scene) -> None:
    """What the workers' role does in the first shop: switches automations on, reads results, explains queries."""
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, SHOP.organization) as connection,
    ):
        assert await connection.fetchval("show jit") == "off"
        switched_on = [item.model_copy(update={"enabled": True}) for item in shipped_automations()]
        await keep(connection, SHOP.organization, SHOP.instance, switched_on, "Marina")
        rows = await connection.fetch("select id from campaigns where organization_id = $1", SHOP.organization)
        for row in rows:
            await results_of(connection, SHOP.organization, row["id"])
        for what, (sql, arguments) in EXPLAINED.items():
            explained = await connection.fetchval(f"explain (format json) {sql}", SHOP.organization, *arguments)
            assert read_whole(json.loads(explained)) == [], what
            await connection.fetch(sql, SHOP.organization, *arguments)


def read_whole(plan: Any) -> list[str]:  # noqa: ANN401 a document of PostgreSQL
    """The growing tables that a plan reads from beginning to end."""
    if isinstance(plan, list):
        return [table for part in plan for table in read_whole(part)]
    if not isinstance(plan, dict):
        return []
    own = [plan["Relation Name"]] if plan.get("Node Type") == "Seq Scan" else []
    return [table for table in own if table in GROWING] + read_whole(list(plan.values()))


async def test_no_part_of_a_worker_reads_whole_what_grows(scene: Scene, postgres_server: PostgresServer) -> None:
    seeded, log = await prepare(scene), postgres_server.folder / "postgres.log"
    since = log.stat().st_size
    pod, ana = await scene.pod(SETTINGS), customers(NUMBERS)[0][0]
    await scene.query("select pg_stat_reset()")
    await in_shop(scene)
    async with scene.worker(**QUICK):
        await scene.known(SETTINGS)
        await scene.query("update schedule_queue set due_at = now()")
        await until(lambda: scene.query("select from schedules having count(*) > 3"), SECONDS)
        await scene.query("update schedules set due_at = now() - interval '1 minute'")
        await scene.query("update schedule_queue set due_at = now()")
        await pod.answer_to("Oi", ana.phone, SECONDS)
        for words in ("10% de desconto", "Obrigado por"):  # of a campaign, and what waited for its number's budget
            await until(lambda words=words: any(words in (sent.text or "") for sent in pod.sent), SECONDS)  # type: ignore[misc]
        await until(lambda: scene.query(LOOKED_THROUGH), SECONDS)
    if "OXY_PLANS_MESSAGES" in os.environ:
        sys.stderr.write(f"\n{seeded}\n{as_table(statement_times(log, since)[:SLOWEST])}")
    found = await scene.query(SCANNED, GROWING)
    assert [tuple(row) for row in found] == []
