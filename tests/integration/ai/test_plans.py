"""The hot queries use their indices, with statistics of a busy platform."""
# ruff: noqa: S608 the queries are made of constants of this file

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from integration.ai.engine_database import item
from integration.ai.scene import Scene, settings_of

from oxy_ai.aurora.customers import inactive
from oxy_ai.engine.relay import RelaySettings
from oxy_ai.engine.turn_limits import TurnLimitSettings
from oxy_ai.reports import conversation_figures, message_series
from oxy_ai.schedules import agenda_gap, good_customers
from oxy_ai.scheduling import booking_figures
from oxy_ai.scheduling.agenda import Agenda
from oxy_ai.scheduling.bookings import bookings_of
from oxy_core.instance.settings import LimitsSettings

ORGANIZATION = "11111111-1111-4111-8111-111111111111"
INSTANCE = "22222222-2222-4222-8222-222222222222"

FILL = f"""
insert into organizations (id, name)
select ('00000000-0000-4000-8000-' || lpad(g::text, 12, '0'))::uuid, 'org-' || g from generate_series(1, 2000) g;
insert into organizations (id, name) values ('{ORGANIZATION}', 'petshop');
insert into org_queue (organization_id, ready_at)
select id, case when name like '%7' then now() else 'infinity'::timestamptz end
from organizations;
insert into instances (organization_id, id, name, settings)
select id, case id when '{ORGANIZATION}' then '{INSTANCE}' else id end, 'main', '{{}}' from organizations;
update schedule_queue set due_at = now() + interval '1 day' where instance_id::text not like '%77';
insert into relay_queue (instance_id, organization_id, account, settings_bucket, settings_revision, ready_at)
select id, organization_id, id::text, now(), 1,
    case when id::text like '%7' then now() else 'infinity'::timestamptz end
from instances;
insert into contacts (organization_id, instance_id)
select organization_id, id from instances, generate_series(1, 5) g;
insert into conversations (organization_id, instance_id, contact_id, chat, due_at)
select organization_id, instance_id, id, id || '@lid', case when id % 50 = 0 then now() end from contacts;
insert into chat_alias (organization_id, instance_id, jid, conversation_id)
select organization_id, instance_id, chat, id from conversations;
insert into turns (organization_id, conversation_id, instance_id, place, state)
select organization_id, id, instance_id, place, case when id % 1000 = 0 then 'dead' else 'answered' end
from conversations;
insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, kind, body,
    place, state, turn_id, sent_at)
select v.organization_id, v.instance_id, v.id, v.chat, v.chat, v.id || '-' || g, 'customer', 'text', 'oi',
    row(now(), v.organization_id, g)::place, (case when g > 8 then 'open' else 'answered' end)::message_state,
    case when g <= 8 then t.id end, now()
from conversations v join turns t on t.conversation_id = v.id, generate_series(1, 10) g;
insert into chat_journals (organization_id, conversation_id, epoch, seen)
select organization_id, id, organization_id, '{{[1,11)}}' from conversations;
insert into outbox (organization_id, id, instance_id, conversation_id, turn_id, part, chat, body, state, whatsapp_id)
select organization_id, gen_random_uuid(), instance_id, conversation_id, id, 0, 'x', 'x',
    case when id % 100 = 0 then 'pending' else 'sent' end, id::text from turns;
insert into outbox (organization_id, id, instance_id, conversation_id, part, lane, chat, body, state, purpose,
    reference, expires_at, held_until, released_at, released_until)
select organization_id, gen_random_uuid(), instance_id, id, 8, 'campaign', 'x', 'x',
    case when g % 4 = 0 then 'sent' else 'held' end, 'promotion', 'campaign:' || g, now() + interval '3 days',
    case when g % 4 = 1 then now() + interval '1 hour' end, at, at
from conversations, generate_series(1, case instance_id when '{INSTANCE}' then 1000 else 4 end) g,
    lateral (select case when g % 4 = 0 then now() - g * interval '1 hour' end as at) t;
insert into services (organization_id, key, name, price_cents, duration_minutes, buffer_minutes)
select id, 'banho', 'Banho', 1, 30, 0 from organizations where name = 'petshop' or name like '%7';
insert into resources (organization_id, key, name, kind)
select '{ORGANIZATION}', 'r' || g, 'r', 'room' from generate_series(1, 20) g;
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at)
select '{ORGANIZATION}', (select min(id) from contacts where organization_id = '{ORGANIZATION}'), s.id, r.key, 1, at,
    at + interval '30 minutes', at - interval '3 days'
from services s, resources r, generate_series(now() - interval '100 days', now(), interval '2 hours') at
where s.organization_id = '{ORGANIZATION}';
insert into booking_resources (organization_id, booking_id, resource_id, starts_at, busy_until)
select b.organization_id, b.id, r.id, b.starts_at, b.ends_at from bookings b join resources r on r.key = b.subject;
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at)
select c.organization_id, c.id, s.id, 'Rex', 1, at, at + interval '30 minutes', at - interval '3 days'
from services s join contacts c on c.organization_id = s.organization_id,
    generate_series(now() - interval '600 days', now(), interval '10 days') at
where s.organization_id <> '{ORGANIZATION}';
insert into turns (organization_id, conversation_id, instance_id, place, state, finished_at)
select organization_id, id, instance_id, place, 'answered', now() - g * interval '1 day'
from conversations, generate_series(1, 10) g;
insert into hand_overs (organization_id, instance_id, conversation_id, turn_id, place, reason, urgency, summary,
    silences, created_at, ended_at, ended)
select t.organization_id, t.instance_id, t.conversation_id, t.id, t.place, 'asked', 'normal', '', true, t.finished_at,
    t.finished_at, 'answered'
from turns t where t.finished_at is not null;
insert into job_queue (organization_id, lane, ready_at)
select organization_id, lane, ready_at from org_queue, unnest('{{automation,campaign}}'::lane[]) lane;
set session_replication_role = replica;  -- their triggers would wake the queue 20,000 times
insert into jobs (organization_id, instance_id, kind, key, lane, payload, state, planned_at, due_at, finished_at)
select organization_id, id, 'note', g, 'automation', '{{}}', case when g % 5 = 0 then 'waiting' else 'done' end, at, at,
    case when g % 5 <> 0 then now() end
from instances, generate_series(1, case id when '{INSTANCE}' then 10000 else 5 end) g, lateral (select now() as at) t;
set session_replication_role = origin;
analyze;
"""

