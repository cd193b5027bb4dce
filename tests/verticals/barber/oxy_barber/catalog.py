"""The barber's list, as he writes it, and what scheduling gets of it."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from oxy_ai.database import Connection
from oxy_ai.errors import AdministrationError
from oxy_ai.scheduling.booking_rules import BookingRules
from oxy_ai.scheduling.offer import Offer, OfferedResource, OfferedService, apply_offer
from oxy_ai.scheduling.periods import parse_period
from oxy_ai.scheduling.public_holidays import PublicHolidays
from oxy_ai.scheduling.services import ResourceKind, fold_name

_RULES = BookingRules(timedelta(minutes=30), timedelta(0), timedelta(days=3_650), timedelta(0), 5)
_WEEK = range(1, 7)


class BarberList(BaseModel):
    """Cuts with their prices, and who makes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: str
    barbers: tuple[str, ...]
    cuts: dict[str, Decimal]


def read_list(text: str) -> BarberList:
    try:
        return BarberList.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        message = f"the list cannot be applied: {error}"
        raise AdministrationError(message) from error


def offer_of(listed: BarberList) -> Offer:
    barbers = tuple(fold_name(name) for name in listed.barbers)
    return Offer(
        rules=_RULES,
        periods={weekday: (parse_period(listed.hours),) for weekday in _WEEK},
        holidays={},
        public_holidays=PublicHolidays(),
        resources=[OfferedResource(fold_name(name), name, ResourceKind.STAFF) for name in listed.barbers],
        services=[
            OfferedService(fold_name(name), name, int(price * 100), 30, 0, (barbers,))
            for name, price in listed.cuts.items()
        ],
    )


async def apply_list(connection: Connection, organization: UUID, listed: BarberList) -> BarberList:
    await connection.execute(
        "insert into barber_lists values ($1, $2) on conflict (organization_id) do update set document = $2",
        organization,
        listed.model_dump_json(),
    )
    await apply_offer(connection, organization, offer_of(listed))
    return listed


async def applied_list(connection: Connection, organization: UUID) -> BarberList | None:
    document = await connection.fetchval("select document from barber_lists where organization_id = $1", organization)
    return None if document is None else BarberList.model_validate_json(document)
