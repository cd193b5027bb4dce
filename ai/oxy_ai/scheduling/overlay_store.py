"""Making, listing and removing dated changes, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oxy_ai.database import Connection
from oxy_ai.scheduling.agenda import lock_agenda
from oxy_ai.scheduling.overlays import OverlayKind
from oxy_ai.scheduling.periods import Period


@dataclass(frozen=True, slots=True)
class NewOverlay:
    """A dated change before the database has given it an id; its fields are those of `Overlay`."""

    kind: OverlayKind
    begins: datetime
    ends: datetime
    hours: tuple[Period, ...]
    resource: int | None
    reason: str
    made_by: str


async def add_overlay(connection: Connection, organization: UUID, overlay: NewOverlay) -> int:
    """Store a dated change and return its id. It cancels no booking."""
    await lock_agenda(connection, organization)
    number: int = await connection.fetchval(
        """
        insert into overlays (organization_id, kind, begins, ends, hours, resource_id, reason, made_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8) returning id
        """,
        organization,
        overlay.kind,
        overlay.begins,
        overlay.ends,
        list(map(str, overlay.hours)),
        overlay.resource,
        overlay.reason,
        overlay.made_by,
    )
    return number


async def remove_overlays(connection: Connection, organization: UUID, numbers: Sequence[int]) -> list[int]:
    """Remove dated changes; returns those that existed."""
    await lock_agenda(connection, organization)
    rows = await connection.fetch(
        "delete from overlays where organization_id = $1 and id = any ($2) returning id", organization, numbers
    )
    return [row["id"] for row in rows]