SCANNED = re.compile(
    r'"Node Type": "Seq Scan",[^{}]*"Relation Name": "(messages|outbox|turns|bookings|ai_interactions)"'
)

ENTRIES = """
select sum(pg_stat_get_xact_tuples_returned(indexrelid)) from pg_index where indrelid = 'messages'::regclass
"""
CHAT = 40
"""Messages of each chat of the busy shop; it has a hundred chats."""
LIMITS = TurnLimitSettings().turn_limits.model_dump_json()
BUSY_SHOP = f"""
insert into contacts (organization_id, instance_id)
select '{ORGANIZATION}', '{INSTANCE}' from generate_series(1, 100) g;
insert into conversations (organization_id, instance_id, contact_id, chat)
select organization_id, instance_id, id, id || '@lid' from contacts c
where organization_id = '{ORGANIZATION}' and not exists (select from conversations v where v.contact_id = c.id);
insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, kind, body,
    place, state, reason, sent_at)
select v.organization_id, v.instance_id, v.id, v.chat, v.chat, v.id || 'x' || g, 'customer', 'text', 'oi',
    row(now(), v.organization_id, g)::place, 'ignored', 'x', now()
from conversations v, generate_series(1, {CHAT}) g where v.organization_id = '{ORGANIZATION}';
analyze messages;
"""
"""Many messages of one organization, in chats of a few dozen each."""

HISTORY = f"""
select jsonb_array_length(history_of(
    jsonb_populate_record(null::turns, jsonb_build_object('id', 0, 'conversation_id', v.id, 'place', v.place)), 5,
    '{LIMITS}'
)) from (
    select c.id, row(now(), organization_id, 1000)::place as place from conversations c
    where organization_id = '{ORGANIZATION}' order by c.id desc limit 8
) v
"""


