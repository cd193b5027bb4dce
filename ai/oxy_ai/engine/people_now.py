"""Whether people of a business can be told now, and when they are there."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oxy_ai.assistants.people import People
from oxy_ai.database import organization_transaction
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.engine.store import Engine
from oxy_ai.records import Claim, HandOverReason, Turn
from oxy_ai.scheduling.agenda import read_agenda
from oxy_ai.scheduling.opening_hours import next_opening
from oxy_ai.timezones import zone_or_default
from oxy_core.instance.settings import AiSettings


@dataclass(frozen=True, slots=True)
class Staffing:
    """What an instance's settings say about its people."""

    owners: tuple[str, ...]
    """Numbers (E.164) and hidden addresses; the first is told."""
    timezone: str | None = None
    """None: the settings cannot be read."""
    minutes: int = AiSettings().handover_minutes
    """How long the assistant waits for a person."""


def staffing_of(turn: Turn) -> Staffing:
    """Return what the settings of a turn's instance say."""
    return Staffing(
        (*turn.settings.owners, *turn.settings.owner_lids), turn.settings.timezone, turn.settings.ai.handover_minutes
    )


async def people_now(engine: Engine, organization: UUID, staffing: Staffing, moment: datetime) -> People:
    """Return what a customer who is promised a person at a moment has to know; raises the error of an outage.

    A promise is made without opening hours where they cannot be read.
    """
    told = bool(staffing.owners)
    if staffing.timezone is None:
        return People(told)
    now = moment.astimezone(zone_or_default(staffing.timezone))
    try:
        return People(told, now, await _next_opening(engine, organization, now, staffing.timezone))
    except Exception as error:
        if is_outage(error):
            raise
        report_failure("opening_hours", error)
        return People(told)


async def _next_opening(engine: Engine, organization: UUID, now: datetime, timezone: str) -> datetime | None:
    async with organization_transaction(engine.pool, organization) as connection:
        agenda = await read_agenda(connection, organization, zone_or_default(timezone))
    return None if agenda is None else next_opening(agenda.calendar.hours, now)


async def waits_for(engine: Engine, claim: Claim, reason: HandOverReason) -> bool:
    """Whether the conversation's customer was promised a person for this reason, and still waits."""
    async with organization_transaction(engine.pool, claim.organization) as connection:
        found = await connection.fetchrow(
            "select from hand_overs h where h.organization_id = $1 and h.conversation_id = $2 and h.reason = $3 "
            "and h.ended_at is null",
            claim.organization,
            claim.conversation,
            reason,
        )
    return found is not None
