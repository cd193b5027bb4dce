"""Automations in the database, in the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ValidationError

from oxy_ai.automations.definition import Automation, Trigger
from oxy_ai.automations.occurrences import Due
from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """An automation as it is applied."""

    automation: Automation
    since: datetime
    """When it was switched on or off, or changed, last."""
    changed_by: str


class _Planned(BaseModel):
    """An occurrence as `plan_occurrences` takes it."""

    automation: str
    subject: str
    occurrence: str
    contact: int
    booking: int | None
    starts_at: AwareDatetime | None
    due_at: AwareDatetime


def kept_of(document: str, since: datetime, changed_by: str) -> Kept | None:
    """Return a stored automation; None: a version wrote it that this one does not understand."""
    try:
        return Kept(Automation.model_validate_json(document), since, changed_by)
    except ValidationError:
        return None


async def read_kept(
    connection: Connection, organization: UUID, instance: UUID, *, enabled: bool = False
) -> Sequence[Kept]:
    """Return an instance's automations by name; `enabled`: those alone."""
    rows = await connection.fetch(
        """
        select definition, since, changed_by from automations
        where organization_id = $1 and instance_id = $2 and (enabled or not $3) order by name
        """,
        organization,
        instance,
        enabled,
    )
    return [kept for row in rows if (kept := kept_of(*row)) is not None]


async def announces_bookings(connection: Connection, organization: UUID, instance: UUID) -> bool:
    """Return whether customers are told by themselves what the business has booked for them."""
    kept = await read_kept(connection, organization, instance, enabled=True)
    return any(item.automation.trigger is Trigger.BOOKING_MADE for item in kept)


async def keep(
    connection: Connection, organization: UUID, instance: UUID, automations: Sequence[Automation], who: str
) -> list[str]:
    """Apply automations; return the names of those that have changed."""
    changed = [
        item.name
        for item in automations
        if await connection.fetchval(
            "select apply_automation($1, $2, $3, $4, $5)",
            organization,
            instance,
            item.model_dump_json(exclude_defaults=True),
            item.enabled,
            who,
        )
    ]
    await connection.execute(
        """
        select schedule_planning($1, $2, exists (
            select from automations a where a.organization_id = $1 and a.instance_id = $2 and a.enabled
        ))
        """,
        organization,
        instance,
    )
    return changed


async def plan(
    connection: Connection, organization: UUID, instance: UUID, automation: Automation, due: Sequence[Due]
) -> int:
    """Plan occurrences, each with its job, unless they are; return how many are new."""
    planned = [
        _Planned(
            automation=automation.name,
            subject=item.subject.key,
            occurrence=item.subject.occurrence,
            contact=item.subject.contact,
            booking=item.subject.booking,
            starts_at=item.subject.starts_at,
            due_at=item.at,
        ).model_dump(mode="json")
        for item in due
    ]
    if not planned:
        return 0
    made: int = await connection.fetchval(
        "select plan_occurrences($1, $2, $3)", organization, instance, json.dumps(planned)
    )
    return made
