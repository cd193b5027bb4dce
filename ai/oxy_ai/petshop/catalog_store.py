"""Applying a catalog and reading the applied one, in the caller's transaction."""

from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from oxy_ai.database import Connection
from oxy_ai.petshop.catalog import Catalog
from oxy_ai.scheduling.booking_rules import BookingRules
from oxy_ai.scheduling.offer import Offer, OfferedResource, OfferedService, apply_offer


class Applied(BaseModel):
    """The result of applying a catalog."""

    organization: str
    changed: bool
    services: int
    resources: int
    holidays: int


async def apply_catalog(connection: Connection, organization: UUID, name: str, catalog: Catalog) -> Applied:
    """Replace the organization's catalog; idempotent, and atomic in the caller's transaction.

    The whole document is stored for prompts and for `oxy catalog show`; scheduling gets its part in its own tables.
    """
    document = catalog.model_dump_json()
    unchanged = await connection.fetchval(
        "select document = $2::jsonb from catalogs where organization_id = $1", organization, document
    )
    await connection.execute(
        """
        insert into catalogs (organization_id, document) values ($1, $2)
        on conflict (organization_id) do update set document = excluded.document, applied_at = now()
        """,
        organization,
        document,
    )
    await apply_offer(connection, organization, offer_of(catalog))
    return Applied(
        organization=name,
        changed=not unchanged,
        services=len(catalog.services),
        resources=len(catalog.resources),
        holidays=len(catalog.holidays),
    )


def offer_of(catalog: Catalog) -> Offer:
    """Return what a catalog offers for booking, in the terms of scheduling."""
    return Offer(
        rules=BookingRules(
            timedelta(minutes=catalog.slot_minutes),
            timedelta(minutes=catalog.min_notice_minutes),
            timedelta(days=catalog.horizon_days),
        ),
        periods={day.iso: periods for day, periods in catalog.hours.items()},
        holidays={holiday.date: holiday.name for holiday in catalog.holidays},
        resources=[OfferedResource(resource.key, resource.name) for resource in catalog.resources],
        services=[
            OfferedService(s.key, s.name, s.price_cents, s.duration_minutes, s.buffer_minutes, frozenset(s.resources))
            for s in catalog.services
        ],
    )


async def read_applied(connection: Connection, organization: UUID) -> Catalog | None:
    """Return the applied catalog; None if there is none."""
    document: str | None = await connection.fetchval(
        "select document from catalogs where organization_id = $1", organization
    )
    return None if document is None else Catalog.model_validate_json(document)
