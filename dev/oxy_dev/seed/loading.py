"""Writes the rows of a plan into a migrated database: one transaction, by COPY."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from heapq import merge
from io import BytesIO
from itertools import chain, islice
from typing import Final, TypeVar, cast

import asyncpg

from oxy_ai.database import Connection
from oxy_ai.verticals import Verticals
from oxy_dev.example import CATALOG_FILE
from oxy_dev.seed.agenda import Booking, Offered, bookings
from oxy_dev.seed.drawing import drawing
from oxy_dev.seed.outreach import Told, booking_texts, campaign_texts, campaigns
from oxy_dev.seed.outreach_rows import OUTREACH_TABLES, OutreachRows
from oxy_dev.seed.plan import PREFIX, Customer, Event, Numbers, Shop, customers, events, shops
from oxy_dev.seed.rows import AGENDA_TABLES, PEOPLE_TABLES, TABLES, Ids, Rows

T = TypeVar("T")

_AT_ONCE: Final = 10_000
"""Exchanges and texts whose rows are in memory at once."""
_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When contacts and journals began."""

_THERE: Final = """
select (select count(*) from organizations where name like $1) as organizations,
    (select count(*) from messages m join organizations o on o.id = m.organization_id where o.name like $1) - (
        select count(*) from outbox t join organizations o on o.id = t.organization_id
        where o.name like $1 and t.released_at is not null
    ) as messages  -- but for those that nobody asked for
"""

_NEWEST: Final = """
select (select coalesce(max(id), 0) from contacts) as contacts,
    (select coalesce(max(id), 0) from pets) as pets,
    (select coalesce(max(id), 0) from bookings) as bookings,
    (select coalesce(max(id), 0) from conversations) as conversations,
    (select coalesce(max(id), 0) from turns) as turns,
    (select coalesce(max(id), 0) from messages) as messages,
    (select coalesce(max(position), 0) from outbox) as position
"""

_NEWEST_OUTREACH: Final = """
select (select coalesce(max(id), 0) from campaigns) as campaigns,
    (select coalesce(max(id), 0) from campaign_recipients) as campaign_recipients,
    (select coalesce(max(id), 0) from automation_occurrences) as automation_occurrences,
    (select coalesce(max(id), 0) from jobs) as jobs
"""

_COUNT_ON: Final = """
select setval(pg_get_serial_sequence('contacts', 'id'), (select max(id) from contacts)),
    setval(pg_get_serial_sequence('pets', 'id'), (select max(id) from pets)),
    setval(pg_get_serial_sequence('bookings', 'id'), (select coalesce(max(id), 1) from bookings)),
    setval(pg_get_serial_sequence('conversations', 'id'), (select max(id) from conversations)),
    setval(pg_get_serial_sequence('turns', 'id'), (select coalesce(max(id), 1) from turns)),
    setval(pg_get_serial_sequence('messages', 'id'), (select max(id) from messages)),
    setval(pg_get_serial_sequence('outbox', 'position'), (select coalesce(max(position), 1) from outbox)),
    setval(pg_get_serial_sequence('campaigns', 'id'), (select coalesce(max(id), 1) from campaigns)),
    setval(pg_get_serial_sequence('campaign_recipients', 'id'), (select coalesce(max(id), 1) from campaign_recipients)),
    setval(pg_get_serial_sequence('automation_occurrences', 'id'),
        (select coalesce(max(id), 1) from automation_occurrences)),
    setval(pg_get_serial_sequence('jobs', 'id'), (select coalesce(max(id), 1) from jobs))
"""

_QUEUE: Final = """
insert into job_queue (organization_id, lane, ready_at)
select j.organization_id, j.lane, min(j.due_at) from jobs j where j.state = 'waiting' group by 1, 2
on conflict (organization_id, lane) do update set ready_at = least(job_queue.ready_at, excluded.ready_at)
"""
_LOOK: Final = """
update relay_queue q set proactive_at = h.held_until, ready_at = least(q.ready_at, h.held_until) from (
    select o.instance_id, min(o.held_until) as held_until from outbox o where o.state = 'held' group by 1
) h where q.instance_id = h.instance_id
"""


_SUM_UP: Final = """
insert into ai_months (organization_id, instance_id, month, spent_microdollars)
select c.organization_id, c.instance_id, c.month, sum(c.cost_microdollars) from ai_interactions c
group by c.organization_id, c.instance_id, c.month on conflict do nothing
"""

_OFFERED: Final = """
select s.id, s.price_cents, s.duration_minutes as minutes, s.buffer_minutes,
    jsonb_agg(g.members order by g.need)::text as groups
from services s join (
    select organization_id, service_id, need, jsonb_agg(resource_id order by resource_id) as members
    from service_resources group by organization_id, service_id, need
) g on g.organization_id = s.organization_id and g.service_id = s.id
where s.organization_id = $1 group by s.organization_id, s.id order by s.id
"""


