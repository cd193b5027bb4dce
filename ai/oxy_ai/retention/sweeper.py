"""Looks through the data of one organization after another, once a day, together with the other workers.

A batch is one short transaction, which waits for nobody: what another transaction holds is left for the next time. So a
killed worker loses nothing, and whoever comes after it goes on where the data begins. Between two batches as much time
passes as the first one took.
"""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.retention.rules import Walk, audit_kept, kept
from oxy_ai.retention.table import NO_INSTANCE, Batch, Claim, RetentionTable
from oxy_ai.timezones import Clock
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class RetentionSweepSettings(ProcessSettings):
    """How data that was kept for long enough is deleted. For how long it is kept, each instance says."""

    retention_interval_hours: float = Field(
        default=24, gt=0, description="Hours between two looks through an organization's data."
    )
    retention_check_seconds: float = Field(
        default=60, gt=0, description="How often a worker looks for an organization that is due."
    )
    retention_lease_seconds: float = Field(default=120, gt=0, description="A worker's lease on an organization.")
    retention_batch_rows: int = Field(default=200, ge=1, description="Rows that are looked at in one transaction.")

    @property
    def retention_lease(self) -> timedelta:
        """`retention_lease_seconds` as a timedelta."""
        return timedelta(seconds=self.retention_lease_seconds)

    @property
    def retention_interval(self) -> timedelta:
        """`retention_interval_hours` as a timedelta."""
        return timedelta(hours=self.retention_interval_hours)


class RetentionSweeper:
    """Deletes old rows of all organizations, with other workers."""

    def __init__(self, table: RetentionTable, settings: RetentionSweepSettings, clock: Clock) -> None:
        self._table = table
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled; raises the error of an outage."""
        while True:
            await asyncio.sleep(self._settings.retention_check_seconds)
            longest = max(self._settings.retention_interval, self._settings.retention_lease)
            while claim := await self._table.claim(self._settings.retention_lease, longest):
                await self._look_through(claim)

    async def _look_through(self, claim: Claim) -> None:
        began, instances = time.monotonic(), await self._table.instances(claim.organization)
        sweep = _Sweep(self._table, self._settings, self._clock, claim)
        for data in instances:
            for walk in Walk:
                await sweep.walk(walk, data.instance, kept(data, walk))
        await sweep.walk("audit", NO_INSTANCE, audit_kept(instances))
        if await sweep.finish():
            seconds = round(time.monotonic() - began, 3)
            log.info("retention_done", organization_id=str(claim.organization), seconds=seconds, **sweep.deleted)


class _Sweep:
    """One look through an organization's data."""

    def __init__(self, table: RetentionTable, settings: RetentionSweepSettings, clock: Clock, claim: Claim) -> None:
        self._table = table
        self._settings = settings
        self._clock = clock
        self._claim: Claim | None = claim
        self._organization = claim.organization
        self._renew_at = self._next_renewal()
        self.deleted: dict[str, int] = {}

    def _next_renewal(self) -> float:
        return time.monotonic() + self._settings.retention_lease_seconds / 3

    async def walk(self, what: str, instance: UUID, how_long: timedelta) -> None:
        """Look through one kind of data; a failure of it is reported, and the others go on."""
        try:
            await self._walk(what, instance, how_long)
        except Exception as error:
            if is_outage(error):
                raise
            report_failure(f"retention_{what}", error)

    async def _walk(self, what: str, instance: UUID, how_long: timedelta) -> None:
        position, more = "", True
        while more and await self._is_ours():
            began = time.monotonic()
            batch = Batch(what, instance, how_long, self._clock(), position, self._settings.retention_batch_rows)
            deleted, position, more = await self._table.expire(self._organization, batch)
            spent = time.monotonic() - began
            if deleted:
                self.deleted[what] = self.deleted.get(what, 0) + deleted
                metrics.RETENTION_DELETED.labels(kind=what).inc(deleted)
            metrics.RETENTION_SECONDS.labels(kind=what).observe(spent)
            if more:
                await asyncio.sleep(spent)

    async def _is_ours(self) -> bool:
        """Renew the lease if it is time; False: another worker has taken over."""
        if self._claim is not None and time.monotonic() > self._renew_at:
            self._claim = await self._table.hold(self._claim, self._settings.retention_lease)
            self._renew_at = self._next_renewal()
        return self._claim is not None

    async def finish(self) -> bool:
        """Let the organization be looked through again after the interval; False: another worker has taken over."""
        if self._claim is not None:
            self._claim = await self._table.hold(self._claim, self._settings.retention_interval)
        return self._claim is not None
