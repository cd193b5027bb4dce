"""What the models of an organization cost in a period: every call, for customers and owners, also in vain."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class AiCost:
    """The cost of one period."""

    calls: int
    microdollars: int
    """Of those calls whose cost is known; what is reserved and was never settled counts in full."""
    unpriced: int
    """Calls whose cost nobody knows."""
    tokens: int
    """In and out."""
    audio_seconds: float
    """Of the recordings that were heard."""


_COST: Final = """
select count(*) as calls, coalesce(sum(charge_of(c)), 0)::bigint as microdollars,
    count(*) filter (where charge_of(c) is null) as unpriced,
    coalesce(sum(c.prompt_tokens + c.completion_tokens), 0)::bigint as tokens,
    coalesce(sum(c.audio_seconds), 0) as audio_seconds
from ai_interactions c where c.organization_id = $1 and c.created_at >= $2 and c.created_at < $3
"""


async def read_ai_cost(connection: Connection, organization: UUID, start: datetime, end: datetime) -> AiCost:
    """Return what was spent from `start` (included) to `end` (not included)."""
    [row] = await connection.fetch(_COST, organization, start, end)
    return AiCost(**dict(row))
