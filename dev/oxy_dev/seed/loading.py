"""Writes the rows of a plan into a migrated database: one transaction, by COPY."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain, islice
from typing import Final, TypeVar, cast

import asyncpg

from oxy_ai.database import Connection
from oxy_ai.verticals import Verticals
from oxy_dev.example import CATALOG_FILE
from oxy_dev.seed.agenda import Offered, bookings
from oxy_dev.seed.drawing import drawing
from oxy_dev.seed.plan import PREFIX, Event, Numbers, Shop, customers, events, shops
from oxy_dev.seed.rows import AGENDA_TABLES, PEOPLE_TABLES, TABLES, Ids, Rows

T = TypeVar("T")

_AT_ONCE: Final = 10_000
"""Exchanges whose rows are in memory at once."""
_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When contacts and journals began."""

_THERE: Final = """
select (select count(*) from organizations where name like $1) as organizations,
    (select count(*) from messages m join organizations o on o.id = m.organization_id where o.name like $1) as messages
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

_COUNT_ON: Final = """
select setval(pg_get_serial_sequence('contacts', 'id'), (select max(id) from contacts)),
    setval(pg_get_serial_sequence('pets', 'id'), (select max(id) from pets)),
    setval(pg_get_serial_sequence('bookings', 'id'), (select coalesce(max(id), 1) from bookings)),
    setval(pg_get_serial_sequence('conversations', 'id'), (select max(id) from conversations)),
    setval(pg_get_serial_sequence('turns', 'id'), (select coalesce(max(id), 1) from turns)),
    setval(pg_get_serial_sequence('messages', 'id'), (select max(id) from messages)),
    setval(pg_get_serial_sequence('outbox', 'position'), (select coalesce(max(position), 1) from outbox))
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
        await connection.execute(_SUM_UP)
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
    for some in _chunks(events(numbers, everybody, now)):
        for event in some:
            rows.add(event)
        await _copy(connection, TABLES, rows.take())
    await _copy(connection, PEOPLE_TABLES, rows.people(chain.from_iterable(everybody), _SINCE))
    random = drawing("bookings")
    for people in everybody:
        offered = await _offered(connection, people[0].shop)
        await _copy(connection, AGENDA_TABLES, rows.agenda(bookings(random, people, offered, now)))


async def _offered(connection: "asyncpg.Connection[asyncpg.Record]", shop: Shop) -> list[Offered]:
    rows = await connection.fetch(_OFFERED, shop.organization)
    return [Offered(**{**row, "groups": json.loads(row["groups"])}) for row in rows]


def _chunks(all_events: Iterable[Event]) -> Iterator[list[Event]]:
    left = iter(all_events)
    while some := list(islice(left, _AT_ONCE)):
        yield some


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]", tables: Mapping[str, str], lines: Mapping[str, bytes]
) -> None:
    for table, columns in tables.items():
        await connection.copy_to_table(table, source=BytesIO(lines[table]), columns=columns.split(), format="text")
