"""When a business is open: periods of each weekday, in its own time zone, and holidays. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Weekday(StrEnum):
    """Days of the week, as keys of opening hours in files."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def iso(self) -> int:
        """ISO 8601 number: Monday is 1."""
        return list(Weekday).index(self) + 1


class Period(NamedTuple):
    """Part of one day, in the business's local time; closes after it opens."""

    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"


def parse_period(text: object) -> Period:
    """Read ``HH:MM-HH:MM``; raises ValueError."""
    try:
        opens, closes = (time.fromisoformat(part.strip()) for part in str(text).split("-"))
    except ValueError:
        message = 'expected two times such as "09:00-18:00", in quotation marks'
        raise ValueError(message) from None
    if closes <= opens:
        message = f"closes at {closes:%H:%M}, which is not after {opens:%H:%M}; split hours that pass midnight"
        raise ValueError(message)
    return Period(opens, closes)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a business is open."""

    timezone: ZoneInfo
    periods: Mapping[int, Sequence[Period]]
    """By ISO weekday, in order; a weekday without periods is closed."""
    holidays: Collection[date]

    def on(self, day: date) -> Sequence[Period]:
        """Return the day's periods; none on a holiday."""
        return () if day in self.holidays else self.periods.get(day.isoweekday(), ())


def day_bounds(day: date, timezone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a local day starts and ends; clock changes make some days 23 or 25 hours long."""
    start = datetime.combine(day, time.min, timezone)
    return start, datetime.combine(day + timedelta(days=1), time.min, timezone)
