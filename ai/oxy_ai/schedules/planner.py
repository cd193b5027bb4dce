"""Looks at the schedules of instances when one is due, or something has changed, and queues the reports to write.

What is decided, the reports' jobs and when to look next commit together, in one statement, so a worker that dies before
has done nothing, and the next one does all of it. Of two that decide at once the first one counts, and nobody does who
has not seen the newest change. The steps are in `oxy_ai/schedules/schema/schedules.sql`.
"""

import asyncio
import json
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from asyncpg import Pool, Record
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from oxy_ai import metrics
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.schedules.plan import Firing, Outage, SchedulePlan, ScheduleRow, plan
from oxy_ai.schedules.scheduled import ScheduledReport
from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import ContractError
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()

_PLAN: Final = TypeAdapter(SchedulePlan)


class ScheduleSettings(ProcessSettings):
    """How schedules are looked at."""

    schedules_check_seconds: float = Field(default=2, gt=0, description="How often due schedules are looked for.")
    schedules_at_once: int = Field(default=200, ge=1, description="Instances whose schedules are looked at in one go.")
    schedules_retry_seconds: float = Field(
        default=60, gt=0, description="Pause after the schedules of an instance could not be looked at."
    )

    @property
    def schedules_pause(self) -> timedelta:
        """`schedules_retry_seconds` as a timedelta."""
        return timedelta(seconds=self.schedules_retry_seconds)


class Kept(BaseModel):
    """What there is of an instance's schedules."""

    version: int
    now: AwareDatetime
    settings: dict[str, object] | None
    """None: the instance is closed."""
    outage: Outage | None
    rows: tuple[ScheduleRow, ...]


async def watch_schedules(pool: "Pool[Record]", settings: ScheduleSettings) -> None:
    """Look until cancelled; raises the error of an outage."""
    while True:
        rows = await pool.fetch("select organization, instance from due_schedules($1)", settings.schedules_at_once)
        for organization, instance in rows:
            try:
                await look(pool, organization, instance)
                continue
            except ContractError as error:  # a newer worker may read its settings, and its schedules stay until then
                log.warning("settings_unreadable", part="schedules", instance=str(instance), error=str(error))
            except Exception as error:
                if is_outage(error):
                    raise
                report_failure("schedules", error)  # of this instance: the others are looked at all the same
            await pool.execute("select postpone_schedules($1, $2)", instance, settings.schedules_pause)
        if len(rows) < settings.schedules_at_once:
            await asyncio.sleep(settings.schedules_check_seconds)


async def look(pool: "Pool[Record]", organization: UUID, instance: UUID) -> None:
    """Do what is to be done about an instance's schedules; raises ContractError if its settings cannot be read."""
    document = await pool.fetchval("select kept_schedules($1, $2)", organization, instance)
    if document is None:
        return
    kept = Kept.model_validate_json(document)
    decided = plan(_settings(kept), kept.rows, kept.now, kept.outage)
    written = _document(kept, decided)
    if not await pool.fetchval("select keep_schedules($1, $2, $3, $4)", organization, instance, kept.version, written):
        return
    for firing in decided.firings:
        metrics.SCHEDULES_FIRED.labels(name=firing.name.value).inc()
        log.info("schedule_fired", name=firing.name.value, instance=str(instance), key=firing.key)


def _settings(kept: Kept) -> InstanceSettings | None:
    return None if kept.settings is None else InstanceSettings.decode(json.dumps(kept.settings).encode())


def _document(kept: Kept, decided: SchedulePlan) -> str:
    document = _PLAN.dump_python(decided, mode="json", include={"rows"})
    document["wake_at"] = None if decided.wake_at is None else decided.wake_at.isoformat()
    document["jobs"] = [_job(firing) for firing in decided.firings]
    document["begins"] = not (kept.rows and decided.rows)
    return json.dumps(document)


def _job(firing: Firing) -> dict[str, object]:
    """Return the job of a report, as `queue_job` takes it; it is due at once."""
    payload = ScheduledReport(due_at=firing.due_at).model_dump(mode="json")
    return {"kind": firing.name.value, "key": firing.key, "lane": "automation", "payload": payload}
