"""Days counted from today: "depois de amanhã", "daqui a 3 dias", "fim de semana", "semana que vem", "há 15 dias". Pure.

People count today too: "em quinze dias" is in two weeks, "de hoje a oito" in one. A week begins on Sunday on the
calendar and on Monday in people's plans.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from oxy_ai.portuguese.meanings import (
    Days,
    Fits,
    Meaning,
    Naming,
    Reader,
    after,
    exactly,
    existing,
    in_order,
    month_later,
    week,
)
from oxy_ai.portuguese.numbers import NUMBER, number
from oxy_ai.portuguese.weekdays import WHICH_WEEK

_TODAY: Final = r"\b(?:ho+je+|hj|oje)\b"
_TOMORROW: Final = r"\b(?:ama+nha+n?|amanh|amnha|amnh|amna|amana)\b"
_COUNT: Final = (
    rf"(?P<n>{NUMBER})(?:(?: a | ou |/)(?P<m>{NUMBER}))? (?P<unit>dias?|semanas?|mes(?:es)?)\b(?! e mei[ao])"
)

_AFTER_TOMORROW: Final = re.compile(rf"\b(?:depois|dps|dpois|dp|depos)(?: de| d|,)? {_TOMORROW}", re.ASCII)
_TOMORROW_OR_LATER: Final = re.compile(rf"{_TOMORROW} ou (?:depois|dps)(?: de amanha)?\b(?! d)", re.ASCII)
_TOMORROW_ALONE: Final = re.compile(_TOMORROW, re.ASCII)
_TODAY_ALONE: Final = re.compile(rf"{_TODAY}(?! em dia)(?P<week_hence> a (?:oito|8)(?: dias)?\b)?", re.ASCII)
_IN: Final = re.compile(
    rf"\b(?:(?P<exact>daqui|daki|daq|daqi)(?: a| ha| uns| umas| mais| ah)?(?: uns| umas)?|em) {_COUNT}", re.ASCII
)
_AHEAD: Final = re.compile(rf"\b{_COUNT} (?:a|pra|para) frente\b", re.ASCII)
_SINCE: Final = re.compile(rf"\b(?:ha|faz|tem) (?:uns |umas |mais de |quase )?{_COUNT}(?: atras\b)?", re.ASCII)
_AGO: Final = re.compile(rf"\b{_COUNT} atras\b", re.ASCII)
_YESTERDAY: Final = re.compile(r"\b(?P<before>ante?[ -]?ontem|antiontem|antes de ontem)\b|\bontem\b", re.ASCII)
_WEEKEND: Final = re.compile(
    r"(?:\b(?:n?est[ae]|n?ess[ae]) |\b(?P<coming>(?:n?o )?prox(?:imo|\.)?) |\b(?P<past>ultimo) |"
    r"\b(?P<ever>todo|qualquer|outro) )?\b(?:(?:fim|final|fins|finais|findi) de semana|fds|"
    r"findi)\b(?P<next> (?:que|q) ve[mn]\b| proximo\b)?(?P<last> passado\b)?",
    re.ASCII,
)
_NEXT_WEEK: Final = re.compile(rf"\b{WHICH_WEEK}", re.ASCII)
_THIS_WEEK: Final = re.compile(r"\b(?:n?d?est|n?d?ess)a (?:mesma )?semana\b", re.ASCII)
_SOME_PAST: Final = re.compile(
    r"\b(?:semana|mes|ano) (?:passad[ao]|retrasad[ao])\b|\bultim[ao] (?:semana|mes|ano)\b", re.ASCII
)
_NEXT_MONTH: Final = re.compile(r"\bmes (?:que|q) ve[mn]\b|\bproximo mes\b", re.ASCII)

_COUNTING_TODAY: Final = frozenset({8, 15})
_ROUGHLY: Final = 6
"""Days by which people are off when they count in weeks or months."""
_SATURDAY: Final = 5


def _from_today(*offsets: int) -> Reader:
    return lambda _, today: exactly(Naming.RELATIVE, tuple(after(today, offset) for offset in offsets))


def _read_today(found: re.Match[str], today: date) -> Meaning:
    return exactly(Naming.RELATIVE, (after(today, 7) if found["week_hence"] else today,))


def _read_yesterday(found: re.Match[str], today: date) -> Meaning:
    return exactly(Naming.RELATIVE, (after(today, -2 if found["before"] else -1),), past=True)


def _read_count(found: re.Match[str], today: date) -> Meaning:
    days = in_order(day for count in _counts(found) for day in _counted(count, found["unit"], today))
    if "exact" in found.groupdict() and not found["exact"]:  # "em 3 dias" is also within three days
        return Meaning(Naming.RELATIVE, days, lambda day: today <= day <= days[-1])
    if found["unit"].startswith("dia"):
        return exactly(Naming.RELATIVE, days)
    return Meaning(Naming.RELATIVE, days, lambda day: any(abs((day - meant).days) <= _ROUGHLY for meant in days))


def _read_ago(found: re.Match[str], today: date) -> Meaning:
    days = in_order(day for count in _counts(found) for day in _counted(-count, found["unit"], today))
    return exactly(Naming.RELATIVE, days, past=True)


def _counts(found: re.Match[str]) -> list[int]:
    return [number(words) for words in (found["n"], found["m"]) if words]


def _counted(count: int, unit: str, today: date) -> Iterable[date | None]:
    if unit.startswith("semana"):
        return [after(today, 7 * count)]
    if unit.startswith("mes"):
        year, month = month_later(today, count)
        return [existing(year, month, min(today.day, monthrange(year, month)[1]))]
    return [after(today, count - 1) if count in _COUNTING_TODAY else None, after(today, count)]


def _read_weekend(found: re.Match[str], today: date) -> Meaning:
    saturday = after(today, _SATURDAY - today.weekday())
    if found["past"] or found["last"]:
        return exactly(Naming.RELATIVE, (after(saturday, -7), after(saturday, -6)), past=True)
    is_weekend: Fits = lambda day: day.weekday() >= _SATURDAY  # noqa: E731 it belongs to this call
    if found["ever"]:
        return Meaning(Naming.RELATIVE, (), is_weekend)
    days = in_order(after(first, offset) for first in _saturdays(found, saturday, today) for offset in (0, 1))
    return exactly(Naming.RELATIVE, tuple(day for day in days if day >= today))


def _saturdays(found: re.Match[str], saturday: date, today: date) -> Days:
    """Return the Saturdays of the weekends that are meant; on a Sunday it may be the one after."""
    later = after(saturday, 7)
    if found["coming"] or found["next"]:
        return (later,) if today >= saturday else (saturday, later)
    return (saturday, later) if today > saturday else (saturday,)


def _read_next_week(_: re.Match[str], today: date) -> Meaning:
    return exactly(Naming.RELATIVE, week(today, 1))


def _read_this_week(_: re.Match[str], today: date) -> Meaning:
    return exactly(Naming.RELATIVE, tuple(day for day in week(today, 0) if day >= today))


def _read_next_month(_: re.Match[str], today: date) -> Meaning:
    year, month = month_later(today, 1)
    return exactly(Naming.RELATIVE, tuple(date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)))


def _read_some_past(_: re.Match[str], today: date) -> Meaning:
    return Meaning(Naming.RELATIVE, (), lambda day: day < today, past=True)


TODAY_RULES: Final[Sequence[tuple[re.Pattern[str], Reader]]] = (
    (_AFTER_TOMORROW, _from_today(2)),
    (_TOMORROW_OR_LATER, _from_today(1, 2)),
    (_TOMORROW_ALONE, _from_today(1)),
    (_YESTERDAY, _read_yesterday),
    (_TODAY_ALONE, _read_today),
    (_SINCE, _read_ago),
    (_AGO, _read_ago),
    (_WEEKEND, _read_weekend),
)
"""What no other rule may read a part of."""

COUNTED_RULES: Final[Sequence[tuple[re.Pattern[str], Reader]]] = (
    (_IN, _read_count),
    (_AHEAD, _read_count),
    (_SOME_PAST, _read_some_past),
    (_NEXT_WEEK, _read_next_week),
    (_THIS_WEEK, _read_this_week),
    (_NEXT_MONTH, _read_next_month),
)
"""What weekdays may have as a part: "sexta da semana que vem"."""
