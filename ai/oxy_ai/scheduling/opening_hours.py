"""When a business is open: periods of each weekday, in its own time zone, holidays and dated changes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from oxy_ai.scheduling.periods import Period
from oxy_ai.scheduling.public_holidays import PublicHolidays

DAYS_SEARCHED: Final = 60
"""How far ahead the next opening is looked for; a business that is closed for longer has no next opening."""


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


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """What replaces a weekday's hours on one day."""

    name: str
    """A holiday's name, or the reason of a dated change."""
    periods: tuple[Period, ...] = ()
    """None: closed all day."""


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a business is open. A dated change comes before a holiday, and a holiday before the weekday's hours."""

    timezone: ZoneInfo
    periods: Mapping[int, Sequence[Period]]
    """By ISO weekday, in order, without breaks; a weekday without periods is closed."""
    own_holidays: Mapping[date, SpecialDay] = field(default_factory=dict)
    """Before public ones, so that a business can be open on one of those."""
    public_holidays: PublicHolidays = field(default_factory=PublicHolidays)
    changes: Mapping[date, SpecialDay] = field(default_factory=dict)
    """Closed days and changed hours of single dates."""

    def on(self, day: date) -> Sequence[Period]:
        """Return the day's periods; none while the business is closed."""
        special = self.changes.get(day) or self._holiday(day)
        return self.periods.get(day.isoweekday(), ()) if special is None else special.periods

    def holiday(self, day: date) -> str | None:
        """Return the name of the day's holiday, whether the business is closed on it or not."""
        special = self._holiday(day)
        return None if special is None else special.name

    def change(self, day: date) -> str | None:
        """Return the reason of a dated change; None if the day has none."""
        special = self.changes.get(day)
        return None if special is None else special.name

    def _holiday(self, day: date) -> SpecialDay | None:
        own = self.own_holidays.get(day)
        if own is not None:
            return own
        name = self.public_holidays.name(day)
        return None if name is None else SpecialDay(name)


class DayRow(NamedTuple):
    """One day of a table of coming days."""

    day: date
    weekday: int
    """ISO 8601: Monday is 1."""
    holiday: str | None
    change: str | None
    """Why the hours are not the usual ones; None: they are, or it is a holiday."""
    periods: tuple[Period, ...]
    """None: closed."""


def day_table(hours: OpeningHours, now: datetime, days: int) -> list[DayRow]:
    """Return today and the days after it; `now` is in the business's time zone."""
    coming = (now.date() + timedelta(days=offset) for offset in range(days))
    return [
        DayRow(day, day.isoweekday(), hours.holiday(day), hours.change(day), tuple(hours.on(day))) for day in coming
    ]


def next_opening(hours: OpeningHours, now: datetime) -> datetime | None:
    """Return when the business opens next, `now` if it is open; None if it does not open for a long time."""
    for offset in range(DAYS_SEARCHED):
        day = now.date() + timedelta(days=offset)
        for period in hours.on(day):
            opens, closes = (datetime.combine(day, at, hours.timezone) for at in period)
            if now < closes:
                return max(now, opens)
    return None


def day_bounds(day: date, timezone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a local day starts and ends; clock changes make some days 23 or 25 hours long."""
    start = datetime.combine(day, time.min, timezone)
    return start, datetime.combine(day + timedelta(days=1), time.min, timezone)