async def plan(owner: asyncpg.Connection, sql: str) -> str:
    """How PostgreSQL runs a query of the workers' role."""
    async with owner.transaction():
        await owner.execute("set local role oxy_app")
        await owner.execute("select set_config('oxy.org', $1, true)", ORGANIZATION)
        explained: str = await owner.fetchval(f"explain (format json) {sql}")
        return explained


GROWING = (
    *("org_queue", "job_queue", "relay_queue", "schedule_queue", "contacts", "conversations", "chat_alias", "turns"),
    *("chat_journals", "messages", "outbox", "jobs", "bookings", "booking_resources", "hand_overs", "schedules"),
)
CHAT_OF_SHOP = "2001@lid"
SCANS = "select relname, seq_scan from pg_stat_xact_user_tables where relname = any ($1)"
INDICES = """
select c.relname as index, pg_stat_get_xact_numscans(c.oid) as scans, pg_stat_get_xact_tuples_returned(c.oid) as entries
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
where t.relname = any ($1)
"""
SETTINGS = settings_of(
    "petshop",
    limits=LimitsSettings(
        quiet_hours="", outbound_per_minute=60_000, campaign_per_day=10_000, warm_up=(), proactive_interval_days=0
    ),
)
STEP = f"""
select relay_step('{ORGANIZATION}', '{INSTANCE}', '{ORGANIZATION}', '30 s', '{{}}', '{{}}', false, 20, '1 s', '60 s',
    '{RelaySettings().pacing.model_dump_json()}')
"""
OF_SHOP = {"organization": ORGANIZATION, "instance": INSTANCE, "chat": CHAT_OF_SHOP, "sender": CHAT_OF_SHOP}


def stored(**changes: object) -> str:
    """The call that stores a message of the shop's chat."""
    report = item(1, INSTANCE, **(OF_SHOP | changes)) | {"organization": ORGANIZATION, "instance": INSTANCE}
    return f"select ingest('[{json.dumps(report)}]', '0 s', '0 s')"


@dataclass(frozen=True)
class Called:
    """What workers or administrators call."""

    call: str | Callable[[asyncpg.Connection], Awaitable[object]]
    """A statement, or a function of Python."""
    found: str
    """What its answer contains if it has found something."""
    indices: tuple[str, ...]
    """By which it finds that."""
    before: str = "select 1"
    """What has to be so before."""
    most: int = 1_000
    """Entries of indices that it may read."""


async def agenda_of_a_day(connection: asyncpg.Connection) -> object:
    """When two resources are taken."""
    agenda = Agenda(connection, UUID(ORGANIZATION), None, (), (), ())  # type: ignore[arg-type]  # what is offered is not asked
    return await agenda.busy([1, 2], datetime.now(UTC) - timedelta(days=2), datetime.now(UTC))


async def bookings_of_a_contact(connection: asyncpg.Connection) -> object:
    """Those of a customer who has more than anybody."""
    contact = await connection.fetchval("select min(contact_id) from bookings where subject = 'r1'")
    since = datetime.now(UTC) - timedelta(days=1)
    return await bookings_of(connection, UUID(ORGANIZATION), contact, ZoneInfo("America/Manaus"), since)  # type: ignore[arg-type]  # as above


