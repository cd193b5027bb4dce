"""Notices that PostgreSQL's clock was put back, and brings forward what would be due too late by as much.

The clock's latest reading is in the database, so it is noticed whoever put the clock back: NTP, a failover to a server
whose clock is behind, a restored machine. The steps are in `oxy_ai/schema/clock.sql`.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.database_watch import DatabaseWatchSettings
from oxy_ai.engine.file_keeper import FileSettings
from oxy_ai.engine.media_reader import ReaderSettings
from oxy_ai.engine.relay import RelaySettings
from oxy_ai.engine.store import Engine
from oxy_ai.engine.storing import StoringSettings
from oxy_ai.engine.turn_failures import FailureSettings
from oxy_ai.engine.turn_limits import TurnRateSettings

log = structlog.get_logger()


class DatabaseClockSettings(
    FailureSettings,
    TurnRateSettings,
    StoringSettings,
    RelaySettings,
    DatabaseWatchSettings,
    FileSettings,
    ReaderSettings,
):
    """How PostgreSQL's clock is watched. What else is declared here tells how far ahead a time can lie."""

    database_clock_seconds: float = Field(default=1, gt=0, description="How often PostgreSQL's clock is read.")
    database_clock_tolerance_seconds: float = Field(
        default=5, gt=0, description="By how much that clock may be put back before anything is brought forward."
    )

    @property
    def longest_pause(self) -> timedelta:
        """The longest pause before an open turn is tried again, unless its instance's back-off is longer."""
        return timedelta(seconds=max(self.retry_max_seconds, self.lease_seconds))


async def watch_clock(engine: Engine, settings: DatabaseClockSettings) -> None:
    """Watch until cancelled; raises the error of an outage."""
    tolerance = timedelta(seconds=settings.database_clock_tolerance_seconds)
    while True:
        lag = await _read(engine, settings)
        if lag > tolerance:
            await _catch_up(engine, settings, lag)
        await asyncio.sleep(settings.database_clock_seconds)


async def _read(engine: Engine, settings: DatabaseClockSettings) -> timedelta:
    """Read the clock, and return how far it is behind its latest reading."""
    pause = timedelta(seconds=settings.database_clock_seconds)
    lag: timedelta = await engine.pool.fetchval("select read_clock($1)", pause)
    return lag


async def _catch_up(engine: Engine, settings: DatabaseClockSettings, lag: timedelta) -> None:
    """Bring everything forward; once nothing is left, not even from what was being stored, accept the clock.

    That may take long, and the clock may be put ahead and back again meanwhile: it is read all the time, and accepted
    only if it was not.
    """
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(_keep_reading(engine, settings))
        try:
            changed = await bring_forward(engine, settings)
        finally:
            reading.cancel()
    metrics.TIMES_BROUGHT_FORWARD.inc(changed)
    log.warning("database_clock_put_back", seconds=lag.total_seconds(), brought_forward=changed)
    if not changed and await _read(engine, settings) <= lag:
        await engine.pool.execute("select accept_clock()")


async def _keep_reading(engine: Engine, settings: DatabaseClockSettings) -> None:
    while True:
        await asyncio.sleep(settings.database_clock_seconds)
        await _read(engine, settings)


async def bring_forward(engine: Engine, settings: DatabaseClockSettings) -> int:
    """Bring forward what lies further ahead than it can; returns how much did."""
    organizations = await engine.pool.fetch("select id from known_organizations() as k (id)")
    changed = sum([await _bring_organization_forward(engine, settings, row["id"]) for row in organizations])
    notices: int = await engine.pool.fetchval("select bring_notices_forward()")
    hold = timedelta(seconds=settings.database_hold_seconds)
    holds: int = await engine.pool.fetchval("select bring_hold_forward($1)", hold)
    files: int = await engine.pool.fetchval(
        "select bring_files_forward($1, $2)", settings.media_longest_pause, settings.media_patience
    )
    readings: int = await engine.pool.fetchval("select bring_readings_forward($1)", settings.reading_longest_pause)
    schedules: int = await engine.pool.fetchval("select bring_schedules_forward()")
    return changed + notices + holds + files + readings + schedules


async def _bring_organization_forward(engine: Engine, settings: DatabaseClockSettings, organization: UUID) -> int:
    # One transaction for each conversation: who holds several may wait for somebody who holds others.
    rows = await engine.pool.fetch("select id from conversations_ahead($1) as c (id)", organization)
    changed: int = 0
    for row in rows:
        changed += await engine.pool.fetchval(
            "select bring_conversation_forward($1, $2, $3, $4, $5, $6)",
            organization,
            row["id"],
            settings.lease,
            settings.longest_pause,
            timedelta(seconds=settings.gap_wait_seconds),
            timedelta(seconds=settings.file_wait_seconds),
        )
    changed += await engine.pool.fetchval("select bring_texts_forward($1)", organization)
    changed += await engine.pool.fetchval(
        "select bring_proactive_forward($1, $2)", organization, settings.pacing.model_dump_json()
    )
    changed += await engine.pool.fetchval(
        "select bring_relays_forward($1, $2, $3)",
        organization,
        timedelta(seconds=settings.relay_lease_seconds),
        timedelta(seconds=settings.relay_backoff_max_seconds),
    )
    changed += await engine.pool.fetchval(
        "select bring_queue_forward($1, $2, $3, $4)",
        organization,
        settings.turn_spacing,
        settings.turns_burst,
        settings.longest_retry,
    )
    changed += await engine.pool.fetchval("select bring_jobs_forward($1, $2)", organization, settings.lease)
    changed += await engine.pool.fetchval("select bring_job_queue_forward($1, $2)", organization, settings.lease)
    return changed
