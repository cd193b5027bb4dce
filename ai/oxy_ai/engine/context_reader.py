"""Reading the parts of a turn's context: in parallel, each within its time, and only what has changed.

What was read is kept with the version of the facts that it is made of. A turn comes with the current versions, so a
part that is kept costs nothing, and no worker uses one that another worker, or its owner, has changed since.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import structlog
from asyncpg import Pool, Record
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.assistants.vertical import ContextPart, Facts, Scope
from oxy_ai.database import Connection
from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.records import FactsVersion, Turn

_NOBODY: Final = 0
"""The contact of what belongs to all of them."""

Key: TypeAlias = tuple[ContextPart[Any], UUID, int]

log = structlog.get_logger()


class ContextSettings(PollingSettings):
    """How a turn's context is read."""

    context_part_seconds: float = Field(
        default=0.1, gt=0, description="Longest time to read one part of a context; then the turn goes on without it."
    )
    context_emergency_seconds: float = Field(
        default=3, gt=0, description="The same in an emergency, whose answer needs a telephone number."
    )
    context_connections: int = Field(default=2, ge=1, description="Database connections that read one turn's context.")
    context_parts_kept: int = Field(
        default=2_000, ge=0, description="Parts that a worker keeps for later turns, about a kilobyte each."
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    version: FactsVersion
    value: object


class KeptParts:
    """The parts that were read most recently, with the versions that they are made of."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def find(self, key: Key, version: FactsVersion | None) -> _Kept | None:
        """Return a part that is made of this version; None: there is none."""
        found = self._kept.get(key)
        if found is None or version is None or not _same(key[0], found.version, version):
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, version: FactsVersion, value: object) -> None:
        """Keep a part, and forget the one that was used longest ago if there are too many."""
        self._kept[key] = _Kept(version, value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)


def _same(part: ContextPart[Any], one: FactsVersion, other: FactsVersion) -> bool:
    return one.organization == other.organization and (part.scope is Scope.ORGANIZATION or one.contact == other.contact)


def _key(part: ContextPart[Any], organization: UUID, contact: int) -> Key:
    return part, organization, _NOBODY if part.scope is Scope.ORGANIZATION else contact


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a turn's assistant has to know."""

    parts: Iterable[ContextPart[Any]]
    now: datetime
    emergency: bool = False
    """Whether its answer needs a telephone number."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read for one turn."""

    organization: UUID
    contact: int
    now: datetime
    seconds: float
    """Longest time for one part."""
    wanted: deque[ContextPart[Any]] = field(default_factory=deque)
    """Parts that are still to be read."""
    found: dict[str, object] = field(default_factory=dict)
    """Parts by name."""


class ContextReader:
    """Reads contexts for all turns of a worker."""

    def __init__(self, pool: "Pool[Record]", settings: ContextSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._kept = KeptParts(settings.context_parts_kept)

    async def read(self, organization: UUID, turn: Turn, needed: Wanted) -> Facts:
        """Return those of the parts that could be read in time. Raises the error of an outage."""
        reading = _Reading(organization, turn.contact.id, needed.now, self._seconds(emergency=needed.emergency))
        for part in needed.parts:
            kept = self._kept.find(_key(part, organization, turn.contact.id), turn.facts)
            if kept is None:
                reading.wanted.append(part)
            else:
                metrics.CONTEXT_PARTS.labels(part=part.name, outcome="kept").inc()
                reading.found[part.name] = kept.value
        if reading.wanted:
            with metrics.CONTEXT_SECONDS.time():
                await self._read_all(reading)
        return Facts(reading.found)

    def _seconds(self, *, emergency: bool) -> float:
        return self._settings.context_emergency_seconds if emergency else self._settings.context_part_seconds

    async def _read_all(self, reading: _Reading) -> None:
        lanes = min(self._settings.context_connections, len(reading.wanted))
        done = await asyncio.gather(*(self._read_some(reading) for _ in range(lanes)), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    async def _read_some(self, reading: _Reading) -> None:
        """Read wanted parts, one after the other. A turn that has a connection never waits for another."""
        while reading.wanted:
            async with self._pool.acquire() as connection:
                await self._read_until_late(connection, reading)

    async def _read_until_late(self, connection: Connection, reading: _Reading) -> None:
        """Read until one is late, which leaves the connection in a transaction until the pool has reset it."""
        while reading.wanted:
            part = reading.wanted.popleft()
            try:
                async with asyncio.timeout(reading.seconds):
                    reading.found[part.name] = await self._read_part(connection, part, reading)
            except TimeoutError as error:
                _report_missing(part, error)
                return
            except Exception as error:
                if is_outage(error):
                    raise
                _report_missing(part, error)

    async def _read_part(self, connection: Connection, part: ContextPart[Any], reading: _Reading) -> object:
        organization, contact = reading.organization, reading.contact
        # Version and part are of one snapshot, so that neither is newer than the other.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            row = await connection.fetchrow("select * from facts_versions($1, $2)", organization, contact)
            value: object = await part.load(connection, organization, contact, reading.now)
        if row is not None and row["organization_version"] is not None:
            version = FactsVersion(organization=row["organization_version"], contact=row["contact_version"])
            self._kept.keep(_key(part, organization, contact), version, value)
        metrics.CONTEXT_PARTS.labels(part=part.name, outcome="read").inc()
        return value


def _report_missing(part: ContextPart[Any], error: Exception) -> None:
    late = isinstance(error, TimeoutError)
    metrics.CONTEXT_PARTS.labels(part=part.name, outcome="late" if late else "failed").inc()
    log.warning("context_part_missing", part=part.name, late=late, exc_info=None if late else discreet(error))
