"""What words can mean as days, and the arithmetic of days and weeks that this needs. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from re import Match

Days = tuple[date, ...]
Fits = Callable[[date], bool]


class Naming(StrEnum):
    """How words name their days."""

    WEEKDAY = "weekday"
    DATE = "date"
    RELATIVE = "relative"
    """Counted from today."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What some words can mean."""

    naming: Naming
    days: Days
    """All that they can mean, the first one first; none if that would be a guess."""
    fits: Fits
    """Whether the words allow a day."""
    past: bool = False
    period: bool = False
    """They name the ends of a period, not days."""
    weekday: int | None = None
    """The weekday that they name (0: Monday)."""


Reader = Callable[[Match[str], date], Meaning | None]
"""Returns what words that a rule has found mean on a day; None if they name no day."""


def exactly(naming: Naming, days: Days, *, past: bool = False) -> Meaning:
    """Return the meaning of words that allow their days alone."""
    return Meaning(naming, days, lambda day: day in days, past=past)


def after(today: date, days: int) -> date:
    """Return the day that comes so many days later; earlier if they are negative."""
    return today + timedelta(days=days)


def coming(today: date, weekday: int) -> date:
    """Return the first such weekday from today on."""
    return after(today, (weekday - today.weekday()) % 7)


def week(today: date, weeks: int) -> Days:
    """Return the days of this week or a later one, whether weeks begin on Sunday or on Monday."""
    sunday = after(today, -((today.weekday() + 1) % 7) + 7 * weeks)
    monday = after(today, -today.weekday() + 7 * weeks)
    return in_order(after(first, offset) for first in (sunday, monday) for offset in range(7))


def month_later(today: date, months: int) -> tuple[int, int]:
    """Return year and month so many months later."""
    years, month = divmod(today.month - 1 + months, 12)
    return today.year + years, month + 1


def existing(year: int, month: int, day: int) -> date | None:
    """Return a date; None if there is no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def in_order(days: Iterable[date | None]) -> Days:
    """Return those of the days that exist, each once, the first one first."""
    return tuple(sorted({day for day in days if day is not None}))
