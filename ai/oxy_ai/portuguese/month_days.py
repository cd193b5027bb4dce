"""Dates as they are written: "15/01", "dia 15 ou 16", "1º de dezembro", "26 e 27/11", "2026-11-23". Pure.

Without a year, a date is the coming one; it may also be one that was a few weeks ago.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from oxy_ai.portuguese.meanings import (
    Days,
    Fits,
    Meaning,
    Naming,
    Reader,
    exactly,
    existing,
    in_order,
    month_later,
)
from oxy_ai.portuguese.numbers import NUMBER, number
from oxy_ai.portuguese.words import any_of, words_in

_MONTH: Final = {
    name: value
    for names in (
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
        "jan fev mar abr mai jun jul ago set out nov dez",
    )
    for value, name in enumerate(words_in(names), 1)
}
_DAY: Final = rf"(?:{NUMBER}|primeiro\b)"
_NO_HOUR: Final = r"(?! ?(?:h[0-9]|h\b|hs\b|hrs\b|horas?\b|:[0-9]))"
_NAMED_MONTH: Final = rf"(?P<m>{any_of(_MONTH)})\b"

_ISO: Final = re.compile(r"(?<![0-9-])(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})(?![0-9-])", re.ASCII)
_SLASHED: Final = re.compile(
    r"(?P<said>\bdia )?(?<![0-9/.,$:-])(?P<d>[0-9]{1,2})(?P<mark>/|"
    r"[.-](?=[0-9]{1,2}[.-][0-9]{2}))(?P<m>[0-9]{1,2})(?:[/.-](?P<y>[0-9]{4}|[0-9]{2}))?(?![0-9/%]|[:.,-][0-9]| ?h\b)",
    re.ASCII,
)
_NAMED: Final = re.compile(
    rf"(?:\bdia )?(?<![0-9:/.,])(?P<d>{_DAY})o?(?: de |/| d ){_NAMED_MONTH}"
    r"(?:(?: de | do |/|,? )(?P<y>20[0-9]{2}|(?<=/)[0-9]{2})(?![0-9]))?",
    re.ASCII,
)
_ENDS: Final = rf"{_DAY} (?:a|ao|ate)(?: o)?(?: dia)? {_DAY}"
_PERIOD: Final = re.compile(
    rf"\b(?:(?:de|dos?)(?: dias?)? {_ENDS}|dias? {_ENDS}|"
    rf"entre(?: os?)?(?: dias?)? {_DAY} e(?: o)?(?: dia)? {_DAY}){_NO_HOUR}(?! ?(?:min|reais|kg|"
    rf"%))(?:(?: de ){_NAMED_MONTH}|/[0-9]{{1,2}})?",
    re.ASCII,
)
_LISTED: Final = re.compile(
    rf"(?<!\bas )(?<![0-9:/.,-])(?P<all>(?:{_DAY}o?(?:, ?| e | ou )(?:dia )?){{1,5}}{_DAY})o?(?: de {_NAMED_MONTH}|"
    rf"/(?P<number>[0-9]{{1,2}})(?![0-9/]))",
    re.ASCII,
)
_FRACTIONS: Final = frozenset({(1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (24, 7)})
"""Written with a slash, but more often half a tablet than the first of February."""

_NOT_AFTER: Final = (
    r"(?<!\bbom )(?<!\bmeio )(?<!\bmeio-)(?<!\bpor )(?<!\bvezes ao )(?<!\bvez ao )(?<![0-9]x ao )(?<!\bum )(?<!\bcada )"
    r"(?<!\boutro )(?<!\balgum )"
)
_ANOTHER: Final = rf"(?:(?:, ?| e | ou |/)(?:o |no )?(?:dia )?{_DAY}{_NO_HOUR}(?! da )o?)"
_DAYS_OF_MONTH: Final = re.compile(
    rf"{_NOT_AFTER}\bdias? (?P<first>{_DAY})o?{_NO_HOUR}(?! ?(?:vez|x\b|min|kg|reais|%))(?P<more>{_ANOTHER}{{0,4}})"
    r"(?:(?P<next_month> d[eo] (?:mes (?:que|q) ve[mn]|proximo mes))|"
    r"(?P<this_month> d(?:este|esse|o) mes(?! (?:que|q) ))"
    rf"|(?: de |/){_NAMED_MONTH})?",
    re.ASCII,
)
_IN_BRACKETS: Final = re.compile(r"(?<=[a-z] )\((?P<first>[0-9]{1,2})\)", re.ASCII)
"""After a weekday: "sexta (27)"."""
_WEEKDAY_BEFORE: Final = re.compile(r"(?:feira|segunda|terca|quarta|quinta|sexta|sabado|domingo) $", re.ASCII)
_EACH_DAY: Final = re.compile(_DAY, re.ASCII)

_RECENT: Final = timedelta(days=31)
"""A date without a year may be one that was so recently; else it is the coming one."""
_LEAP_YEARS: Final = 9
"""Years within which 29 February comes again: there are eight between those of 2096 and 2104."""


def _read_date(found: re.Match[str], today: date) -> Meaning | None:
    day, month = _day_number(found["d"]), _month_number(found["m"])
    groups = found.groupdict()
    if groups.get("mark") == "/" and not groups["y"] and not groups["said"] and (day, month) in _FRACTIONS:
        return None
    if found["y"]:
        return _known(exactly(Naming.DATE, in_order([existing(_year_number(found["y"]), month, day)])))
    return _in_month(month, [day], today)


def _known(meaning: Meaning) -> Meaning | None:
    return meaning if meaning.days else None


def _in_month(month: int, numbers: Sequence[int], today: date) -> Meaning | None:
    days = in_order(day for each in numbers for day in _coming_date(month, each, today))
    return _known(Meaning(Naming.DATE, days, lambda day: day.month == month and day.day in numbers))


def _coming_date(month: int, day: int, today: date) -> Days:
    years = range(today.year - 1, min(today.year + _LEAP_YEARS, date.max.year + 1))
    dates = [found for year in years if year > 0 and (found := existing(year, month, day)) is not None]
    recent = (found for found in dates if today - _RECENT <= found < today)
    return in_order([*[found for found in dates if found >= today][:1], *recent])


def _day_number(words: str) -> int:
    return 1 if words == "primeiro" else number(words)


def _month_number(words: str) -> int:
    return int(words) if words.isdigit() else _MONTH[words]


def _year_number(words: str) -> int:
    return int(words) if len(words) > 2 else 2000 + int(words)  # noqa: PLR2004 digits of a year without its century


def _read_period(_: re.Match[str], __: date) -> Meaning:
    return Meaning(Naming.DATE, (), lambda _: True, period=True)


def _read_listed(found: re.Match[str], today: date) -> Meaning | None:
    numbers = [_day_number(words) for words in _EACH_DAY.findall(found["all"])]
    return _in_month(_month_number(found["m"] or found["number"]), numbers, today)


def _read_days_of_month(found: re.Match[str], today: date) -> Meaning | None:
    numbers = [_day_number(words) for words in _EACH_DAY.findall(found["first"] + found["more"])]
    if found["m"]:
        return _in_month(_MONTH[found["m"]], numbers, today)
    days = in_order(day for each in numbers for day in _days_of_month(found, each, today))
    exact = days if found["next_month"] or found["this_month"] else ()
    fits: Fits = lambda day: day.day in numbers and (not exact or day in exact)  # noqa: E731 it belongs to this call
    return _known(Meaning(Naming.DATE, days, fits))


def _read_in_brackets(found: re.Match[str], today: date) -> Meaning | None:
    if not _WEEKDAY_BEFORE.search(found.string[max(0, found.start() - 8) : found.start()]):
        return None
    day = int(found["first"])
    months = [existing(*month_later(today, later), day) for later in range(4)]
    days = in_order(other for other in months if other is not None and other >= today)
    return _known(Meaning(Naming.DATE, days, lambda other: other.day == day))


def _days_of_month(found: re.Match[str], day: int, today: date) -> Days:
    if found["next_month"]:
        return in_order([existing(*month_later(today, 1), day)])
    if found["this_month"]:
        return in_order([existing(today.year, today.month, day)])
    months = [existing(*month_later(today, later), day) for later in range(4)]
    coming = [other for other in months if other is not None and other >= today]
    return tuple(coming[:2] if coming[:1] == [today] else coming[:1])


DATE_RULES: Final[Sequence[tuple[re.Pattern[str], Reader]]] = (
    (_ISO, _read_date),
    (_PERIOD, _read_period),
    (_LISTED, _read_listed),
    (_NAMED, _read_date),
    (_SLASHED, _read_date),
    (_DAYS_OF_MONTH, _read_days_of_month),
    (_IN_BRACKETS, _read_in_brackets),
)
