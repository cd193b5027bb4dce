"""The services that a segment may name, as the catalog calls them."""

from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from oxy_ai.campaigns.segment import Segment
from oxy_ai.database import Connection
from oxy_ai.scheduling.agenda import read_agenda
from oxy_ai.scheduling.services import Service, find_service

S = TypeVar("S", bound=Segment)


async def known_service(connection: Connection, organization: UUID, zone: ZoneInfo, segment: S) -> S | None:
    """Return a segment with its service as the catalog calls it; None: there is no such service, or several."""
    if segment.servico is None:
        return segment
    found = find_service(await _offered(connection, organization, zone), segment.servico)
    return None if found is None else segment.model_copy(update={"servico": found.name})


async def service_names(connection: Connection, organization: UUID, zone: ZoneInfo) -> list[str]:
    """Return what a business offers."""
    return [service.name for service in await _offered(connection, organization, zone)]


async def _offered(connection: Connection, organization: UUID, zone: ZoneInfo) -> tuple[Service, ...]:
    agenda = await read_agenda(connection, organization, zone)
    return () if agenda is None else tuple(agenda.services)
