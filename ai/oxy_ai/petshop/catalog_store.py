"""Applying a catalog and reading the applied one, in the caller's transaction."""

from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from oxy_ai.contacts import list_private
from oxy_ai.database import Connection
from oxy_ai.petshop.catalog import Catalog, Resource
from oxy_ai.scheduling.agenda import lock_agenda
from oxy_ai.scheduling.booking_rules import BookingRules
from oxy_ai.scheduling.offer import Offer, OfferedResource, OfferedService, apply_offer
from oxy_ai.scheduling.opening_hours import SpecialDay, Weekday
from oxy_ai.scheduling.periods import WHOLE_DAY, Period, without_breaks
from oxy_ai.scheduling.public_holidays import PublicHolidays


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
    await lock_agenda(connection, organization)
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
    await list_private(connection, organization, catalog.private_contacts)
    return Applied(
        organization=name,
        changed=not unchanged,
        services=len(catalog.services),
        resources=len(catalog.resources),
        holidays=len(catalog.holidays.days),
    )


def offer_of(catalog: Catalog) -> Offer:
    """Return what a catalog offers for booking, in the terms of scheduling."""
    return Offer(
        rules=BookingRules(
            timedelta(minutes=catalog.slot_minutes),
            timedelta(minutes=catalog.min_notice_minutes),
            timedelta(days=catalog.horizon_days),
            timedelta(minutes=catalog.cancel_notice_minutes),
            catalog.max_coming_bookings,
        ),
        periods={day.iso: catalog.open_periods(day) for day in catalog.hours},
        holidays={holiday.date: SpecialDay(holiday.name, holiday.hours) for holiday in catalog.holidays.days},
        public_holidays=_public_holidays(catalog),
        resources=[OfferedResource(item.key, item.name, item.kind, _own_hours(item)) for item in catalog.resources],
        services=[
            OfferedService(s.key, s.name, s.price_cents, s.duration_minutes, s.buffer_minutes, s.groups)
            for s in catalog.services
        ],
    )


def _public_holidays(catalog: Catalog) -> PublicHolidays:
    chosen = catalog.holidays
    return PublicHolidays(frozenset(chosen.use), catalog.business.state, frozenset(chosen.optional))


def _own_hours(resource: Resource) -> dict[int, tuple[Period, ...]] | None:
    """Return when a resource is there; None: whenever the shop is open."""
    if resource.hours is None and not resource.breaks:
        return None
    hours = dict.fromkeys(Weekday, (WHOLE_DAY,)) if resource.hours is None else resource.hours
    return {day.iso: without_breaks(periods, resource.breaks) for day, periods in hours.items()}


async def read_applied(connection: Connection, organization: UUID) -> Catalog | None:
    """Return the applied catalog; None if there is none."""
    document: str | None = await connection.fetchval(
        "select document from catalogs where organization_id = $1", organization
    )
    return None if document is None else Catalog.model_validate_json(document)