CALLS = {
    "store what arrives": Called(
        stored(),
        "stored",
        ("chat_alias_pkey", "chat_journals_pkey"),
    ),
    "recognise an own message": Called(stored(from_me=True, whatsapp_id="77"), "stored", ("outbox_whatsapp_id",)),
    "claim turns": Called(
        f"select claim_turns(20, '60 s', 0, 1, '1 s', '{LIMITS}', null, null, 5, '1 s')",
        '"inputs": [{',
        (
            *("org_queue_ready", "conversations_due", "conversations_claimed", "messages_open", "messages_turn"),
            "chat_journals_pkey",
        ),
        "update conversations set pending_since = now() - interval '1 minute' where due_at is not null",
        most=8_000,  # most of them dead: in one transaction nothing is cleaned up
    ),
    "claim jobs": Called(
        "select claim_jobs(20, 20, '60 s', '1 s')",
        '"note"',
        ("job_queue_ready", "jobs_due", "jobs_claimed"),
        "update org_queue set ready_at = 'infinity'",
    ),
    "a job by its key": Called(
        f"select cancel_job('{ORGANIZATION}', '{INSTANCE}', 'note', '75', 'x')",
        "True",
        ("jobs_organization_id_instance_id_kind_key_key",),
    ),
    "relays that are due": Called("select json_agg(r) from relay_due(10, 10) r", '"instance"', ("relay_queue_ready",)),
    "release a text and offer it": Called(
        STEP,
        '"rows": [{',
        (
            *("outbox_pending", "outbox_ready", "outbox_waiting", "outbox_held", "outbox_released"),
            "outbox_promoted",
        ),
        f"""
        update instances set settings = '{SETTINGS.encode().decode()}' where id = '{INSTANCE}';
        update relay_queue set ready_at = now(), proactive_at = now() where instance_id = '{INSTANCE}';
        update outbox set as_queued = '{{"text": "x"}}' where id in (
            select id from outbox where instance_id = '{INSTANCE}' and state = 'held' and held_until is null
            order by lane, position limit 5
        )
        """,
        most=12_000,  # twice what the shop has: not all of it again for each text that waits
    ),
    "withdraw a campaign's texts": Called(
        f"select withdraw_proactive('{ORGANIZATION}', '{INSTANCE}', 'campaign:77', 'x')",
        "5",
        ("outbox_reference",),
    ),
    "the text of a request": Called(
        f"select text_of_request('{ORGANIZATION}', '{ORGANIZATION}')",
        "-",
        ("outbox_requests",),
        f"""
        update outbox set request_id = '{ORGANIZATION}'
        where id = (select min(id::text)::uuid from outbox where organization_id = '{ORGANIZATION}')
        """,
    ),
    "schedules to look at": Called(
        "select json_agg(s) from due_schedules(200) s",
        '"instance"',
        ("schedule_queue_due",),
        "update schedule_queue set due_at = now() where instance_id::text like '%777'",
        most=3_000,  # as above
    ),
    "the dead turns": Called(
        f"select json_agg(t) from dead_turns_of('{ORGANIZATION}', null, '-infinity', 0, now(), 10) t",
        '"turn"',
        ("turns_dead",),
        f"""
        update turns set state = 'dead', finished_at = now()
        where id = (select max(id) from turns where organization_id = '{ORGANIZATION}')
        """,
    ),
    "the ledger": Called(
        f"select json_agg(l) from ledger('{ORGANIZATION}', '1 minute') l where l.state in ('open', 'held')",
        '"text"',
        ("messages_open", "outbox_held", "outbox_pending", "outbox_accepted", "outbox_unsent", "hand_overs_open"),
        most=10_000,  # nearly all of them are texts that wait
    ),
    "the agenda of a day": Called(agenda_of_a_day, "Busy", ("booking_resources_agenda",)),
    "the bookings of a contact": Called(bookings_of_a_contact, "Booking", ("bookings_contact",)),
}


async def call_functions(owner: asyncpg.Connection) -> None:
    """Plans of functions cannot be shown, but what they have read can: by which index, how much, and no table whole.

    They are called as workers and administrators call them, so what is tested is their own SQL.
    """
    wrong = {}
    for what, called in CALLS.items():
        transaction = owner.transaction()
        await transaction.start()
        wrong[what] = await faults_of(owner, called)
        await transaction.rollback()
    assert {what: faults for what, faults in wrong.items() if faults} == {}


