"""What a business offers for booking, written to the database as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from oxy_ai.database import Connection
from oxy_ai.scheduling.agenda import lock_agenda
from oxy_ai.scheduling.booking_rules import BookingRules
from oxy_ai.scheduling.opening_hours import SpecialDay
from oxy_ai.scheduling.periods import Period
from oxy_ai.scheduling.public_holidays import PublicHolidays
from oxy_ai.scheduling.services import ResourceKind


@dataclass(frozen=True, slots=True)
class OfferedResource:
    """Something or somebody that serves one booking at a time."""

    key: str
    name: str
    kind: ResourceKind = ResourceKind.EQUIPMENT
    hours: Mapping[int, Sequence[Period]] | None = None
    """When it is there, by ISO weekday; None: whenever the business is open."""


@dataclass(frozen=True, slots=True)
class OfferedService:
    """A service before the database has given it an id."""

    key: str
    name: str
    price_cents: int
    duration_minutes: int
    buffer_minutes: int
    needs: tuple[tuple[str, ...], ...]
    """Groups of resources' keys; one of each is needed."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that can be booked, and when."""

    rules: BookingRules
    periods: Mapping[int, Sequence[Period]]
    """Opening hours by ISO weekday."""
    holidays: Mapping[date, SpecialDay]
    """The business's own."""
    public_holidays: PublicHolidays
    resources: Sequence[OfferedResource]
    services: Sequence[OfferedService]


async def apply_offer(connection: Connection, organization: UUID, offer: Offer) -> None:
    """Replace the organization's offer; idempotent.

    Services and resources are matched by key and keep their ids. Those no longer offered become inactive and are kept,
    because bookings refer to them.
    """
    await lock_agenda(connection, organization)
    await _apply_rules(connection, organization, offer)
    await _apply_resources(connection, organization, offer.resources)
    await _apply_services(connection, organization, offer.services)
    await _apply_opening_hours(connection, organization, offer)
    await _apply_holidays(connection, organization, offer)


async def _apply_rules(connection: Connection, organization: UUID, offer: Offer) -> None:
    rules, public = offer.rules, offer.public_holidays
    await connection.execute(
        """
        insert into booking_rules (
            organization_id, step, min_notice, horizon, cancel_notice, max_coming, holiday_kinds, holiday_state,
            optional_holidays
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (organization_id) do update
        set (step, min_notice, horizon, cancel_notice, max_coming, holiday_kinds, holiday_state, optional_holidays)
            = (excluded.step, excluded.min_notice, excluded.horizon, excluded.cancel_notice, excluded.max_coming,
                excluded.holiday_kinds, excluded.holiday_state, excluded.optional_holidays)
        """,
        organization,
        rules.step,
        rules.min_notice,
        rules.horizon,
        rules.cancel_notice,
        rules.max_coming,
        sorted(public.kinds),
        public.state,
        sorted(public.optional),
    )


async def _apply_resources(connection: Connection, organization: UUID, resources: Sequence[OfferedResource]) -> None:
    await connection.execute(
        "update resources set active = false where organization_id = $1 and key <> all ($2)",
        organization,
        [resource.key for resource in resources],
    )
    await connection.executemany(
        """
        insert into resources (organization_id, key, name, kind, own_hours) values ($1, $2, $3, $4, $5)
        on conflict (organization_id, key) do update
        set name = excluded.name, kind = excluded.kind, own_hours = excluded.own_hours, active = true
        """,
        [(organization, item.key, item.name, item.kind, item.hours is not None) for item in resources],
    )
    await _apply_resource_hours(connection, organization, resources)


async def _apply_resource_hours(
    connection: Connection, organization: UUID, resources: Sequence[OfferedResource]
) -> None:
    await connection.execute("delete from resource_hours where organization_id = $1", organization)
    await connection.executemany(
        """
        insert into resource_hours (organization_id, resource_id, weekday, opens, closes)
        select $1, id, $3, $4, $5 from resources where organization_id = $1 and key = $2
        """,
        [
            (organization, resource.key, weekday, period.opens, period.closes)
            for resource in resources
            for weekday, periods in (resource.hours or {}).items()
            for period in periods
        ],
    )


async def _apply_services(connection: Connection, organization: UUID, services: Sequence[OfferedService]) -> None:
    await connection.execute(
        "update services set active = false where organization_id = $1 and key <> all ($2)",
        organization,
        [service.key for service in services],
    )
    await connection.executemany(
        """
        insert into services (organization_id, key, name, price_cents, duration_minutes, buffer_minutes)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organization_id, key) do update
        set name = excluded.name, price_cents = excluded.price_cents, duration_minutes = excluded.duration_minutes,
            buffer_minutes = excluded.buffer_minutes, active = true
        """,
        [(organization, s.key, s.name, s.price_cents, s.duration_minutes, s.buffer_minutes) for s in services],
    )
    await _apply_service_resources(connection, organization, services)


async def _apply_service_resources(
    connection: Connection, organization: UUID, services: Sequence[OfferedService]
) -> None:
    await connection.execute("delete from service_resources where organization_id = $1", organization)
    await connection.executemany(
        """
        insert into service_resources (organization_id, service_id, need, resource_id)
        select $1, s.id, $3, r.id from services s, resources r
        where s.organization_id = $1 and s.key = $2 and r.organization_id = $1 and r.key = $4
        """,
        [
            (organization, service.key, number, resource)
            for service in services
            for number, group in enumerate(service.needs)
            for resource in group
        ],
    )


async def _apply_opening_hours(connection: Connection, organization: UUID, offer: Offer) -> None:
    await connection.execute("delete from opening_hours where organization_id = $1", organization)
    await connection.executemany(
        "insert into opening_hours (organization_id, weekday, opens, closes) values ($1, $2, $3, $4)",
        [
            (organization, weekday, period.opens, period.closes)
            for weekday, periods in offer.periods.items()
            for period in periods
        ],
    )


async def _apply_holidays(connection: Connection, organization: UUID, offer: Offer) -> None:
    await connection.execute("delete from holidays where organization_id = $1", organization)
    await connection.executemany(
        "insert into holidays (organization_id, day, name, hours) values ($1, $2, $3, $4)",
        [(organization, day, item.name, list(map(str, item.periods))) for day, item in offer.holidays.items()],
    )
