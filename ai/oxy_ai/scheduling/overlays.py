"""Dated changes beside the catalog: closed days, blocked slots, other hours. Pure.

Of several closed days or changed hours of one day the newest counts; blocked slots add up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from oxy_ai.scheduling.booking_rules import Block
from oxy_ai.scheduling.opening_hours import SpecialDay
from oxy_ai.scheduling.periods import Period


class OverlayKind(StrEnum):
    """What a dated change does."""

    CLOSED = "closed"
    BLOCKED = "blocked"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A dated change of the whole business or of one resource."""

    id: int
    kind: OverlayKind
    begins: datetime
    """Local time without a zone; the start of a day unless the kind is BLOCKED."""
    ends: datetime
    """Not included."""
    hours: tuple[Period, ...]
    """Of each day, if the kind is HOURS."""
    resource: int | None
    """None: the whole business."""
    reason: str
    made_by: str

    def days(self) -> Iterator[date]:
        """Yield the days that it touches."""
        day = self.begins.date()
        while datetime(day.year, day.month, day.day) < self.ends:  # noqa: DTZ001 local time without a zone
            yield day
            day += timedelta(days=1)


def changed_days(overlays: Sequence[Overlay], resource: int | None) -> dict[date, SpecialDay]:
    """Return the closed days and changed hours of the business (None) or of a resource; `overlays`: oldest first."""
    return {
        day: SpecialDay(overlay.reason, overlay.hours)
        for overlay in overlays
        if overlay.resource == resource and overlay.kind is not OverlayKind.BLOCKED
        for day in overlay.days()
    }


def blocks(overlays: Sequence[Overlay]) -> tuple[Block, ...]:
    """Return the blocked slots."""
    return tuple(
        Block(overlay.resource, overlay.begins, overlay.ends)
        for overlay in overlays
        if overlay.kind is OverlayKind.BLOCKED
    )
