"""Claiming due jobs and keeping their leases alive while a `JobRunner` does them."""

import asyncio
from collections import Counter
from contextlib import suppress

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.job_runner import JobRunner, JobSettings
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_limits import TurnRateSettings
from oxy_ai.errors import FenceLostError
from oxy_ai.jobs.records import ClaimedJob, JobClaim, JobEnding
from oxy_ai.jobs.table import JobTable, Room
from oxy_core.envelopes import Lane
from oxy_core.tasks import end_tasks, wait_for

log = structlog.get_logger()


class JobDispatcherSettings(JobSettings, TurnRateSettings):
    """How many jobs run at once, and how often new ones are claimed."""

    automation_jobs: int = Field(default=5, ge=1, description="Jobs of automations that a worker does at a time.")
    campaign_jobs: int = Field(default=3, ge=1, description="Jobs of campaigns that a worker does at a time.")
    job_yield_seconds: float = Field(
        default=0.05, gt=0, description="Pause before due jobs are claimed that something more urgent goes before."
    )


class JobDispatcher:
    """Claims due jobs up to the worker's concurrency in each lane and keeps their leases alive."""

    def __init__(self, engine: Engine, table: JobTable, runner: JobRunner, settings: JobDispatcherSettings) -> None:
        self._engine = engine
        self._table = table
        self._runner = runner
        self._settings = settings
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: dict[JobClaim, Lane] = {}

    def hint(self) -> None:
        """Claim now: something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing more; `run` ends when the jobs in flight have ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Dispatch until `stop`, then return once the jobs in flight have ended."""
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._renew())
            async with asyncio.TaskGroup() as jobs:
                while not self._stopping:
                    self._wake.clear()
                    pause = await self._start_due(jobs)
                    await wait_for(self._wake, pause)
            await end_tasks(beat)

    def _room(self) -> Room:
        taken = Counter(self._running.values())
        return Room(
            self._settings.automation_jobs - taken[Lane.AUTOMATION], self._settings.campaign_jobs - taken[Lane.CAMPAIGN]
        )

    async def _start_due(self, jobs: asyncio.TaskGroup) -> float:
        """Start due jobs; returns the seconds until the next poll of the queue."""
        settings = self._settings
        room = self._room()
        if not any(room):
            return settings.sweep_seconds
        try:
            found = await self._table.claim(room, settings.lease, settings.locked_retry, self._engine.known)
        except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
            report_failure("claim_jobs", error)
            return settings.outage_pause_seconds
        for claimed in found.claimed:
            self._running[claimed.claim] = Lane.AUTOMATION if claimed.job is None else claimed.job.lane
            jobs.create_task(self._run(claimed))
        self._count()
        wait = settings.sweep_seconds if found.wait is None else max(found.wait, settings.job_yield_seconds)
        return min(wait, settings.sweep_seconds)

    async def _run(self, claimed: ClaimedJob) -> None:
        try:
            await self._runner.run(claimed)
        except asyncio.CancelledError:
            with suppress(Exception):  # the worker stops; another one may begin at once
                await self._table.end(claimed.claim, JobEnding(state="waiting", why="worker stopped"))
            raise
        except FenceLostError:
            log.warning("job_fence_lost", job=claimed.claim.job)
        except Exception as error:  # noqa: BLE001 the edge of a task: logged and counted
            report_failure("job", error)
            if is_outage(error):
                await self._postpone(claimed.claim)
        finally:
            del self._running[claimed.claim]
            self._count()
            self._wake.set()

    async def _postpone(self, claim: JobClaim) -> None:
        """End a claim that an outage has cut short, so that it does not count as one that never ends."""
        ending = JobEnding(state="waiting", why="outage", after_seconds=self._settings.lease_seconds, out=True)
        try:
            await self._table.end(claim, ending)
        except FenceLostError:
            log.warning(
                "job_fence_lost", job=claim.job
            )  # the outage outlived the lease, or what it cut short has ended
        except Exception as error:  # noqa: BLE001 the outage goes on: the lease runs out
            report_failure("job", error)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            claims = sorted(self._running, key=lambda claim: (claim.organization, claim.job))
            if not claims:
                continue
            try:
                await self._table.renew(claims, self._settings.lease)
            except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
                report_failure("renew_jobs", error)

    def _count(self) -> None:
        taken = Counter(self._running.values())
        for lane in (Lane.AUTOMATION, Lane.CAMPAIGN):
            metrics.JOBS_IN_FLIGHT.labels(lane=lane).set(taken[lane])
