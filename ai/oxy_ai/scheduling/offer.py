"""What a business offers for booking, written to the database as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from oxy_ai.database import Connection
from oxy_ai.scheduling.booking_rules import BookingRules
from oxy_ai.scheduling.opening_hours import Period


@dataclass(frozen=True, slots=True)
class OfferedResource:
    """Something or somebody that serves one booking at a time."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class OfferedService:
    """A service before the database has given it an id."""

    key: str
    name: str
    price_cents: int
    duration_minutes: int
    buffer_minutes: int
    resources: frozenset[str]
    """Keys; any one of them is enough."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that can be booked, and when."""

    rules: BookingRules
    periods: Mapping[int, Sequence[Period]]
    """Opening hours by ISO weekday."""
    holidays: Mapping[date, str]
    """Names of the days on which the business is closed."""
    resources: Sequence[OfferedResource]
    services: Sequence[OfferedService]


async def apply_offer(connection: Connection, organization: UUID, offer: Offer) -> None:
    """Replace the organization's offer; idempotent.

    Services and resources are matched by key and keep their ids. Those no longer offered become inactive and are kept,
    because bookings refer to them.
    """
    await _apply_rules(connection, organization, offer.rules)
    await _apply_resources(connection, organization, offer.resources)
    await _apply_services(connection, organization, offer.services)
    await _apply_opening_hours(connection, organization, offer)


async def _apply_rules(connection: Connection, organization: UUID, rules: BookingRules) -> None:
    await connection.execute(
        """
        insert into booking_rules (organization_id, step, min_notice, horizon) values ($1, $2, $3, $4)
        on conflict (organization_id) do update
        set step = excluded.step, min_notice = excluded.min_notice, horizon = excluded.horizon
        """,
        organization,
        rules.step,
        rules.min_notice,
        rules.horizon,
    )


async def _apply_resources(connection: Connection, organization: UUID, resources: Sequence[OfferedResource]) -> None:
    await connection.execute(
        "update resources set active = false where organization_id = $1 and key <> all ($2)",
        organization,
        [resource.key for resource in resources],
    )
    await connection.executemany(
        """
        insert into resources (organization_id, key, name) values ($1, $2, $3)
        on conflict (organization_id, key) do update set name = excluded.name, active = true
        """,
        [(organization, resource.key, resource.name) for resource in resources],
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
        insert into service_resources (organization_id, service_id, resource_id)
        select $1, s.id, r.id from services s, resources r
        where s.organization_id = $1 and s.key = $2 and r.organization_id = $1 and r.key = $3
        """,
        [(organization, service.key, resource) for service in services for resource in service.resources],
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
    await connection.execute("delete from holidays where organization_id = $1", organization)
    await connection.executemany(
        "insert into holidays (organization_id, day, name) values ($1, $2, $3)",
        [(organization, day, name) for day, name in offer.holidays.items()],
    )