async def faults_of(owner: asyncpg.Connection, called: Called) -> list[str]:
    """What is wrong with how a call finds what it finds."""
    await owner.execute(called.before)
    scanned, read = await owner.fetch(SCANS, GROWING), await read_by_index(owner)
    await owner.execute("set local role oxy_app")
    await owner.execute("select set_config('oxy.org', $1, true)", ORGANIZATION)
    found = str(await (owner.fetchval(called.call) if isinstance(called.call, str) else called.call(owner)))
    await owner.execute("reset role")
    used = {
        index: entries - read[index][1]
        for index, (scans, entries) in (await read_by_index(owner)).items()
        if scans > read[index][0]
    }
    faults = [f"not by {index}" for index in called.indices if index not in used]
    if called.found not in found:
        faults.append(f"finds nothing: {found[:200]}")
    if await owner.fetch(SCANS, GROWING) != scanned:
        faults.append("reads a table whole")
    if sum(used.values()) > called.most:
        faults.append(f"reads too much: {used}")
    return faults


async def read_by_index(owner: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    """How often each index was scanned in this transaction, and how many of its entries that gave."""
    return {row["index"]: (row["scans"], row["entries"]) for row in await owner.fetch(INDICES, GROWING)}


SINCE, NOW = "now() - interval '7 days'", "now()"
FIGURES = {
    "messages of a period": (
        conversation_figures.MESSAGES,
        (SINCE, NOW),
        ("messages_arrived",),
    ),
    "answers of a period": (conversation_figures.RESPONSES, (SINCE, NOW), ("messages_turn",)),
    "hand-overs of a period": (conversation_figures.PEOPLE, (SINCE, NOW), ("hand_overs_conversation",)),
    "who waits for a person": (conversation_figures.WAITING, (), ("hand_overs_open",)),
    "messages by day": (message_series.SERIES, (SINCE, NOW, "'day'", "'America/Manaus'"), ()),
    "bookings of a period": (
        booking_figures.FIGURES,
        (SINCE, NOW),
        ("bookings_created", "bookings_starts", "bookings_cancelled"),
    ),
    "visits by service": (booking_figures.BY_SERVICE, (SINCE, NOW), ("bookings_starts",)),
    "visits by day": (booking_figures.SERIES, (SINCE, NOW, "'day'", "'America/Manaus'"), ("bookings_starts",)),
    "what is still to come": (booking_figures.COMING, (NOW, "now() + interval '7 days'"), ("bookings_starts",)),
    "good customers who stay away": (
        good_customers.ABSENT,
        (f"'{INSTANCE}'", SINCE, "3", "2000"),
        ("bookings_contact",),
    ),
    "what the next day has by now, and had in other weeks": (
        agenda_gap.BOOKED,
        ("array[current_date]", "array[now()]", "array[now() + interval '1 day']", "array[now()]"),
        ("bookings_starts",),
    ),
    "customers who stopped coming": (inactive.INACTIVE, (f"'{INSTANCE}'", SINCE, "10"), ("bookings_contact",)),
}
"""The queries of Aurora's figures as they are run, with their arguments after the organization."""


def filled(sql: str, arguments: tuple[str, ...]) -> str:
    """A query with its arguments written out."""
    for number, argument in enumerate((f"'{ORGANIZATION}'::uuid", *arguments), 1):
        sql = sql.replace(f"${number}", argument)
    return sql


async def test_hot_queries_use_their_indices(scene: Scene) -> None:
    owner = await asyncpg.connect(scene.admin_url)
    try:
        await owner.execute(FILL)
        await owner.execute(BUSY_SHOP)
        await read_histories(owner)
        await read_figures(owner)
        await call_functions(owner)  # last: what is rolled back leaves entries in the indices
    finally:
        await owner.close()


async def read_histories(owner: asyncpg.Connection) -> None:
    """A function's plans cannot be shown, but how many entries of indices it has read can."""
    async with owner.transaction():
        await owner.execute("set local role oxy_app")
        await owner.execute("select set_config('oxy.org', $1, true)", ORGANIZATION)
        assert [row[0] for row in await owner.fetch(HISTORY)] == [5] * 8
        assert await owner.fetchval(ENTRIES) <= 8 * CHAT


async def read_figures(owner: asyncpg.Connection) -> None:
    """What grows with a business is found by index, and never read whole."""
    for query, (sql, arguments, indices) in FIGURES.items():
        explained = await plan(owner, filled(sql, arguments))
        assert [index for index in indices if f'"{index}"' not in explained] == [], f"{query}: {explained}"
        assert not SCANNED.search(explained), f"{query}: {explained}"
