"""Does one claimed job: has its kind do it, and ends the claim."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from pydantic import BaseModel, Field, ValidationError

from oxy_ai import metrics
from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.errors import (
    FenceLostError,
    JobAbandonedError,
    JobError,
    JobKindUnknownError,
    JobTimeoutError,
    JobUnreadableError,
    ModelOutageError,
    TurnError,
)
from oxy_ai.jobs.kinds import AnyJobKind, JobWork
from oxy_ai.jobs.records import Cancelled, ClaimedJob, Done, Job, JobClaim, JobEnd, JobEnding, JobRow, Later
from oxy_ai.jobs.table import JobRetries, JobTable
from oxy_ai.timezones import Clock, now_utc, zone_or_default
from oxy_core.envelopes import InstanceSettings, Lane
from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.instance.settings import QueueSettings, QueuesSettings
from oxy_core.trace import trace_bound

log = structlog.get_logger()


class JobSettings(PollingSettings):
    """How long jobs take and wait. How often one is tried is in the instance's ``spec.queues``."""

    job_seconds: float = Field(
        default=300, gt=0, description="How long a job may take before the attempt counts as failed."
    )
    job_claims: int = Field(
        default=5, ge=1, description="Claims in a row without an end after which a job becomes a dead letter."
    )
    job_retry_max_seconds: float = Field(
        default=3600, gt=0, description="Longest pause before a job is tried again after failed attempts."
    )
    job_outage_seconds: float = Field(
        default=2, gt=0, description="Shortest pause of a job while something is out; doubles with each."
    )
    job_outage_max_seconds: float = Field(default=300, gt=0, description="Longest such pause.")
    job_unknown_seconds: float = Field(
        default=60, gt=0, description="Pause of a job whose kind this worker does not know: a newer one may."
    )
    job_unknown_looks: int = Field(
        default=1440, ge=1, description="Such pauses in a row, a day of them, after which it becomes a dead letter."
    )


class JobRunner:
    """Does claimed jobs of the kinds that this worker knows."""

    def __init__(
        self, table: JobTable, kinds: Sequence[AnyJobKind], settings: JobSettings, clock: Clock = now_utc
    ) -> None:
        """`clock` says what day and time kinds take it to be; what is due goes by the database's."""
        self._table = table
        self._kinds: dict[str, AnyJobKind] = {}
        self.add_kinds(*kinds)
        self._settings = settings
        self._clock = clock

    def add_kinds(self, *kinds: AnyJobKind) -> None:
        """Do jobs of these kinds, too."""
        self._kinds |= {kind.name: kind for kind in kinds}

    async def run(self, claimed: ClaimedJob) -> None:
        """Do a job and end its claim; raises FenceLostError, or the error of an outage of the database or the bus."""
        claim, row = claimed.claim, claimed.job
        if row is None:
            return
        with _bound(claim, row):
            if row.away:
                await self._hold(claim, row)
                return
            kind = self._kinds.get(row.kind)
            if kind is None:
                await self._leave_to_newer(claim, row)
                return
            await self._attempt(claim, row, kind)

    async def _hold(self, claim: JobClaim, row: JobRow) -> None:
        """Let the job, and all others of its instance, wait for that. If it is back already, the job is due at once."""
        await self._table.end(claim, JobEnding.of(Later(why="instance away", after=timedelta(0))))
        if await self._table.hold(claim.organization, row.instance):
            log.info("jobs_held")

    async def _leave_to_newer(self, claim: JobClaim, row: JobRow) -> None:
        log.warning("job_kind_unknown")
        if row.waits < self._settings.job_unknown_looks:
            await self._wait(claim, "unknown kind", self._settings.job_unknown_seconds)
        else:
            await self._fail(claim, row, JobKindUnknownError(row.kind), 0)

    async def _attempt(self, claim: JobClaim, row: JobRow, kind: AnyJobKind) -> None:
        started = time.monotonic()
        try:
            end = await self._do(claim, row, kind)
        except FenceLostError:
            raise
        except ModelOutageError as error:
            await self._wait_for_model(claim, row, error)
        except NewerVersionError as error:
            log.warning("job_needs_newer_version")
            await self._wait(claim, str(error), self._settings.job_unknown_seconds)
        except Exception as error:
            if is_outage(error):
                raise
            await self._fail(claim, row, error, time.monotonic() - started)
        else:
            _note_end(row, end, time.monotonic() - started)

    async def _do(self, claim: JobClaim, row: JobRow, kind: AnyJobKind) -> JobEnd:
        """Have the job done and its claim ended; returns how."""
        if claim.claims > self._settings.job_claims:
            raise JobAbandonedError(self._settings.job_claims)
        if row.attempts == row.waits == 0:
            metrics.JOB_LATE_SECONDS.labels(lane=row.lane).observe(max(row.late_seconds, 0))
        work = JobWork(_job(claim, row), claim, _payload(kind, row), self._table.pool, self._clock)
        end = await self._within_time(kind, work)
        if work.ended is not None:
            return work.ended
        await self._table.end(claim, JobEnding.of(end))
        return end

    async def _within_time(self, kind: AnyJobKind, work: JobWork[Any]) -> JobEnd:
        # Not asyncio.timeout: a TimeoutError of the kind's own is an outage, this one is not.
        timed = asyncio.timeout(self._settings.job_seconds)
        try:
            async with timed:
                return await kind.run(work)
        except TimeoutError as error:
            if timed.expired():
                raise JobTimeoutError(self._settings.job_seconds) from error
            raise

    async def _wait_for_model(self, claim: JobClaim, row: JobRow, error: ModelOutageError) -> None:
        pause = outage_pause(row.waits, error.retry_after_seconds, self._settings)
        log.warning("job_waits_for_model", reason=str(error), seconds=pause)
        await self._wait(claim, str(error), pause)

    async def _wait(self, claim: JobClaim, why: str, seconds: float) -> None:
        await self._table.end(claim, JobEnding(state="waiting", why=why, after_seconds=seconds, out=True))

    async def _fail(self, claim: JobClaim, row: JobRow, error: Exception, seconds: float) -> None:
        queue = queue_of(row)
        longest = self._settings.job_retry_max_seconds
        retries = JobRetries(
            queue.attempts,
            timedelta(seconds=min(queue.backoff_seconds, longest)),
            timedelta(seconds=longest),
        )
        hopeless = isinstance(error, JobAbandonedError | JobKindUnknownError)
        failed, dead = await self._table.fail(claim, why_failed(error), retries, hopeless=hopeless)
        metrics.JOBS.labels(kind=row.kind, outcome="dead" if dead else "failed").inc()
        log.log(
            logging.ERROR if dead else logging.WARNING,
            "job_failed",
            attempts=failed,
            seconds=round(seconds, 3),
            dead=dead,
            reason=why_failed(error),
            exc_info=None if isinstance(error, JobError | TurnError) else discreet(error),
        )


