"""Figures of bookings in a period, for reports to owners. Cancelled bookings never count, nor do visits of nobody."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """The bookings of one service that start in the period, including those still to come on its last day."""

    name: str
    visits: int
    revenue_cents: int


@dataclass(frozen=True, slots=True)
class BookingFigures:
    """The figures of one period."""

    booked: int
    """Bookings made in the period, whatever day they are for."""
    booked_cents: int
    by_service: tuple[ServiceFigures, ...]
    """Highest revenue first."""


_BOOKED: Final = """
select count(*) as bookings, coalesce(sum(price_cents), 0)::bigint as cents from bookings
where organization_id = $1 and status <> 'cancelled' and created_at >= $2 and created_at < $3
"""

_BY_SERVICE: Final = """
select s.name, count(*) as visits, sum(b.price_cents)::bigint as cents
from bookings b join services s on s.organization_id = b.organization_id and s.id = b.service_id
where b.organization_id = $1 and b.status not in ('cancelled', 'no_show') and b.starts_at >= $2 and b.starts_at < $3
group by s.name order by cents desc, s.name
"""


async def read_booking_figures(
    connection: Connection, organization: UUID, start: datetime, end: datetime
) -> BookingFigures:
    """Return the figures from `start` (included) to `end` (not included)."""
    [booked] = await connection.fetch(_BOOKED, organization, start, end)
    rows = await connection.fetch(_BY_SERVICE, organization, start, end)
    by_service = tuple(ServiceFigures(row["name"], row["visits"], row["cents"]) for row in rows)
    return BookingFigures(booked["bookings"], booked["cents"], by_service)
