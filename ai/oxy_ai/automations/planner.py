"""Finds what automations are due about, a little ahead, and queues a job for each.

Nothing tells it that a booking was made, moved or cancelled: it looks at what is due soon, by index, again and again.
What was planned and is not so any more is found out when its job is done.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from asyncpg import Pool, Record
from pydantic import Field

from oxy_ai.automations.hours import Span
from oxy_ai.automations.store import Kept, plan, read_kept
from oxy_ai.automations.subjects import Business, Wanted, due_subjects
from oxy_ai.automations.vertical import Automated
from oxy_ai.database import Connection, organization_transaction
from oxy_ai.timezones import zone_or_default
from oxy_core.envelopes import InstanceSettings
from oxy_core.settings import ProcessSettings

AHEAD: Final = timedelta(minutes=10)
"""How long before it is due an occurrence is planned."""
OVERLAP: Final = timedelta(minutes=15)
"""How far behind what was found is looked at again: a transaction may have begun so long before it ended."""
GRACE: Final = timedelta(hours=1)
"""What was due so long before an automation was switched on, or changed, is sent."""
_WITHDRAWN: Final = timedelta(hours=1)
"""So long after a text was withdrawn it is looked whether it also told what is still so."""
_AT_A_TIME: Final = 10
"""Instances that a worker claims."""

FindVertical = Callable[[str], object]
"""Returns the vertical of a profile."""

log = structlog.get_logger()


class PlannerSettings(ProcessSettings):
    """How what is due is looked for."""

    automations_check_seconds: float = Field(
        default=10, gt=0, description="How often workers look for what automations of an instance are due about."
    )


class Claimed(NamedTuple):
    """An instance whose turn it is."""

    organization: UUID
    instance: UUID
    planned: datetime | None
    """Until when what was due was found."""


class Planner:
    """The part of a worker that plans occurrences."""

    def __init__(
        self,
        pool: "Pool[Record]",
        find_vertical: FindVertical,
        settings: PlannerSettings,
        on_failure: Callable[[Exception], None],
    ) -> None:
        """`on_failure` notes the error of one instance, and raises that of an outage."""
        self._pool = pool
        self._find_vertical = find_vertical
        self._on_failure = on_failure
        self._pause = timedelta(seconds=settings.automations_check_seconds)

    async def run(self) -> None:
        """Plan until cancelled; raises the error of an outage."""
        while True:
            claimed = await self._pool.fetch("select * from claim_planning($1, $2)", _AT_A_TIME, self._pause)
            for row in claimed:
                try:
                    await self._plan(Claimed(*row))
                except Exception as error:  # noqa: BLE001 of this instance: the others are looked at all the same
                    self._on_failure(error)
            if len(claimed) < _AT_A_TIME:
                await asyncio.sleep(self._pause.total_seconds())

    async def _plan(self, claimed: Claimed) -> None:
        async with organization_transaction(self._pool, claimed.organization) as connection:
            made = await self._planned(connection, claimed)
        if made:
            log.info("occurrences_planned", organization_id=str(claimed.organization), count=made)

    async def _planned(self, connection: Connection, claimed: Claimed) -> int:
        now: datetime = await connection.fetchval("select clock_timestamp()")
        business = await business_of(connection, claimed.organization, claimed.instance, self._find_vertical)
        if business is None:
            return 0
        again = "select tell_rest_again($1, $2, $3)"
        made: int = await connection.fetchval(again, claimed.organization, claimed.instance, now - _WITHDRAWN)
        more = False
        for kept in await read_kept(connection, claimed.organization, claimed.instance, enabled=True):
            wanted = Wanted(span_to_plan(kept, claimed.planned, now))
            found = await due_subjects(connection, business, kept.automation, wanted)
            in_time = [due for due in found.due if now < due.until]
            new = await plan(connection, business.organization, business.instance, kept.automation, in_time)
            made, more = made + new, more or (found.more and new > 0)
        await connection.execute("select planned_until($1, $2, $3)", claimed.instance, now, more)
        return made


def span_to_plan(kept: Kept, planned: datetime | None, now: datetime) -> Span:
    """Return when that is due which is to be planned now: what was not found yet, and is not too late.

    Of an automation that was switched on, or changed, only what is due from then on, or was not long before.
    """
    first = kept.since - GRACE
    if planned is not None and kept.since <= min(planned, now) - OVERLAP:
        first = max(first, min(planned, now) - OVERLAP)
    return Span(max(first, now - kept.automation.latest.about), now + AHEAD)


async def business_of(
    connection: Connection, organization: UUID, instance: UUID, find_vertical: FindVertical
) -> Business | None:
    """Return whose automations they are; None: the instance was deleted, or nobody can read its settings."""
    document = await connection.fetchval(
        "select settings from instances where organization_id = $1 and id = $2 and closed_at is null",
        organization,
        instance,
    )
    if document is None:
        return None
    settings = InstanceSettings.decode(document.encode())
    vertical = find_vertical(settings.ai.profile)
    return Business(
        organization,
        instance,
        zone_or_default(settings.timezone),
        settings.limits.quiet_span,
        vertical if isinstance(vertical, Automated) else None,
    )
