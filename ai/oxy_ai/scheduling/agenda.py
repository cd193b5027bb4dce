"""Free and taken times, read from the database in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from oxy_ai.database import Connection
from oxy_ai.scheduling.booking_rules import BookingRules, Calendar
from oxy_ai.scheduling.opening_hours import OpeningHours, Period, day_bounds
from oxy_ai.scheduling.services import Service
from oxy_ai.scheduling.slots import Busy, Need, Slot, free_slots

LONGEST_BOOKING: Final = timedelta(days=2)
"""The longest service and the longest buffer, a day each: bookings that began earlier are over."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """One organization's agenda."""

    connection: Connection
    organization: UUID
    calendar: Calendar
    services: Sequence[Service]

    async def free_slots(self, service: Service, day: date, now: datetime) -> list[Slot]:
        """Return the day's slots in which the service may be booked; `now` is in the business's time zone."""
        if not self.calendar.reaches(day, now):
            return []
        need = service.need
        start, end = day_bounds(day, self.calendar.hours.timezone)
        busy = await self.busy(need.resources, start, need.end_of(end) + need.buffer)
        return free_slots(self.calendar, day, need, busy, now)

    async def busy(self, resources: Sequence[int], start: datetime, end: datetime) -> list[Busy]:
        """Return when the resources are taken between two times."""
        rows = await self.connection.fetch(
            """
            select resource_id, starts_at, busy_until from bookings
            where organization_id = $1 and resource_id = any ($2) and status <> 'cancelled'
                and starts_at >= $3::timestamptz - $5::interval and starts_at < $4 and busy_until > $3
            order by starts_at
            """,
            self.organization,
            resources,
            start,
            end,
            LONGEST_BOOKING,  # bounds the scan of the index on starts_at; busy_until is not indexed
        )
        return [Busy(row["resource_id"], row["starts_at"], row["busy_until"]) for row in rows]


async def read_agenda(connection: Connection, organization: UUID, timezone: ZoneInfo) -> Agenda | None:
    """Return the organization's agenda; None while it offers nothing."""
    calendar = await _calendar(connection, organization, timezone)
    services = await read_services(connection, organization)
    return None if calendar is None or not services else Agenda(connection, organization, calendar, services)


async def read_services(connection: Connection, organization: UUID) -> list[Service]:
    """Return what can be booked, in the order in which it was first offered."""
    rows = await connection.fetch(
        """
        select s.id, s.key, s.name, s.price_cents, s.duration_minutes, s.buffer_minutes,
            array_agg(r.resource_id order by r.resource_id) as resources
        from services s
        join service_resources r on r.organization_id = s.organization_id and r.service_id = s.id
        where s.organization_id = $1 and s.active
        group by s.organization_id, s.id
        order by s.id
        """,
        organization,
    )
    return [
        Service(
            row["id"],
            row["key"],
            row["name"],
            row["price_cents"],
            Need(
                timedelta(minutes=row["duration_minutes"]),
                timedelta(minutes=row["buffer_minutes"]),
                tuple(row["resources"]),
            ),
        )
        for row in rows
    ]


async def _calendar(connection: Connection, organization: UUID, timezone: ZoneInfo) -> Calendar | None:
    rules = await connection.fetchrow(
        "select step, min_notice, horizon from booking_rules where organization_id = $1", organization
    )
    if rules is None:
        return None
    hours = OpeningHours(timezone, await _periods(connection, organization), await _holidays(connection, organization))
    return Calendar(hours, BookingRules(rules["step"], rules["min_notice"], rules["horizon"]))


async def _periods(connection: Connection, organization: UUID) -> dict[int, list[Period]]:
    rows = await connection.fetch(
        "select weekday, opens, closes from opening_hours where organization_id = $1 order by weekday, opens",
        organization,
    )
    periods: dict[int, list[Period]] = {}
    for row in rows:
        periods.setdefault(row["weekday"], []).append(Period(row["opens"], row["closes"]))
    return periods


async def _holidays(connection: Connection, organization: UUID) -> frozenset[date]:
    rows = await connection.fetch("select day from holidays where organization_id = $1", organization)
    return frozenset(row["day"] for row in rows)
