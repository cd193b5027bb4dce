"""Free and taken times, read from the database in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from oxy_ai.database import Connection
from oxy_ai.scheduling.agenda_document import AgendaDocument
from oxy_ai.scheduling.booking_rules import Calendar
from oxy_ai.scheduling.opening_hours import day_bounds
from oxy_ai.scheduling.overlays import Overlay
from oxy_ai.scheduling.services import Resource, Service
from oxy_ai.scheduling.slots import Busy, Slot, free_slots

LONGEST_BOOKING: Final = timedelta(days=2)
"""The longest service and the longest buffer, a day each: bookings that began earlier are over."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """One organization's agenda."""

    connection: Connection
    organization: UUID
    calendar: Calendar
    services: Sequence[Service]
    resources: Sequence[Resource]
    changes: Sequence[Overlay]
    """Dated changes, oldest first."""

    @property
    def timezone(self) -> ZoneInfo:
        """The business's time zone."""
        return self.calendar.hours.timezone

    async def free_slots(
        self, service: Service, day: date, now: datetime, *, wish: int | None = None, moving: int | None = None
    ) -> list[Slot]:
        """Return the day's slots in which the service may be booked; `now` is in the business's time zone.

        `wish` is the resource that the customer wants, `moving` a booking whose own time counts as free.
        """
        need = service.need.wishing(wish)
        if need is None or not self.calendar.reaches(day, now):
            return []
        start, end = day_bounds(day, self.timezone)
        busy = await self.busy(need.resources, start, need.end_of(end) + need.buffer, moving)
        return free_slots(self.calendar, day, need, busy, now)

    async def busy(
        self, resources: Sequence[int], start: datetime, end: datetime, moving: int | None = None
    ) -> list[Busy]:
        """Return when the resources are taken between two times, not counting one booking."""
        rows = await self.connection.fetch(
            """
            select resource_id, starts_at, busy_until from booking_resources
            where organization_id = $1 and resource_id = any ($2)
                and starts_at >= $3::timestamptz - $5::interval and starts_at < $4 and busy_until > $3
                and booking_id is distinct from $6
            order by starts_at
            """,
            self.organization,
            resources,
            start,
            end,
            LONGEST_BOOKING,  # bounds the scan of the index on starts_at; busy_until is not indexed
            moving,
        )
        return [Busy(row["resource_id"], row["starts_at"], row["busy_until"]) for row in rows]

    async def locked(self) -> "Agenda | None":
        """Return the agenda as it is now; nobody else changes it before the transaction ends.

        None: nothing is offered any more.
        """
        return await _read("select locked_agenda($1)", self.connection, self.organization, self.timezone)


async def lock_agenda(connection: Connection, organization: UUID) -> None:
    """Let nobody else change the agenda until the transaction ends.

    Whoever changes facts as well, such as a catalog, locks the agenda first: those who hold it count facts.
    """
    await connection.execute("select lock_agenda($1)", organization)


async def read_agenda(connection: Connection, organization: UUID, timezone: ZoneInfo) -> Agenda | None:
    """Return the organization's agenda, in one round trip; None while it offers nothing."""
    return await _read("select agenda($1)", connection, organization, timezone)


async def read_agenda_document(connection: Connection, organization: UUID) -> AgendaDocument | None:
    """Return what decides what may be booked, whatever the time zone; None while nothing is offered."""
    return await _document("select agenda($1)", connection, organization)


async def _read(query: str, connection: Connection, organization: UUID, timezone: ZoneInfo) -> Agenda | None:
    document = await _document(query, connection, organization)
    if document is None:
        return None
    calendar, services = document.calendar(timezone), document.offered_services()
    return Agenda(connection, organization, calendar, services, document.named_resources(), document.changes())


async def _document(query: str, connection: Connection, organization: UUID) -> AgendaDocument | None:
    text: str | None = await connection.fetchval(query, organization)
    document = None if text is None else AgendaDocument.model_validate_json(text)
    return document if document is not None and document.services else None
