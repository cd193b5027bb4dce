"""How far ahead and on how short notice customers may book, and why a day has nothing free. Pure.

A business sets the values in the catalog of its vertical, which has the defaults.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto

from oxy_ai.scheduling.opening_hours import OpeningHours, day_bounds


@dataclass(frozen=True, slots=True)
class BookingRules:
    """What a business allows."""

    step: timedelta
    """Between possible start times."""
    min_notice: timedelta
    """Least time between booking and start."""
    horizon: timedelta
    """A day that begins later than this from now cannot be booked yet."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a business is open, and how customers may book."""

    hours: OpeningHours
    rules: BookingRules

    def reaches(self, day: date, now: datetime) -> bool:
        """Return whether a day begins within the horizon."""
        return day_bounds(day, self.hours.timezone)[0] <= now + self.rules.horizon

    def earliest_start(self, now: datetime) -> datetime:
        """Return the first moment for which somebody may still book now."""
        return now + self.rules.min_notice


class Unavailable(Enum):
    """Why a day has no free slot."""

    PAST = auto()
    BEYOND_HORIZON = auto()
    CLOSED = auto()
    FULL = auto()


def why_unavailable(calendar: Calendar, day: date, now: datetime) -> Unavailable:
    """Return why a day without a free slot has none; `now` is in the business's time zone."""
    if day < now.date():
        return Unavailable.PAST
    if day > (now + calendar.rules.horizon).date():
        return Unavailable.BEYOND_HORIZON
    if not calendar.hours.on(day):
        return Unavailable.CLOSED
    return Unavailable.FULL
