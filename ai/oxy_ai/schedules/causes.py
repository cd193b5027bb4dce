"""What reports have told of already: the memory that keeps one from being told again without a change."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from oxy_ai.database import Connection
from oxy_ai.schedules.plan import ScheduleName
from oxy_ai.schedules.view import ReportView

FORGOTTEN: Final = timedelta(days=400)
"""After which nobody remembers it either."""

_TOLD: Final = """
select about from report_causes
where organization_id = $1 and instance_id = $2 and name = $3 and told_at > clock_timestamp() - $4::interval
"""
_KEEP: Final = """
insert into report_causes (organization_id, instance_id, name, about)
select $1, $2, $3, a from unnest($4::text[]) a
on conflict (organization_id, instance_id, name, about) do update set told_at = excluded.told_at
"""
_FORGET: Final = """
delete from report_causes
where organization_id = $1 and instance_id = $2 and name = $3 and told_at < clock_timestamp() - $4::interval
"""


async def told_lately(view: ReportView, name: ScheduleName, within: timedelta) -> frozenset[str]:
    """Return what reports of this name have told of within a time."""
    rows = await view.connection.fetch(_TOLD, view.organization, view.instance, name.value, within)
    return frozenset(row["about"] for row in rows)


async def keep_causes(
    connection: Connection, organization: UUID, instance: UUID, name: ScheduleName, causes: Sequence[str]
) -> None:
    """Remember what a report tells of, in the transaction that queues it."""
    if causes:
        await connection.execute(_KEEP, organization, instance, name.value, causes)
        await connection.execute(_FORGET, organization, instance, name.value, FORGOTTEN)
