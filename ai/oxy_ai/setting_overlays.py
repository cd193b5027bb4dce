"""Settings that an owner has changed by word, over the custom resource, in the caller's transaction.

They hold until that field is changed in the resource, until their time is over, or until he changes it again. The rules
are in `oxy_ai/schema/setting_overlays.sql`.
"""

import json
from datetime import datetime
from enum import StrEnum
from functools import reduce
from uuid import UUID

from pydantic import AwareDatetime, JsonValue

from oxy_ai.database import Connection
from oxy_ai.records import Record
from oxy_core.envelopes import InstanceSettings


class OverlaidField(StrEnum):
    """Fields of `InstanceSettings` that an owner may change, as paths."""

    PAUSED = "ai.paused"
    MODE = "ai.mode"
    DAILY_SUMMARY = "ai.aurora.daily_summary.enabled"
    WEEKLY_REPORT = "ai.aurora.weekly_report.enabled"
    EMPTY_AGENDA = "ai.aurora.empty_agenda.enabled"
    OPPORTUNITIES = "ai.aurora.opportunities.enabled"
    WARNINGS = "ai.aurora.warnings.enabled"

    @property
    def default(self) -> JsonValue:
        """What settings mean that do not have the field."""
        first, *rest = self.value.split(".")
        found: JsonValue = reduce(getattr, rest, InstanceSettings.model_fields[first].default)
        return found


class OverlaidSetting(Record):
    """A field that has another value than the custom resource says."""

    field: str
    resource: JsonValue
    in_force: JsonValue
    made_by: str
    made_at: AwareDatetime
    until: AwareDatetime | None = None


async def overlay_setting(  # noqa: PLR0913, PLR0917 what is set, for whom, by whom and until when
    connection: Connection,
    organization: UUID,
    instance: UUID,
    field: OverlaidField,
    value: JsonValue,
    who: str,
    until: datetime | None = None,
) -> bool:
    """Set a field; False: it had this value, and nothing has changed."""
    changed: bool = await connection.fetchval(
        "select overlay_setting($1, $2, $3, $4, $5, $6, $7)",
        organization,
        instance,
        field.value,
        json.dumps(value),
        json.dumps(field.default),
        who,
        until,
    )
    return changed


async def overlaid_settings(connection: Connection, organization: UUID, instance: UUID) -> list[OverlaidSetting]:
    """Return the fields that have another value than the custom resource says."""
    rows = await connection.fetch("select overlaid_settings($1, $2) as found", organization, instance)
    return [OverlaidSetting.model_validate_json(row["found"]) for row in rows]
