"""The rows that retention reads and deletes: one method per SQL function (`oxy_ai/retention/schema`)."""

import json
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from oxy_ai.database import organization_transaction
from oxy_ai.retention.rules import KeptData
from oxy_core.instance.settings import LimitsSettings, RetentionSettings

NO_INSTANCE: Final = UUID(int=0)
"""Stands for an instance where the whole organization's rows are looked through."""


class Claim(NamedTuple):
    """An organization that this worker looks through."""

    organization: UUID
    held: datetime
    """End of the lease, by PostgreSQL's clock: tells this claim from others."""


class Batch(NamedTuple):
    """What is looked through at a time."""

    what: str
    instance: UUID
    kept: timedelta
    now: datetime
    after: str
    """Position of the row after which it begins; empty: the oldest."""
    how_many: int


class Step(NamedTuple):
    """What looking through a batch came to."""

    deleted: int
    position: str
    more: bool
    """Whether there may be others behind it."""


class RetentionTable:
    """What retention does to the database."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self._pool = pool

    async def claim(self, lease: timedelta, longest: timedelta) -> Claim | None:
        """Claim the organization that is due first; None: none is."""
        row = await self._pool.fetchrow("select organization, held from claim_retention($1, $2)", lease, longest)
        return None if row is None else Claim(*row)

    async def hold(self, claim: Claim, pause: timedelta) -> Claim | None:
        """Keep a claimed organization from others for so long; None: another worker has it."""
        held = await self._pool.fetchval("select hold_retention($1, $2, $3)", *claim, pause)
        return None if held is None else claim._replace(held=held)

    async def instances(self, organization: UUID) -> list[KeptData]:
        """Return the organization's instances, closed ones as well, and what they say."""
        async with organization_transaction(self._pool, organization) as connection:
            rows = await connection.fetch(
                "select id, settings -> 'retention' as retention, settings -> 'limits' as limits from instances "
                "where organization_id = $1 order by name",
                organization,
            )
        return [
            KeptData(
                row["id"],
                RetentionSettings.model_validate(json.loads(row["retention"] or "{}")),
                LimitsSettings.model_validate(json.loads(row["limits"] or "{}")),
            )
            for row in rows
        ]

    async def expire(self, organization: UUID, batch: Batch) -> Step:
        """Look through a batch, in one transaction."""
        async with organization_transaction(self._pool, organization) as connection:
            row = await connection.fetchrow(
                "select deleted, position, more from expire($1, $2, $3, $4, $5, $6, $7)",
                batch.what,
                organization,
                *batch[1:],
            )
        return Step(row["deleted"] or 0, row["position"] or "", bool(row["more"])) if row else Step(0, "", more=False)
