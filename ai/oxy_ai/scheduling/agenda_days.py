"""The agenda day by day, for the people of a business: hours, dated changes and who comes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from asyncpg import Record

from oxy_ai.scheduling.agenda import Agenda
from oxy_ai.scheduling.booking_rules import Calendar
from oxy_ai.scheduling.opening_hours import DayRow, day_bounds, day_table

_BOOKED: Final = """
select b.id, b.service_id, b.starts_at, b.ends_at, s.name as service, b.subject, c.name as customer, c.phone,
    b.confirmed_at is not null as confirmed, array_agg(r.id order by r.id) as resource_ids,
    array_agg(r.name order by r.id) as resources
from bookings b
join services s on s.organization_id = b.organization_id and s.id = b.service_id
join contacts c on c.organization_id = b.organization_id and c.id = b.contact_id
join booking_resources t on t.organization_id = b.organization_id and t.booking_id = b.id
join resources r on r.organization_id = b.organization_id and r.id = t.resource_id
where b.organization_id = $1 and b.status <> 'cancelled' and b.starts_at >= $2
    and ($3::timestamptz is null or b.starts_at < $3)
group by b.organization_id, b.id, s.name, c.name, c.phone order by b.starts_at, b.id
"""


@dataclass(frozen=True, slots=True)
class BookedTime:
    """A booking as the business sees it; its times are in the business's time zone."""

    id: int
    service_id: int
    starts_at: datetime
    ends_at: datetime
    service: str
    subject: str
    customer: str | None
    phone: str | None
    resource_ids: tuple[int, ...]
    resources: tuple[str, ...]
    confirmed: bool = False
    """The customer has said that he comes then."""


@dataclass(frozen=True, slots=True)
class AgendaDay:
    """One day of the agenda."""

    row: DayRow
    bookings: tuple[BookedTime, ...]


async def agenda_days(agenda: Agenda, first: date, days: int) -> list[AgendaDay]:
    """Return some days of the agenda, with all bookings that are not cancelled."""
    booked = await booked_between(agenda, first, first + timedelta(days=days))
    start, _ = day_bounds(first, agenda.timezone)
    return [
        AgendaDay(row, tuple(item for item in booked if item.starts_at.date() == row.day))
        for row in day_table(agenda.calendar.hours, start, days)
    ]


async def booked_between(agenda: Agenda, first: date, end: date | None = None) -> list[BookedTime]:
    """Return the bookings from a day on, until another, not included, if it is given."""
    start, until = (None if day is None else day_bounds(day, agenda.timezone)[0] for day in (first, end))
    rows = await agenda.connection.fetch(_BOOKED, agenda.organization, start, until)
    return [_booked(row, agenda) for row in rows]


def left_outside(agenda: Agenda, booked: Iterable[BookedTime]) -> list[BookedTime]:
    """Return the bookings of what is not offered any more, outside the hours, or whose resources are not there.

    Somebody has to talk to their customers.
    """
    services = {service.id for service in agenda.services}
    resources = {resource.id for resource in agenda.resources}
    return [
        item
        for item in booked
        if item.service_id not in services
        or not resources.issuperset(item.resource_ids)
        or not _fits(agenda.calendar, item)
    ]


def _fits(calendar: Calendar, item: BookedTime) -> bool:
    start, end = item.starts_at, item.ends_at
    within = any(opens <= start.time() and end.time() <= closes for opens, closes in calendar.hours.on(start.date()))
    return within and all(calendar.attends(number, start, end) for number in item.resource_ids)


def _booked(row: Record, agenda: Agenda) -> BookedTime:
    return BookedTime(
        id=row["id"],
        service_id=row["service_id"],
        starts_at=row["starts_at"].astimezone(agenda.timezone),
        ends_at=row["ends_at"].astimezone(agenda.timezone),
        service=row["service"],
        subject=row["subject"],
        customer=row["customer"],
        phone=row["phone"],
        resource_ids=tuple(row["resource_ids"]),
        resources=tuple(row["resources"]),
        confirmed=row["confirmed"],
    )
