"""The jobs as workers claim and end them: one method per SQL function, one round trip each."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from oxy_ai.database import Connection
from oxy_ai.errors import FenceLostError
from oxy_ai.jobs.records import FailedAttempt, JobClaim, JobClaims, JobEnding


class Room(NamedTuple):
    """How many more jobs a worker takes."""

    automation: int
    campaign: int


class JobRetries(NamedTuple):
    """How often a job is tried."""

    most: int
    shortest: timedelta
    """After the first failure; doubles with each."""
    longest: timedelta


class JobTable:
    """The jobs of all organizations. What ends a claim raises FenceLostError if it does not hold any more."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self.pool = pool

    async def claim(
        self, room: Room, lease: timedelta, locked_retry: timedelta, known: tuple[UUID, int] | None
    ) -> JobClaims:
        """Claim due jobs in the order of their lanes; `known` is the database that the worker knows, and its mark."""
        document = await self.pool.fetchval(
            "select claim_jobs($1, $2, $3, $4, $5, $6)", *room, lease, locked_retry, *(known or (None, None))
        )
        return JobClaims.model_validate_json(document)

    async def renew(self, claims: Sequence[JobClaim], lease: timedelta) -> None:
        """Renew the leases of claims that still hold."""
        await self.pool.execute(
            "select renew_job_leases($1, $2, $3, $4)",
            [claim.organization for claim in claims],
            [claim.job for claim in claims],
            [claim.fence for claim in claims],
            lease,
        )

    async def hold(self, organization: UUID, instance: UUID) -> bool:
        """Let the jobs of an instance that is away wait for it; False: it is back."""
        held: bool = await self.pool.fetchval("select hold_jobs($1, $2)", organization, instance)
        return held

    async def end(self, claim: JobClaim, ending: JobEnding) -> None:
        """End a claim in a transaction of its own."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("select enter_org($1)", claim.organization)
            await end_job(connection, claim, ending)

    async def fail(self, claim: JobClaim, why: str, retries: JobRetries, *, hopeless: bool) -> FailedAttempt:
        """Count a failed attempt; after the last, or if it is hopeless to try again, the job is dead."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("select enter_org($1)", claim.organization)
            row = await connection.fetchrow(
                "select failed, dead from fail_job($1, $2, $3, $4, $5, $6, $7, $8)",
                claim.organization,
                claim.job,
                claim.fence,
                why,
                retries.most,
                hopeless,
                retries.shortest,
                retries.longest,
            )
        if row is None:
            raise FenceLostError
        return FailedAttempt(*row)


async def holds_job(connection: Connection, claim: JobClaim) -> bool:
    """Whether a claim still holds."""
    holds: bool = await connection.fetchval("select holds_job($1, $2, $3)", claim.organization, claim.job, claim.fence)
    return holds


async def end_job(connection: Connection, claim: JobClaim, ending: JobEnding) -> None:
    """End a claim in the caller's transaction, whose last act this is; raises FenceLostError."""
    ended = await connection.fetchval(
        "select end_job($1, $2, $3, $4)", claim.organization, claim.job, claim.fence, ending.model_dump_json()
    )
    if not ended:
        raise FenceLostError
