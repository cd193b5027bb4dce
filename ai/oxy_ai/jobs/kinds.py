"""What a kind of job is, and what it is given to do one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from asyncpg import Pool, Record
from pydantic import BaseModel

from oxy_ai.database import Connection, organization_transaction
from oxy_ai.errors import FenceLostError
from oxy_ai.jobs.records import Done, Job, JobClaim, JobEnd, JobEnding
from oxy_ai.jobs.table import end_job, holds_job
from oxy_ai.timezones import Clock

P = TypeVar("P", bound=BaseModel)

DONE: Final = Done()


class JobWork(Generic[P]):
    """A job that is being done by this worker, as its kind sees it."""

    def __init__(self, job: Job, claim: JobClaim, payload: P, pool: "Pool[Record]", clock: Clock) -> None:
        self.job = job
        self.payload = payload
        self.ended: JobEnd | None = None
        """How `finishing` has ended it; None: not yet."""
        self._claim = claim
        self._pool = pool
        self._clock = clock

    def now(self) -> datetime:
        """Return the time in the instance's zone."""
        return self._clock().astimezone(self.job.timezone)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """Open a transaction that sees the organization's rows. What it writes stays, whatever becomes of the job."""
        async with organization_transaction(self._pool, self.job.organization) as connection:
            yield connection

    @asynccontextmanager
    async def finishing(self, end: JobEnd = DONE) -> AsyncIterator[Connection]:
        """Open the transaction that has the job's effect and ends it, both or neither.

        It comes once, and last: nothing but the job is locked after what is done inside. Raises FenceLostError, and
        undoes everything, if another worker has claimed the job since, or it was moved or cancelled. Ask models before.
        """
        async with organization_transaction(self._pool, self.job.organization) as connection:
            if not await holds_job(connection, self._claim):
                raise FenceLostError
            yield connection
            await end_job(connection, self._claim, JobEnding.of(end))
        self.ended = end


class JobKind(Protocol[P]):
    """A kind of job. The worker has one of each (`oxy_ai.worker`)."""

    @property
    def name(self) -> str:
        """As jobs name it; never another one again, because jobs are stored."""
        ...

    @property
    def payload(self) -> type[P]:
        """What its jobs carry."""
        ...

    async def run(self, work: JobWork[P]) -> JobEnd:
        """Do a job: its effect happens in `work.finishing()`, or it has none.

        It may be much later than `work.job.planned_at`, and everything may have changed since it was queued: read it
        again. An outage, a model's included, costs no attempt; any other exception does.
        """
        ...


AnyJobKind: TypeAlias = JobKind[Any]
