"""Free times, computed from opening hours and bookings. Pure.

Step, notice and horizon are `BookingRules`; a business sets them in the catalog of its vertical.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from oxy_ai.scheduling.booking_rules import Calendar
from oxy_ai.scheduling.opening_hours import Period


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
    resources: tuple[int, ...]
    """Any one of these is enough."""

    def end_of(self, start: datetime) -> datetime:
        """Return when a booking that begins at `start` ends, without the buffer, in UTC."""
        # In UTC: Python adds to a zone's wall clock, which is an hour off across a clock change.
        return start.astimezone(UTC) + self.duration


@dataclass(frozen=True, slots=True)
class Slot:
    """A possible start and the resources that are free for it."""

    starts_at: datetime
    resources: tuple[int, ...]


def free_slots(calendar: Calendar, day: date, need: Need, busy: Sequence[Busy], now: datetime) -> list[Slot]:
    """Return the day's starts that may be booked now, end within opening hours and have a free resource.

    Starts lie the rules' `step` apart, counted from the opening of each period.
    """
    if not calendar.reaches(day, now):
        return []
    earliest = calendar.earliest_start(now)
    slots = []
    for period in calendar.hours.on(day):
        for start in _starts(calendar, day, period, need):
            if start < earliest:
                continue
            until = need.end_of(start) + need.buffer
            free = tuple(resource for resource in need.resources if not _taken(resource, start, until, busy))
            if free:
                slots.append(Slot(start, free))
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


def _taken(resource: int, start: datetime, until: datetime, busy: Sequence[Busy]) -> bool:
    return any(item.resource == resource and item.starts_at < until and start < item.until for item in busy)
