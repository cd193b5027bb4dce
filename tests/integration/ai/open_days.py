"""Days on which the pet shop of the examples is open as on any other, whenever the tests run."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from oxy_ai.scheduling.public_holidays import HolidayKind, PublicHolidays, optional_names

ZONE = ZoneInfo("America/Sao_Paulo")
OF_THE_CITY = (1, 25)


def is_holiday(day: date) -> bool:
    """Whether the law, or the example's catalog, knows the day by a name."""
    known = PublicHolidays(frozenset(HolidayKind), "SP", optional_names(day.year))
    return known.name(day) is not None or (day.month, day.day) == OF_THE_CITY


def open_day(ahead: int = 7) -> date:
    """A Tuesday, Wednesday or Thursday, so many days from today or later: open all day."""
    day = datetime.now(ZONE).date() + timedelta(days=ahead)
    while day.isoweekday() not in {2, 3, 4} or is_holiday(day):
        day += timedelta(days=1)
    return day


def closed_sunday() -> date:
    """The next Sunday that is closed for no other reason, before a Monday that is open."""
    day = datetime.now(ZONE).date() + timedelta(days=1)
    while day.isoweekday() != 7 or is_holiday(day) or is_holiday(day + timedelta(days=1)):
        day += timedelta(days=1)
    return day


def calm_zones() -> tuple[str, str]:
    """Two time zones in which the afternoon begins, whenever the tests run: no report is due, no day ends for hours."""
    hour = datetime.now(UTC).hour
    return f"Etc/GMT{hour - 13:+d}", f"Etc/GMT{hour - 14:+d}"
