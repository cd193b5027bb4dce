"""What came of a campaign."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import NonNegativeInt

from oxy_ai.database import Connection
from oxy_ai.records import Record

CREDIT: Final = timedelta(days=7)
"""How long after a text what its recipient does counts as its result; another campaign's text ends it."""


class Results(Record):
    """How many recipients a campaign has had, and what came of it; each counts once in a line."""

    recipients: NonNegativeInt
    waiting: NonNegativeInt
    """Whose text has not left yet."""
    sent: NonNegativeInt
    """Whose text WhatsApp has."""
    delivered: NonNegativeInt
    read: NonNegativeInt
    """As far as their phones tell."""
    answered: NonNegativeInt
    """Who wrote within `CREDIT`."""
    booked: NonNegativeInt
    """Who booked within it, themselves or by the business."""
    opted_out: NonNegativeInt
    """Who then wanted no more messages."""
    cancelled: NonNegativeInt
    """Who get nothing because the campaign was cancelled."""
    failed: dict[str, NonNegativeInt]
    """Who got nothing, by reason: a `delivery.Skipped`, a `oxy_core.outbound.SendRefusal`, or as the outbox says."""
    dead: NonNegativeInt = 0
    """Of those waiting, whose job is a dead letter."""


async def results_of(connection: Connection, organization: UUID, campaign: int) -> Results:
    """Return what came of a campaign until now."""
    document = await connection.fetchval("select campaign_results($1, $2, $3)", organization, campaign, CREDIT)
    return Results.model_validate_json(document)
