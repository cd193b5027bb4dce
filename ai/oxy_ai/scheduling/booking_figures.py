"""Figures of bookings in a period, for reports to owners.

A visit is a booking whose time has come and that was neither cancelled nor missed; nobody has to say that it took
place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """The visits of one service that start in the period."""

    name: str
    visits: int
    revenue_cents: int


@dataclass(frozen=True, slots=True)
class BookingFigures:
    """The figures of one period."""

    booked: int
    """Bookings made in the period, whatever day they are for, that were not cancelled later."""
    booked_cents: int
    visitors: int
    """Customers with at least one visit."""
    missed: int
    """Bookings that start in the period to which nobody came."""
    missed_cents: int
    cancelled: int
    """Bookings cancelled in the period, whatever day they were for."""
    cancelled_cents: int
    by_service: tuple[ServiceFigures, ...]
    """Highest revenue first."""

    @property
    def visits(self) -> int:
        """Of all services."""
        return sum(service.visits for service in self.by_service)

    @property
    def revenue_cents(self) -> int:
        """Of all services."""
        return sum(service.revenue_cents for service in self.by_service)


@dataclass(frozen=True, slots=True)
class Coming:
    """What is booked and still to come."""

    bookings: int
    cents: int
    first_at: datetime | None
    """When the first of them begins; None: there is none."""


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """The visits of one part of a period."""

    visits: int
    revenue_cents: int


FIGURES: Final = """
with made as (
    select count(*) as bookings, coalesce(sum(b.price_cents), 0)::bigint as cents from bookings b
    where b.organization_id = $1 and b.status <> 'cancelled' and b.created_at >= $2 and b.created_at < $3
), starting as (
    select count(distinct b.contact_id) filter (where is_visit(b)) as visitors,
        count(*) filter (where b.status = 'no_show') as missed,
        coalesce(sum(b.price_cents) filter (where b.status = 'no_show'), 0)::bigint as cents
    from bookings b where b.organization_id = $1 and b.starts_at >= $2 and b.starts_at < $3
), cancelled as (
    select count(*) as bookings, coalesce(sum(b.price_cents), 0)::bigint as cents from bookings b
    where b.organization_id = $1 and b.status = 'cancelled' and b.changed_at >= $2 and b.changed_at < $3
)
select m.bookings as booked, m.cents as booked_cents, s.visitors, s.missed, s.cents as missed_cents,
    c.bookings as cancelled, c.cents as cancelled_cents
from made m, starting s, cancelled c
"""

BY_SERVICE: Final = """
select s.name, count(*) as visits, sum(b.price_cents)::bigint as cents
from bookings b join services s on s.organization_id = b.organization_id and s.id = b.service_id
where b.organization_id = $1 and is_visit(b) and b.starts_at >= $2 and b.starts_at < $3
group by s.name order by cents desc, s.name
"""

COMING: Final = """
select count(*) as bookings, coalesce(sum(b.price_cents), 0)::bigint as cents, min(b.starts_at) as first_at
from bookings b
where b.organization_id = $1 and is_visit(b) and b.starts_at >= $2 and b.starts_at < $3
"""

SERIES: Final = """
select date_trunc($4, b.starts_at at time zone $5) as part, count(*) as visits, sum(b.price_cents)::bigint as cents
from bookings b
where b.organization_id = $1 and is_visit(b) and b.starts_at >= $2 and b.starts_at < $3
group by 1
"""


async def read_booking_figures(
    connection: Connection, organization: UUID, start: datetime, end: datetime
) -> BookingFigures:
    """Return the figures from `start` (included) to `end` (not included), which has come already."""
    [figures] = await connection.fetch(FIGURES, organization, start, end)
    rows = await connection.fetch(BY_SERVICE, organization, start, end)
    by_service = tuple(ServiceFigures(row["name"], row["visits"], row["cents"]) for row in rows)
    return BookingFigures(**dict(figures), by_service=by_service)


async def read_coming(connection: Connection, organization: UUID, start: datetime, end: datetime) -> Coming:
    """Return what is booked from `start` (included), which has not come yet, to `end` (not included)."""
    [row] = await connection.fetch(COMING, organization, start, end)
    return Coming(**dict(row))


async def read_visit_series(
    connection: Connection, organization: UUID, between: tuple[datetime, datetime], part: str, timezone: str
) -> Mapping[datetime, VisitCounts]:
    """Return the visits of each part of a period that has any, by its beginning in local time (without a time zone).

    `between`: start (included) and end (not included); `part`: hour, day, week, month or year.
    """
    rows = await connection.fetch(SERIES, organization, *between, part, timezone)
    return {row["part"]: VisitCounts(row["visits"], row["cents"]) for row in rows}
