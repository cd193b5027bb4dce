"""The parts of a period that a chart shows side by side: hours, days, weeks, months or years. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from oxy_ai.aurora.figures.periods import WEEK, Span

T = TypeVar("T")

_MOST: Final = 31
"""Most days or weeks that are shown side by side."""
_MOST_MONTH_DAYS: Final = 1_096
"""Days of three years: more are shown year by year."""
_NAMED_DAYS: Final = 10
"""Most days that are named with their weekday."""
_HOURS: Final = 24
_WEEKDAYS: Final = ("seg", "ter", "qua", "qui", "sex", "sáb", "dom")
_MONTHS: Final = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")


class TimePart(StrEnum):
    """How long a part is: the first argument of PostgreSQL's `date_trunc`."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


PER: Final[Mapping[TimePart, str]] = {
    TimePart.HOUR: "por hora",
    TimePart.DAY: "por dia",
    TimePart.WEEK: "por semana",
    TimePart.MONTH: "por mês",
    TimePart.YEAR: "por ano",
}


def part_of(span: Span) -> TimePart:
    """Return into which parts days are divided."""
    if span.days == 1:
        return TimePart.HOUR
    if span.days <= _MOST:
        return TimePart.DAY
    if span.days <= _MOST * WEEK:
        return TimePart.WEEK
    return TimePart.MONTH if span.days <= _MOST_MONTH_DAYS else TimePart.YEAR


def beginnings(span: Span, part: TimePart) -> tuple[datetime, ...]:
    """Return when the parts of days begin, in local time, as `date_trunc` says; the first may begin before them."""
    if part is TimePart.HOUR:
        return tuple(datetime.combine(span.first, time(hour)) for hour in range(_HOURS))
    days = (span.first + timedelta(days=number) for number in range(span.days))
    return tuple(dict.fromkeys(datetime.combine(_beginning(day, part), time.min) for day in days))


def _beginning(day: date, part: TimePart) -> date:
    match part:
        case TimePart.WEEK:
            return day - timedelta(days=day.weekday())
        case TimePart.MONTH:
            return day.replace(day=1)
        case TimePart.YEAR:
            return day.replace(month=1, day=1)
        case _:
            return day


def names_of(parts: Sequence[datetime], part: TimePart) -> tuple[str, ...]:
    """Return what a chart calls the parts."""
    match part:
        case TimePart.HOUR:
            return tuple(f"{at.hour}h" for at in parts)
        case TimePart.DAY if len(parts) <= _NAMED_DAYS:
            return tuple(f"{_WEEKDAYS[at.weekday()]} {at.day}" for at in parts)
        case TimePart.DAY | TimePart.WEEK:
            return tuple(f"{at:%d/%m}" for at in parts)
        case TimePart.MONTH if len({at.year for at in parts}) == 1:
            return tuple(_MONTHS[at.month - 1] for at in parts)
        case TimePart.MONTH:
            return tuple(f"{_MONTHS[at.month - 1]}/{at:%y}" for at in parts)
        case TimePart.YEAR:
            return tuple(f"{at:%Y}" for at in parts)


def in_order(found: Mapping[datetime, T], parts: Sequence[datetime], nothing: T, length: int) -> tuple[T, ...]:
    """Return what was found of each part, made as many as `length` by leaving parts out or adding nothing."""
    values = [found.get(at, nothing) for at in parts][:length]
    return (*values, *[nothing] * (length - len(values)))


def begun(parts: Sequence[datetime], until: datetime) -> int:
    """Return how many parts have come by a moment: the others have no value yet, not even zero."""
    local = until.replace(tzinfo=None)
    return sum(at < local for at in parts)


def busy(part: TimePart, *series: Sequence[int]) -> slice:
    """Return which parts to show: of hours those from the first to the last with any value, else all."""
    filled = [number for values in series for number, value in enumerate(values) if value]
    if part is not TimePart.HOUR or not filled:
        return slice(None)
    return slice(min(filled), max(filled) + 1)
