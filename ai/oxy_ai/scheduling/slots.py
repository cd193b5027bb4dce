"""Free times, computed from opening hours and bookings. Pure.

Step, notice and horizon are `BookingRules`; a business sets them in the catalog of its vertical.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from oxy_ai.scheduling.booking_rules import Calendar
from oxy_ai.scheduling.periods import Period


@dataclass(frozen=True, slots=True)
class Busy:
    """A time during which a resource is taken, including the buffer after the booking."""

    resource: int
    starts_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Need:
    """The time and the resources that one booking takes."""

    duration: timedelta
    buffer: timedelta
    """Kept free after the booking; it may reach beyond closing time."""
    groups: tuple[tuple[int, ...], ...]
    """One resource of each group is needed, for example a person and a room; all different."""

    @property
    def resources(self) -> tuple[int, ...]:
        """All that may be taken."""
        return tuple(sorted({resource for group in self.groups for resource in group}))

    def end_of(self, start: datetime) -> datetime:
        """Return when a booking that begins at `start` ends, without the buffer, in UTC."""
        # In UTC: Python adds to a zone's wall clock, which is an hour off across a clock change.
        return start.astimezone(UTC) + self.duration

    def wishing(self, resource: int | None) -> Self | None:
        """Return the need of somebody who wants this resource; None if it does not serve."""
        if resource is None:
            return self
        place = next((number for number, group in enumerate(self.groups) if resource in group), None)
        if place is None:
            return None
        return replace(self, groups=(*self.groups[:place], (resource,), *self.groups[place + 1 :]))


@dataclass(frozen=True, slots=True)
class Slot:
    """A possible start and the resources that it would take, one of each group of the need."""

    starts_at: datetime
    resources: tuple[int, ...]


def free_slots(calendar: Calendar, day: date, need: Need, busy: Sequence[Busy], now: datetime) -> list[Slot]:
    """Return the day's starts that may be booked now, end within opening hours and have the resources free.

    Starts lie the rules' `step` apart, counted from the opening of each period.
    """
    if not calendar.reaches(day, now):
        return []
    earliest = calendar.earliest_start(now)
    slots = []
    for period in calendar.hours.on(day):
        for start in _starts(calendar, day, period, need):
            resources = () if start < earliest else _assigned(calendar, need, busy, start)
            if resources:
                slots.append(Slot(start, resources))
    return slots


def _starts(calendar: Calendar, day: date, period: Period, need: Need) -> list[datetime]:
    timezone = calendar.hours.timezone
    starts = []
    local = datetime.combine(day, period.opens)
    while local.date() == day:
        start = _existing(local, timezone)
        if start is not None:
            end = need.end_of(start).astimezone(timezone)
            if end.date() != day or end.time() > period.closes:
                break
            starts.append(start)
        local += calendar.rules.step
    return starts


def _existing(local: datetime, timezone: ZoneInfo) -> datetime | None:
    """Return a wall-clock time as a time of its zone; None for one that clocks skip when daylight saving starts."""
    placed = local.replace(tzinfo=timezone)
    # PEP 495: a skipped time is the only one that a round trip through UTC changes.
    return placed if placed.astimezone(UTC).astimezone(timezone).replace(tzinfo=None) == local else None


def _assigned(calendar: Calendar, need: Need, busy: Sequence[Busy], start: datetime) -> tuple[int, ...]:
    """Return a free resource for each group of the need; nothing if there are not enough."""
    end = need.end_of(start)
    until = end + need.buffer
    local_end = end.astimezone(calendar.hours.timezone)
    free = {
        resource
        for resource in need.resources
        if calendar.attends(resource, start, local_end) and not _taken(resource, start, until, busy)
    }
    return next(_choices(tuple(tuple(r for r in group if r in free) for group in need.groups)), ())


def _choices(groups: tuple[tuple[int, ...], ...]) -> Iterator[tuple[int, ...]]:
    """Yield the ways to take a different resource of each group, earlier ones of a group first."""
    if not groups:
        yield ()
    elif all(groups):
        for resource in groups[0]:
            others = tuple(tuple(r for r in group if r != resource) for group in groups[1:])
            yield from ((resource, *rest) for rest in _choices(others))


def _taken(resource: int, start: datetime, until: datetime, busy: Sequence[Busy]) -> bool:
    return any(item.resource == resource and item.starts_at < until and start < item.until for item in busy)
