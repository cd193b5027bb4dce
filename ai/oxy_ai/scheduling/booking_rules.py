"""How far ahead and on how short notice customers may book, and why something cannot be booked. Pure.

A business sets the values in the catalog of its vertical, which has the defaults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum, auto

from oxy_ai.scheduling.opening_hours import OpeningHours, day_bounds
from oxy_ai.scheduling.periods import Period


@dataclass(frozen=True, slots=True)
class BookingRules:
    """What a business allows."""

    step: timedelta
    """Between possible start times."""
    min_notice: timedelta
    """Least time between booking and start."""
    horizon: timedelta
    """A day that begins later than this from now cannot be booked yet."""
    cancel_notice: timedelta
    """Least time before the start in which customers may cancel or move a booking themselves."""
    max_coming: int
    """Most coming bookings of one contact."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """When a resource with hours of its own is there, within the opening hours."""

    periods: Mapping[int, Sequence[Period]] | None
    """By ISO weekday; None: whenever the business is open."""
    changes: Mapping[date, Sequence[Period]] = field(default_factory=dict)
    """By date, instead of the weekday's: none on a day off."""

    def on(self, day: date) -> Sequence[Period] | None:
        """Return the day's periods; None: whenever the business is open."""
        if day in self.changes:
            return self.changes[day]
        return None if self.periods is None else self.periods.get(day.isoweekday(), ())


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which nothing starts, continues or ends: of one resource, or of the whole business."""

    resource: int | None
    begins: datetime
    """In local time, without a zone, as people say it."""
    ends: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a business and its resources are there, and how customers may book."""

    hours: OpeningHours
    rules: BookingRules
    shifts: Mapping[int, Shifts] = field(default_factory=dict)
    """Of the resources that are not there during all opening hours."""
    blocks: Sequence[Block] = ()

    def reaches(self, day: date, now: datetime) -> bool:
        """Return whether a day begins within the horizon."""
        return day_bounds(day, self.hours.timezone)[0] <= now + self.rules.horizon

    def earliest_start(self, now: datetime) -> datetime:
        """Return the first moment for which somebody may still book now."""
        return now + self.rules.min_notice

    def attends(self, resource: int, start: datetime, end: datetime) -> bool:
        """Return whether a resource is there and not blocked from start to end, both in local time of one day."""
        shift = self.shifts[resource].on(start.date()) if resource in self.shifts else None
        if shift is not None and not any(p.opens <= start.time() and end.time() <= p.closes for p in shift):
            return False
        begins, ends = start.replace(tzinfo=None), end.replace(tzinfo=None)
        blocking = (block for block in self.blocks if block.resource in {None, resource})
        return not any(block.begins < ends and begins < block.ends for block in blocking)


class Unavailable(Enum):
    """Why something cannot be booked, moved or cancelled; the vertical has the words."""

    PAST = auto()
    BEYOND_HORIZON = auto()
    CLOSED = auto()
    """All day; `OpeningHours.holiday` and `OpeningHours.change` know why."""
    FULL = auto()
    """The whole day: no start is left that may be booked."""
    TAKEN = auto()
    """This start may not be booked: taken, outside the hours, or on too short notice. Others of the day may."""
    NOT_OFFERED = auto()
    """The service is not offered any more, or not by the wished resource."""
    RETIRED = auto()
    """The service of the booking is not offered any more: it takes place, but cannot be moved."""
    TOO_MANY = auto()
    """The contact has as many coming bookings as the business allows."""
    TOO_LATE = auto()
    """The booking begins too soon, or has begun, to be moved or cancelled by its customer."""
    UNKNOWN_BOOKING = auto()
    """The contact has no such booking, or it is cancelled."""


def why_unavailable(calendar: Calendar, day: date, now: datetime) -> Unavailable:
    """Return why a day without a free slot has none; `now` is in the business's time zone."""
    if day < now.date():
        return Unavailable.PAST
    if day > (now + calendar.rules.horizon).date():
        return Unavailable.BEYOND_HORIZON
    if not calendar.hours.on(day):
        return Unavailable.CLOSED
    return Unavailable.FULL