async def seeded(connection: "asyncpg.Connection[asyncpg.Record]") -> Numbers:
    """Return what an earlier run has written."""
    [row] = await connection.fetch(_THERE, f"{PREFIX}%")
    return Numbers(row["organizations"], row["messages"])


async def load(connection: "asyncpg.Connection[asyncpg.Record]", numbers: Numbers, now: datetime) -> None:
    """Write everything, or nothing. The connection must be a superuser's."""
    async with connection.transaction():
        for shop in shops(numbers):
            await _add_shop(connection, shop)
        # No trigger checks row by row what is right by construction: that would take longer than the rest.
        await connection.execute("set local session_replication_role = replica")
        await _write(connection, numbers, now)
        await connection.execute(_COUNT_ON)
        for statement in (_SUM_UP, _QUEUE, _LOOK):
            await connection.execute(statement)
    await connection.execute("vacuum (analyze)")


async def _add_shop(connection: "asyncpg.Connection[asyncpg.Record]", shop: Shop) -> None:
    """Add an instance as the workers do, and the example's catalog."""
    settings = shop.settings
    await connection.execute(
        "select apply_instance($1, $2, $3, $4, '-infinity', 0, 0, 0)",
        shop.organization,
        shop.instance,
        settings.encode().decode(),
        list(settings.owners),
    )
    await connection.execute(
        "insert into journals values ($1, $2, $3, $4)", shop.organization, shop.instance, shop.epoch, _SINCE
    )
    pooled = cast("Connection", connection)
    await (
        Verticals()
        .named(settings.ai.profile)
        .apply_catalog(pooled, shop.organization, settings.organization, CATALOG_FILE.read_text())
    )


async def _write(connection: "asyncpg.Connection[asyncpg.Record]", numbers: Numbers, now: datetime) -> None:
    [newest] = await connection.fetch(_NEWEST)
    rows, everybody = Rows(Ids(**dict(newest))), customers(numbers)
    booked = await _book(connection, rows, everybody, now)
    [newest] = await connection.fetch(_NEWEST_OUTREACH)
    outreach = OutreachRows(rows, now, dict(newest))
    told = _told(outreach, everybody, booked, now)
    for some in _chunks(_merged(events(numbers, everybody, now), told)):
        for one in some:
            if isinstance(one, Event):
                rows.add(one)
            else:
                outreach.add(one)
        await _copy(connection, TABLES, rows.take())
        await _copy(connection, OUTREACH_TABLES, outreach.take())
    await _copy(connection, PEOPLE_TABLES, rows.people(chain.from_iterable(everybody), _SINCE))


def _merged(said: list[Event], told: list[Told]) -> Iterator[Event | Told]:
    """Yield what was written on both sides, oldest first."""
    both: tuple[list[Event | Told], list[Event | Told]] = ([*said], [*told])
    return merge(*both, key=lambda one: one.at)


async def _book(
    connection: "asyncpg.Connection[asyncpg.Record]",
    rows: Rows,
    everybody: tuple[tuple[Customer, ...], ...],
    now: datetime,
) -> list[tuple[int, Booking]]:
    """Write the bookings; returns each with the id of its row."""
    random, found = drawing("bookings"), list[tuple[int, Booking]]()
    for people in everybody:
        offered = await _offered(connection, people[0].shop)
        some = list(bookings(random, people, offered, now))
        found.extend(enumerate(some, rows.ids.bookings + 1))
        await _copy(connection, AGENDA_TABLES, rows.agenda(some))
    return found


def _told(
    rows: OutreachRows,
    everybody: tuple[tuple[Customer, ...], ...],
    booked: list[tuple[int, Booking]],
    now: datetime,
) -> list[Told]:
    """Make the campaigns' rows; returns what nobody asked for, oldest first."""
    random = drawing("outreach")
    found = list(booking_texts(random, booked, now))
    for people in everybody:
        for campaign in campaigns(people[0].shop, now):
            texts = list(campaign_texts(random, campaign, people, now))
            rows.add_campaign(campaign, len(texts))
            found.extend(texts)
    return sorted(found, key=lambda told: told.at)


async def _offered(connection: "asyncpg.Connection[asyncpg.Record]", shop: Shop) -> list[Offered]:
    rows = await connection.fetch(_OFFERED, shop.organization)
    return [Offered(**{**row, "groups": json.loads(row["groups"])}) for row in rows]


def _chunks(everything: Iterable[T]) -> Iterator[list[T]]:
    left = iter(everything)
    while some := list(islice(left, _AT_ONCE)):
        yield some


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]", tables: Mapping[str, str], lines: Mapping[str, bytes]
) -> None:
    for table, columns in tables.items():
        await connection.copy_to_table(table, source=BytesIO(lines[table]), columns=columns.split(), format="text")
