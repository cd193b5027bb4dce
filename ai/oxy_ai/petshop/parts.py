"""The parts of what the customers' assistant knows: the catalog, and the customer's pets and bookings."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from oxy_ai.assistants.review.evidence import Offer
from oxy_ai.assistants.vertical import ContextPart, Scope
from oxy_ai.database import Connection
from oxy_ai.petshop.catalog import Catalog, Service
from oxy_ai.petshop.catalog_store import read_applied
from oxy_ai.petshop.pet_table import read_pets
from oxy_ai.petshop.pets import Pet
from oxy_ai.portuguese.formatting import WEEKDAYS, money
from oxy_ai.scheduling.agenda import read_agenda_document
from oxy_ai.scheduling.agenda_document import AgendaDocument
from oxy_ai.scheduling.bookings import Booking, bookings_of
from oxy_ai.scheduling.opening_hours import Weekday

PAST: Final = timedelta(days=30)
"""How far back the assistant knows a customer's bookings."""

_MARGIN: Final = timedelta(days=1)
"""Read beyond that, so that what is kept for later turns never lacks one."""

_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """What an assistant knows of a shop's catalog."""

    lines: str
    """As it reads them."""
    offers: tuple[Offer, ...] = ()
    phone: str | None = None
    emergency_phone: str | None = None


async def _read_catalog(connection: Connection, organization: UUID, _: int, __: datetime) -> CatalogFacts:
    return catalog_facts(await read_applied(connection, organization))


async def _read_bookings(
    connection: Connection, organization: UUID, contact: int, now: datetime
) -> tuple[Booking, ...]:
    since = now - PAST - _MARGIN
    return tuple(await bookings_of(connection, organization, contact, _UTC, since))


async def _read_pets(connection: Connection, organization: UUID, contact: int, _: datetime) -> tuple[Pet, ...]:
    return tuple(await read_pets(connection, organization, contact))


async def _read_agenda(connection: Connection, organization: UUID, _: int, __: datetime) -> AgendaDocument | None:
    return await read_agenda_document(connection, organization)


CATALOG: Final[ContextPart[CatalogFacts]] = ContextPart(
    "catalog",
    Scope.ORGANIZATION,
    _read_catalog,
    "O catálogo não pôde ser lido agora: não diga preços nem serviços de memória; use as ferramentas.",
)
BOOKINGS: Final[ContextPart[tuple[Booking, ...]]] = ContextPart(
    "bookings",
    Scope.CONTACT,
    _read_bookings,
    "Os agendamentos deste cliente não puderam ser lidos agora: não diga que ele tem ou não tem algum.",
)
PETS: Final[ContextPart[tuple[Pet, ...]]] = ContextPart(
    "pets",
    Scope.CONTACT,
    _read_pets,
    "Os pets deste cliente não puderam ser lidos agora: use listar_pets antes de falar deles.",
)
AGENDA: Final[ContextPart[AgendaDocument | None]] = ContextPart(
    "agenda",
    Scope.ORGANIZATION,
    _read_agenda,
    "A tabela dos próximos dias não pôde ser lida agora: não diga se a loja abre num dia sem usar as ferramentas.",
)
CUSTOMER_PARTS: Final = (CATALOG, AGENDA, PETS, BOOKINGS)


def catalog_facts(catalog: Catalog | None) -> CatalogFacts:
    """Return what an assistant knows of a catalog."""
    lines = catalog_lines(catalog)
    if catalog is None:
        return CatalogFacts(lines)
    offers = tuple(Offer(service.name, service.price_cents) for service in catalog.services)
    return CatalogFacts(lines, offers, catalog.business.phone, catalog.business.emergency_phone)


def catalog_lines(catalog: Catalog | None) -> str:
    """Return a catalog as the assistant reads it."""
    if catalog is None:
        return "O catálogo de serviços ainda não foi cadastrado: não ofereça serviços."
    services = (_service(catalog, service) for service in catalog.services)
    return "\n".join(["Serviços:", *services, "Horário de funcionamento:", *_hours(catalog), *_business(catalog)])


def _service(catalog: Catalog, service: Service) -> str:
    people = catalog.people_of(service)
    who = f", com {' ou '.join(people)}" if people else ""
    details = f". {service.description}" if service.description else ""
    return f"- {service.name}: {money(service.price_cents)}, {service.duration_minutes} min{who}{details}"


def _hours(catalog: Catalog) -> list[str]:
    lines = []
    for day in Weekday:
        shown = " e ".join(f"{period.opens:%H:%M} às {period.closes:%H:%M}" for period in catalog.open_periods(day))
        lines.append(f"- {WEEKDAYS[day.iso - 1]}: {shown or 'fechado'}")
    return lines


def _business(catalog: Catalog) -> list[str]:
    business = catalog.business
    known = (
        ("Endereço", business.address),
        ("Telefone", business.phone),
        ("Emergência veterinária", business.emergency_phone),
        ("Observações", business.notes),
    )
    return [f"{name}: {value}" for name, value in known if value]