def queue_of(row: JobRow) -> QueueSettings:
    """Return what the instance's settings say of a job's lane; the defaults if they cannot be read."""
    try:
        queues = _settings(row).queues
    except (JobUnreadableError, NewerVersionError):
        queues = QueuesSettings()
    return queues.automation if row.lane is Lane.AUTOMATION else queues.campaign


def outage_pause(waits: int, asked_seconds: float, settings: JobSettings) -> float:
    """Return the seconds until a job is tried again that something out has kept waiting `waits` times before."""
    longest = settings.job_outage_max_seconds
    own = min(settings.job_outage_seconds * 2.0 ** min(waits, 32), longest)
    return max(own, min(asked_seconds, longest))


def why_failed(error: Exception) -> str:
    """Return the reason for a failure, without quoting what people wrote."""
    return str(error) if isinstance(error, JobError | TurnError) else f"internal error ({type(error).__name__})"


def _payload(kind: AnyJobKind, row: JobRow) -> BaseModel:
    try:
        payload: BaseModel = kind.payload.model_validate_json(row.payload)
    except ValidationError as error:
        places = [".".join(map(str, wrong["loc"])) for wrong in error.errors(include_input=False, include_url=False)]
        message = f"the payload of {row.kind} cannot be read: check {', '.join(places)[:200] or 'all of it'}"
        raise JobUnreadableError(message) from None
    return payload


def _settings(row: JobRow) -> InstanceSettings:
    """Return the instance's settings; raises NewerVersionError for those that only a newer worker can read."""
    try:
        return InstanceSettings.decode(row.settings.encode())
    except NewerVersionError:
        raise
    except ContractError as error:
        raise JobUnreadableError(str(error)) from None


def _job(claim: JobClaim, row: JobRow) -> Job:
    settings = _settings(row)
    return Job(
        organization=claim.organization,
        instance=row.instance,
        id=claim.job,
        kind=row.kind,
        key=row.key,
        lane=row.lane,
        contact=row.contact,
        payload=row.payload,
        planned_at=row.planned_at,
        attempt=row.attempts + 1,
        fence=claim.fence,
        timezone=zone_or_default(settings.timezone),
        settings=settings,
        trace=row.trace,
    )


def _note_end(row: JobRow, end: JobEnd, seconds: float) -> None:
    outcome = JobEnding.of(end).state
    metrics.JOBS.labels(kind=row.kind, outcome=outcome).inc()
    metrics.JOB_SECONDS.labels(kind=row.kind).observe(seconds)
    attempts, duration = row.attempts + 1, round(seconds, 3)
    match end:
        case Done():
            log.info("job_completed", attempts=attempts, seconds=duration)
        case Cancelled(why):
            log.info("job_completed", attempts=attempts, seconds=duration, cancelled=why)
        case Later(why=why):
            log.info("job_postponed", why=why, seconds=duration)


@contextmanager
def _bound(claim: JobClaim, row: JobRow) -> Iterator[None]:
    """Bind a job's ids to every log line inside."""
    with (
        structlog.contextvars.bound_contextvars(
            organization=str(claim.organization), instance=str(row.instance), job=claim.job, kind=row.kind
        ),
        trace_bound(row.trace),
    ):
        yield
