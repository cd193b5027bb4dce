"""Which times are free. Pure: opening hours, holidays and bookings come in, starts come out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from oxy_ai.petshop.catalogue import Period


@dataclass(frozen=True, slots=True)
class Busy:
    """A time in which a resource is taken, its buffer included; absolute times."""

    resource: int
    starts_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Need:
    """What a booking takes up."""

    duration: timedelta
    buffer: timedelta
    resources: tuple[int, ...]
    """Any one of these."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the shop is open, in its own time zone."""

    timezone: ZoneInfo
    hours: Mapping[int, Sequence[Period]]
    """By ISO weekday."""
    holidays: Collection[date]
    step: timedelta

    def open_periods(self, day: date) -> Sequence[Period]:
        """Return the day's opening hours; none on a holiday."""
        return () if day in self.holidays else self.hours.get(day.isoweekday(), ())


@dataclass(frozen=True, slots=True)
class Slot:
    """A possible start and the resources that are free for it."""

    starts_at: datetime
    resources: tuple[int, ...]


def free_slots(calendar: Calendar, day: date, need: Need, busy: Sequence[Busy], earliest: datetime) -> list[Slot]:
    """Return the day's starts, not before `earliest`, that end within opening hours and have a free resource."""
    slots = []
    for period in calendar.open_periods(day):
        for start in _starts(calendar, day, period, need.duration):
            if start < earliest:
                continue
            until = start + need.duration + need.buffer
            free = tuple(resource for resource in need.resources if not _taken(resource, start, until, busy))
            if free:
                slots.append(Slot(start, free))
    return slots


def _starts(calendar: Calendar, day: date, period: Period, duration: timedelta) -> list[datetime]:
    """Return the starts of a period as times of the calendar's zone."""
    starts = []
    local = datetime.combine(day, period.opens)
    while local.date() == day:
        start = _existing(local, calendar.timezone)
        if start is not None:
            end = (start.astimezone(UTC) + duration).astimezone(calendar.timezone)
            if end.date() != day or end.time() > period.closes:
                break
            starts.append(start)
        local += calendar.step
    return starts


def _existing(local: datetime, timezone: ZoneInfo) -> datetime | None:
    """Place a wall-clock time in its zone; None for one that clocks skip when daylight saving starts."""
    placed = local.replace(tzinfo=timezone)
    return placed if placed.astimezone(UTC).astimezone(timezone).replace(tzinfo=None) == local else None


def _taken(resource: int, start: datetime, until: datetime, busy: Sequence[Busy]) -> bool:
    return any(item.resource == resource and item.starts_at < until and start < item.until for item in busy)


def day_bounds(day: date, timezone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a local day starts and ends, absolute."""
    start = datetime.combine(day, time.min, timezone)
    return start, datetime.combine(day + timedelta(days=1), time.min, timezone)
