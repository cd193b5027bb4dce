"""Applying a catalogue: all of it or nothing, as often as one likes."""

from uuid import UUID

from pydantic import BaseModel

from oxy_ai.database import Connection
from oxy_ai.petshop.catalogue import Catalogue


class Applied(BaseModel):
    """What an application did."""

    organization: str
    changed: bool
    services: int
    resources: int
    holidays: int


async def apply_catalogue(connection: Connection, organization: UUID, name: str, catalogue: Catalogue) -> Applied:
    """Make the organization's catalogue this one. What is no longer in it stays for its bookings, but inactive."""
    document = catalogue.model_dump_json()
    before = await connection.fetchval(
        "select document = $2::jsonb from catalogues where organization_id = $1", organization, document
    )
    await connection.execute(
        """
        insert into catalogues (organization_id, document) values ($1, $2)
        on conflict (organization_id) do update set document = excluded.document, applied_at = now()
        """,
        organization,
        document,
    )
    await _apply_resources(connection, organization, catalogue)
    await _apply_services(connection, organization, catalogue)
    await _apply_times(connection, organization, catalogue)
    return Applied(
        organization=name,
        changed=not before,
        services=len(catalogue.services),
        resources=len(catalogue.resources),
        holidays=len(catalogue.holidays),
    )


async def _apply_resources(connection: Connection, organization: UUID, catalogue: Catalogue) -> None:
    await connection.execute(
        "update resources set active = false where organization_id = $1 and key <> all ($2)",
        organization,
        [resource.key for resource in catalogue.resources],
    )
    await connection.executemany(
        """
        insert into resources (organization_id, key, name) values ($1, $2, $3)
        on conflict (organization_id, key) do update set name = excluded.name, active = true
        """,
        [(organization, resource.key, resource.name) for resource in catalogue.resources],
    )


async def _apply_services(connection: Connection, organization: UUID, catalogue: Catalogue) -> None:
    await connection.execute(
        "update services set active = false where organization_id = $1 and key <> all ($2)",
        organization,
        [service.key for service in catalogue.services],
    )
    await connection.executemany(
        """
        insert into services (organization_id, key, name, price_cents, duration_minutes, buffer_minutes)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organization_id, key) do update
        set name = excluded.name, price_cents = excluded.price_cents, duration_minutes = excluded.duration_minutes,
            buffer_minutes = excluded.buffer_minutes, active = true
        """,
        [
            (organization, s.key, s.name, s.price_cents, s.duration_minutes, s.buffer_minutes)
            for s in catalogue.services
        ],
    )
    await connection.execute("delete from service_resources where organization_id = $1", organization)
    await connection.executemany(
        """
        insert into service_resources (organization_id, service_id, resource_id)
        select $1, s.id, r.id from services s, resources r
        where s.organization_id = $1 and s.key = $2 and r.organization_id = $1 and r.key = $3
        """,
        [
            (organization, service.key, resource)
            for service in catalogue.services
            for resource in set(service.resources)
        ],
    )


async def _apply_times(connection: Connection, organization: UUID, catalogue: Catalogue) -> None:
    await connection.execute("delete from opening_hours where organization_id = $1", organization)
    await connection.executemany(
        "insert into opening_hours (organization_id, weekday, opens, closes) values ($1, $2, $3, $4)",
        [
            (organization, day.iso, period.opens, period.closes)
            for day, periods in catalogue.hours.items()
            for period in periods
        ],
    )
    await connection.execute("delete from holidays where organization_id = $1", organization)
    await connection.executemany(
        "insert into holidays (organization_id, day, name) values ($1, $2, $3)",
        [(organization, holiday.date, holiday.name) for holiday in catalogue.holidays],
    )


async def read_applied(connection: Connection, organization: UUID) -> str | None:
    """Return the applied catalogue as JSON in the form that `read_catalogue` reads; None if there is none."""
    document: str | None = await connection.fetchval(
        "select document from catalogues where organization_id = $1", organization
    )
    return document
