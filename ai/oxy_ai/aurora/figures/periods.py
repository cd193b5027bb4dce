"""Periods that owners ask about, in the business's time zone, each with the one that it is compared with. Pure.

A period that is not over is compared with the same part of the one before: until the same time of the same day of it.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from oxy_ai.scheduling.opening_hours import day_bounds

WEEK: Final = 7
_MONTH_DAYS: Final = 30
_DECEMBER: Final = 12


class PeriodName(StrEnum):
    """Periods that owners ask for."""

    TODAY = "hoje"
    YESTERDAY = "ontem"
    THIS_WEEK = "semana_atual"
    LAST_WEEK = "semana_passada"
    LAST_7_DAYS = "ultimos_7_dias"
    THIS_MONTH = "mes_atual"
    LAST_MONTH = "mes_passado"
    LAST_30_DAYS = "ultimos_30_dias"
    THIS_YEAR = "ano_atual"
    CUSTOM = "personalizado"


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, including the last one."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1

    def bounds(self, timezone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when the first day starts and when the last one ends."""
        return day_bounds(self.first, timezone)[0], day_bounds(self.last, timezone)[1]

    def __str__(self) -> str:
        return f"{self.first:%d/%m/%Y}" if self.first == self.last else f"{self.first:%d/%m/%Y} a {self.last:%d/%m/%Y}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days, and the part of them that is looked at: from `start` (included) to `until` (not included)."""

    span: Span
    start: datetime
    until: datetime
    end: datetime
    """When the last day ends."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.until == self.end


@dataclass(frozen=True, slots=True)
class Period:
    """What an owner asks about."""

    name: PeriodName
    now: Stretch
    before: Stretch | None
    """The period that it is compared with; None: it has not begun yet."""


def period_of(name: PeriodName, days: Span | None, now: datetime, timezone: ZoneInfo) -> Period:
    """Return the period of this name at this moment; `days`: those of a custom one."""
    span = days or span_of(name, now.date())
    start, end = span.bounds(timezone)
    moment = min(max(now, start), end)
    stretch = Stretch(span, start, moment, end)
    if moment == start:
        return Period(name, stretch, None)
    former = span_before(name, span)
    former_start, former_end = former.bounds(timezone)
    same = datetime.combine(_same_day(name, now.date(), span, former), now.time(), timezone)
    until = former_end if stretch.is_whole else min(same, former_end)
    return Period(name, stretch, Stretch(former, former_start, until, former_end))


def _same_day(name: PeriodName, today: date, span: Span, former: Span) -> date:
    """Return the day of the former days that today is compared with: the same date of a year, else as many days on."""
    if name is PeriodName.THIS_YEAR:
        length = monthrange(former.first.year, today.month)[1]
        return today.replace(year=former.first.year, day=min(today.day, length))
    return former.first + (today - span.first)


def span_of(name: PeriodName, today: date) -> Span:
    """Return the days of a period other than a custom one, also those that are still to come."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    spans = {
        PeriodName.YESTERDAY: Span(today - timedelta(days=1), today - timedelta(days=1)),
        PeriodName.THIS_WEEK: _days_from(monday, WEEK),
        PeriodName.LAST_WEEK: _days_from(monday - timedelta(days=WEEK), WEEK),
        PeriodName.LAST_7_DAYS: _days_from(today - timedelta(days=WEEK - 1), WEEK),
        PeriodName.LAST_30_DAYS: _days_from(today - timedelta(days=_MONTH_DAYS - 1), _MONTH_DAYS),
        PeriodName.THIS_MONTH: _month(first),
        PeriodName.LAST_MONTH: _month(_months_before(first, 1)),
        PeriodName.THIS_YEAR: Span(first.replace(month=1), today.replace(month=_DECEMBER, day=31)),
    }
    return spans.get(name, Span(today, today))


def span_before(name: PeriodName, span: Span) -> Span:
    """Return the days that a period is compared with: as many just before, or the months or the year before."""
    if name is PeriodName.THIS_YEAR:
        return Span(span.first.replace(year=span.first.year - 1), span.last.replace(year=span.last.year - 1))
    months = _whole_months(span)
    if months:
        return Span(_months_before(span.first, months), span.first - timedelta(days=1))
    return _days_from(span.first - timedelta(days=span.days), span.days)


def _days_from(first: date, count: int) -> Span:
    return Span(first, first + timedelta(days=count - 1))


def _month(first: date) -> Span:
    return Span(first, first.replace(day=monthrange(first.year, first.month)[1]))


def _months_before(first: date, count: int) -> date:
    """Return the first day of the month that is so many months earlier."""
    month = first.year * _DECEMBER + first.month - 1 - count
    return date(month // _DECEMBER, month % _DECEMBER + 1, 1)


def _whole_months(span: Span) -> int:
    """Return of how many whole months of the calendar the days are; 0: they are something else."""
    if span.first.day != 1 or span.last != _month(span.last.replace(day=1)).last:
        return 0
    return (span.last.year - span.first.year) * _DECEMBER + span.last.month - span.first.month + 1
