"""An instance's schedules, as administrators see them."""

from typing import Final
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime

from oxy_ai.database import Connection
from oxy_ai.records import Record
from oxy_ai.timezones import zone_or_default

_SCHEDULES: Final = """
select name, timezone, due_at, last_due_at from schedules where organization_id = $1 and instance_id = $2
order by due_at, name
"""


class ScheduleShown(Record):
    """What Aurora writes to owners on her own, and when."""

    name: str
    timezone: str
    due_at: AwareDatetime
    last_due_at: AwareDatetime | None
    """The newest time that it was written for; None: never."""


async def schedules_shown(connection: Connection, organization: UUID, instance: UUID) -> list[ScheduleShown]:
    """Return the schedules that there are; what is turned off has none."""
    rows = await connection.fetch(_SCHEDULES, organization, instance)
    return [_shown(row) for row in rows]


def _shown(row: asyncpg.Record) -> ScheduleShown:
    """Return a schedule with its times on the clocks of its zone."""
    zone = zone_or_default(row["timezone"])
    due, last = (None if at is None else at.astimezone(zone) for at in (row["due_at"], row["last_due_at"]))
    return ScheduleShown(name=row["name"], timezone=row["timezone"], due_at=due, last_due_at=last)
