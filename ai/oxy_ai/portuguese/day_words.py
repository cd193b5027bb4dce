"""Words that name days, and the days that each can mean. Pure.

Portuguese leaves much open: on a Friday, "sexta" is today or in a week; "sexta que vem" is the coming Friday for some
and the one after for others; a week begins on Sunday on the calendar and on Monday in people's plans. A phrase has all
days that it can mean, or none if that would be a guess, and says of any day whether the words allow it.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from oxy_ai.portuguese.numbers import NUMBER, number
from oxy_ai.portuguese.words import any_of, words_in

Days = tuple[date, ...]
Fits = Callable[[date], bool]


class Naming(StrEnum):
    """How a phrase names its days."""

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
    weekday: int | None = None
    """The weekday that they name (0: Monday)."""


Reader = Callable[[re.Match[str], date], Meaning | None]


def _exact(naming: Naming, days: Days, *, past: bool = False) -> Meaning:
    return Meaning(naming, days, lambda day: day in days, past=past)


# -- days and weeks


def _after(today: date, days: int) -> date:
    return today + timedelta(days=days)


def _next(today: date, weekday: int) -> date:
    """Return the first such day from today on."""
    return _after(today, (weekday - today.weekday()) % 7)


def _week(today: date, weeks: int) -> Days:
    """Return the days of this week or a later one, whether weeks begin on Sunday or on Monday."""
    sunday = _after(today, -((today.weekday() + 1) % 7) + 7 * weeks)
    monday = _after(today, -today.weekday() + 7 * weeks)
    return tuple(sorted({_after(first, offset) for first in (sunday, monday) for offset in range(7)}))


def _month_later(today: date, months: int) -> tuple[int, int]:
    years, month = divmod(today.month - 1 + months, 12)
    return today.year + years, month + 1


def _on(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _found(days: Iterable[date | None]) -> Days:
    return tuple(sorted({day for day in days if day is not None}))


# -- weekdays

_WEEKDAYS: Final = {
    "segunda": 0,
    "terca": 1,
    "quarta": 2,
    "quinta": 3,
    "sexta": 4,
    "sabado": 5,
    "domingo": 6,
    "segundona": 0,
    "sextou": 4,
    "sabadao": 5,
    "domingao": 6,
    "seg": 0,
    "sex": 4,
    "sab": 5,
}
_SHORT: Final = {"ter": 1, "qua": 2, "qui": 3, "dom": 6, "seg": 0, "sex": 4, "sab": 5}
"""Some are words of their own ("ter", "dom"): they count only in brackets, or before a date."""

_WHICH_WEEK: Final = r"(?:semana (?:que|q|ki) ve[mn]|(?:proxima|prox\.?) semana)"
_NAME: Final = (
    rf"(?P<name>{any_of(_WEEKDAYS)})(?P<many>s)?(?P<fair>(?:[ -]?feiras?|[ -]fs?)?)\b|"
    r"(?P<numbered>[2-6]) ?[ao]?[ -]?feiras?\b|"
    rf"(?P<short>{any_of(_SHORT)})(?:[.,]? ?(?=\(?[0-9]{{1,2}}/[0-9])|(?<=\([a-z]{{3}})(?=\))|[ -]feira\b)"
)
_BEFORE: Final = (
    r"(?:\b(?P<this>n?est[ae]|n?ess[ae]) |\b(?P<coming>(?:n?[ao] )?prox(?:im[ao]|\.)?) |\b(?P<other>(?:n?[ao] "
    r")?outr[ao]) |"
    r"\b(?P<ever>tod[ao]s?(?: [ao]s?)?|cada|qualquer|algum(?:a)?) |\b(?P<past>(?:n?[ao] )?ultim[ao]) |"
    rf"\b(?P<week>{_WHICH_WEEK}),? (?:n[ao] |de )?)?"
)
_AFTER: Final = (
    rf"(?P<later> (?:d[ae] |n[ao] )?{_WHICH_WEEK})|(?P<next>,? (?:que|q|ki) ve[mn]\b| proxim[ao]\b)|"
    r"(?P<now> agora\b)|(?P<this_week> d?n?(?:est|ess)a (?:mesma )?semana\b)|(?P<last> passad[ao]\b)|"
    r"(?P<second_last> retrasad[ao]\b)|(?P<not_this>,? sem ser (?:n?est|n?ess)[ae]\b)|"
    r"(?P<unclear> d[ae] (?:outra semana|semana seguinte|mes|mes que vem|proximo mes|carnaval|pascoa|aleluia|ramos)\b)|"
    rf"(?P<in_weeks>,? daqui (?:a |ha )?{NUMBER} (?:dias?|semanas?)\b)|(?P<week_hence> a oito\b)"
)
_WEEKDAY: Final = re.compile(rf"{_BEFORE}\b(?:{_NAME})(?:{_AFTER})?", re.ASCII)

_ORDINAL: Final = frozenset({"segunda", "terca", "quarta", "quinta", "sexta"})
_COUNTED: Final = (
    r"(?:dose|vez|vezes|opcao|consulta|via|mensagem|aplicacao|etapa|parte|unidade|filial|loja|sessao|visita|"
    r"pessoa|chance|"
    r"tentativa|pergunta|coisa|mao|linha|foto|fase|semana|quinzena|metade|serie|vaga|parcela|rodada|avaliacao|geracao|"
    r"lugar|categoria|marcha|classe|rua|avenida|cirurgia|ninhada)s?\b"
)
_IS_ORDINAL: Final = re.compile(rf" {_COUNTED}", re.ASCII)
_ARTICLE: Final = re.compile(r"\b(?:a|da|minha|sua|pela|nossa|dessa|essa|outra|uma|numa)[ \n]$", re.ASCII)
_NOUN: Final = re.compile(
    r" (?!(?:de|da|do|as|a|ao|que|q|e|ou|pode|podem|ta|esta|fica|tem|tambem|tb|dia|la|ai|eu|ele|ela|voces?|"
    r"vcs?|cedo|por|"
    r"para|pra|pela|pelo|no|na|nao|n|so|mesmo|ja|se|sim|seria|serve|umas|era|foi|as|em|com|sem|antes|depois|"
    r"agora|passada|"
    r"proxima|retrasada|ainda|mas|entao|ok|obrigad[ao]|consigo|posso|quero|vou|temos?|tens|melhor|bom|boa|"
    r"otim[ao])\b)[a-z]{3,}",
    re.ASCII,
)


def _is_ordinal(found: re.Match[str]) -> bool:
    """Whether "segunda", "quarta", … counts something instead of naming a day: "a segunda dose"."""
    if found["name"] not in _ORDINAL or found["fair"] or found["many"]:
        return False
    after = found.string[found.end() : found.end() + 16]
    before = found.string[max(0, found.start() - 8) : found.start()]
    return bool(_IS_ORDINAL.match(after) or (_ARTICLE.search(before) and _NOUN.match(after)))


def _weekday_of(found: re.Match[str]) -> int:
    if found["numbered"]:
        return int(found["numbered"]) - 2
    return _SHORT[found["short"]] if found["short"] else _WEEKDAYS[found["name"]]


def _read_weekday(found: re.Match[str], today: date) -> Meaning | None:
    if _is_ordinal(found):
        return None
    weekday = _weekday_of(found)
    days = _weekday_days(found, weekday, today)
    if found["past"] or found["last"] or found["second_last"]:
        return Meaning(Naming.WEEKDAY, days, lambda day: day in days, past=True, weekday=weekday)
    exact = days if _is_exact(found) else ()
    return Meaning(
        Naming.WEEKDAY,
        days,
        lambda day: day.weekday() == weekday and (not exact or day in exact),
        weekday=weekday,
    )


def _is_exact(found: re.Match[str]) -> bool:
    return any(found[name] for name in ("this", "coming", "week", "later", "next", "now", "this_week", "not_this"))


def _weekday_days(found: re.Match[str], weekday: int, today: date) -> Days:
    if found["ever"] or found["many"] or found["other"] or found["unclear"] or found["in_weeks"]:
        return ()
    if found["week"] or found["later"]:
        return tuple(day for day in _week(today, 1) if day.weekday() == weekday)
    if found["this_week"]:
        return _this_week(weekday, today)
    if found["past"] or found["last"]:
        return (_after(_next(today, weekday), -7),)
    if found["second_last"]:
        return (_after(_next(today, weekday), -14),)
    return _coming_weekday(found, weekday, today)


def _this_week(weekday: int, today: date) -> Days:
    days = tuple(day for day in _week(today, 0) if day.weekday() == weekday)
    return tuple(day for day in days if day >= today) or days


def _coming_weekday(found: re.Match[str], weekday: int, today: date) -> Days:
    first = _next(today, weekday)
    if found["not_this"] or found["week_hence"]:
        return (_after(first, 7),)
    if found["coming"] or found["next"]:
        first = first if first > today else _after(first, 7)
        return (first, _after(first, 7)) if first in _week(today, 0) else (first,)
    if found["this"] or found["now"] or first > today:
        return (first,)
    return (first, _after(first, 7))


# -- dates

_MONTHS: Final = (
    words_in("janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro"),
    words_in("jan fev mar abr mai jun jul ago set out nov dez"),
)
_MONTH: Final = {name: value for names in _MONTHS for value, name in enumerate(names, 1)}
_DAY: Final = rf"(?:{NUMBER}|primeiro\b)"

_ISO: Final = re.compile(r"(?<![0-9-])(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})(?![0-9-])", re.ASCII)
_SLASHED: Final = re.compile(
    r"(?P<said>\bdia )?(?<![0-9/.,$:-])(?P<d>[0-9]{1,2})(?P<mark>/|[.-](?=[0-9]{1,2}[.-][0-9]{2}))(?P<m>[0-9]{1,2})"
    r"(?:[/.-](?P<y>[0-9]{4}|[0-9]{2}))?(?![0-9/:%]|[.,-][0-9]| ?h\b)",
    re.ASCII,
)
_NAMED: Final = re.compile(
    rf"(?:\bdia )?(?<![0-9:/.,])(?P<d>{_DAY})o?(?: de |/| d )(?P<m>{any_of(_MONTH)})\b(?:(?: de | do |/|,? "
    rf")(?P<y>20[0-9]{{2}}|"
    r"(?<=/)[0-9]{2})(?![0-9]))?",
    re.ASCII,
)
_FRACTIONS: Final = frozenset({(1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (24, 7)})
"""Written with a slash, but more often half a tablet than the first of February."""


def _read_date(found: re.Match[str], today: date) -> Meaning | None:
    day, month = _day_number(found["d"]), _month_number(found["m"])
    groups = found.groupdict()
    if groups.get("mark") == "/" and not groups["y"] and not groups["said"] and (day, month) in _FRACTIONS:
        return None
    if found["y"]:
        year = int(found["y"]) if len(found["y"]) == 4 else 2000 + int(found["y"])  # noqa: PLR2004 digits of a year
        days = _found([_on(year, month, day)])
        return _exact(Naming.DATE, days) if days else None
    days = _coming_date(month, day, today)
    return Meaning(Naming.DATE, days, lambda other: (other.month, other.day) == (month, day)) if days else None


_RECENT: Final = timedelta(days=31)
"""A date without a year may be one that was so recently; else it is the coming one."""
_LEAP_YEARS: Final = 9
"""Years after which 29 February has been: 2096 and 2104 are the next ones to each other."""


def _coming_date(month: int, day: int, today: date) -> Days:
    years = range(today.year - 1, min(today.year + _LEAP_YEARS, date.max.year + 1))
    dates = [found for year in years if year > 0 and (found := _on(year, month, day)) is not None]
    coming = [found for found in dates if found >= today][:1]
    return _found([*coming, *(found for found in dates if today - _RECENT <= found < today)])


def _day_number(words: str) -> int:
    return 1 if words == "primeiro" else number(words)


def _month_number(words: str) -> int:
    return int(words) if words.isdigit() else _MONTH[words]


_ANOTHER: Final = rf"(?:(?:, ?| e | ou |/)(?:o |no )?(?:dia )?{_DAY}(?! ?(?:h[0-9]|h\b|hs|hrs|hora|:|da ))o?)"
_DAYS_OF_MONTH: Final = re.compile(
    r"(?<!\bbom )(?<!\bmeio )(?<!\bmeio-)(?<!\bpor )(?<!\bvezes ao )(?<!\bvez ao )(?<!\dx ao )(?<!\bum "
    r")(?<!\bcada )(?<!\boutro )(?<!\balgum )"
    rf"\bdias? (?P<first>{_DAY})o?(?! ?(?:h[0-9]|h\b|hs\b|hrs|hora|vez|x\b|:[0-9]|min|kg|reais|"
    rf"%))(?P<more>{_ANOTHER}{{0,4}})"
    rf"(?:(?P<next_month> d[eo] (?:mes (?:que|q) ve[mn]|proximo mes))|(?P<this_month> d(?:este|esse|o) mes(?! "
    rf"(?:que|q) )|"
    rf" agora\b)|(?: de |/)(?P<m>{any_of(_MONTH)})\b)?",
    re.ASCII,
)
_EACH_DAY: Final = re.compile(_DAY, re.ASCII)


def _read_days_of_month(found: re.Match[str], today: date) -> Meaning | None:
    numbers = [_day_number(words) for words in _EACH_DAY.findall(found["first"] + found["more"])]
    if found["m"]:
        month = _MONTH[found["m"]]
        days = _found(day for each in numbers for day in _coming_date(month, each, today))
        return Meaning(Naming.DATE, days, lambda day: day.month == month and day.day in numbers) if days else None
    days = _found(day for each in numbers for day in _days_of_month(found, each, today))
    exact = days if found["next_month"] or found["this_month"] else ()
    fits: Fits = lambda day: day.day in numbers and (not exact or day in exact)  # noqa: E731 it belongs to this call
    return Meaning(Naming.DATE, days, fits) if days else None


def _days_of_month(found: re.Match[str], day: int, today: date) -> Days:
    if found["next_month"]:
        return _found([_on(*_month_later(today, 1), day)])
    if found["this_month"]:
        return _found([_on(today.year, today.month, day)])
    months = [_on(*_month_later(today, later), day) for later in range(4)]
    coming = [other for other in months if other is not None and other >= today]
    return tuple(coming[:2] if coming[:1] == [today] else coming[:1])


# -- days counted from today

_TODAY: Final = r"\b(?:ho+je+|hj|oje)\b"
_TOMORROW: Final = r"\b(?:ama+nha+n?|amanh|amnha|amna|aman[aã])\b"
_COUNT: Final = (
    rf"(?P<n>{NUMBER})(?:(?: a | ou |/)(?P<m>{NUMBER}))? (?P<unit>dias?|semanas?|mes(?:es)?)\b(?! e mei[ao])"
)

_AFTER_TOMORROW: Final = re.compile(rf"\b(?:depois|dps|dpois|dp|depos)(?: de| d|,)? {_TOMORROW}", re.ASCII)
_TOMORROW_OR_LATER: Final = re.compile(rf"{_TOMORROW} ou (?:depois|dps)(?: de amanha)?\b(?! d)", re.ASCII)
_TOMORROW_ALONE: Final = re.compile(_TOMORROW, re.ASCII)
_TODAY_ALONE: Final = re.compile(rf"{_TODAY}(?! em dia)(?P<week_hence> a (?:oito|8)\b)?", re.ASCII)
_IN: Final = re.compile(
    rf"\b(?:(?P<exact>daqui|daki|daq|daqi)(?: a| ha| uns| umas| mais| ah)?(?: uns| umas)?|em) {_COUNT}", re.ASCII
)
_AHEAD: Final = re.compile(rf"\b{_COUNT} (?:a|pra|para) frente\b", re.ASCII)
_SINCE: Final = re.compile(rf"\b(?:ha|faz|tem) (?:uns |umas |mais de |quase )?{_COUNT}(?: atras\b)?", re.ASCII)
_AGO: Final = re.compile(rf"\b{_COUNT} atras\b", re.ASCII)
_YESTERDAY: Final = re.compile(r"\b(?P<before>ante?[ -]?ontem|antiontem|antes de ontem)\b|\bontem\b", re.ASCII)
_WEEKEND: Final = re.compile(
    r"(?:\b(?P<this>n?est[ae]|n?ess[ae]) |\b(?P<coming>(?:n?o )?prox(?:imo|\.)?) |\b(?P<past>ultimo) |"
    r"\b(?P<ever>todo|qualquer|outro) )?"
    r"\b(?:(?:fim|final|fins|finais|findi) de semana|fds|findi)\b"
    r"(?P<next> (?:que|q) ve[mn]\b| proximo\b)?(?P<last> passado\b)?",
    re.ASCII,
)
_NEXT_WEEK: Final = re.compile(rf"\b{_WHICH_WEEK}", re.ASCII)
_THIS_WEEK: Final = re.compile(r"\b(?:n?d?est|n?d?ess)a (?:mesma )?semana\b", re.ASCII)
_LAST_WEEK: Final = re.compile(
    r"\b(?:semana|mes|ano) (?:passad[ao]|retrasad[ao])\b|\bultim[ao] (?:semana|mes|ano)\b", re.ASCII
)
_NEXT_MONTH: Final = re.compile(r"\bmes (?:que|q) ve[mn]\b|\bproximo mes\b", re.ASCII)

_FORTNIGHT: Final = 15
_WEEK_OF_EIGHT: Final = 8
"""People count today too: "em quinze dias" is in two weeks, "de hoje a oito" in one."""


def _exactly(*offsets: int) -> Reader:
    return lambda _, today: _exact(Naming.RELATIVE, tuple(_after(today, offset) for offset in offsets))


def _read_today(found: re.Match[str], today: date) -> Meaning:
    return _exact(Naming.RELATIVE, (_after(today, 7) if found["week_hence"] else today,))


def _read_yesterday(found: re.Match[str], today: date) -> Meaning:
    return _exact(Naming.RELATIVE, (_after(today, -2 if found["before"] else -1),), past=True)


def _read_count(found: re.Match[str], today: date) -> Meaning:
    counts = [number(words) for words in (found["n"], found["m"]) if words]
    days = _found(day for count in counts for day in _counted(count, found["unit"], today))
    if "exact" in found.groupdict() and not found["exact"]:  # "em 3 dias" is also within three days
        return Meaning(Naming.RELATIVE, days, lambda day: today <= day <= days[-1])
    if found["unit"].startswith("dia"):
        return _exact(Naming.RELATIVE, days)
    return Meaning(Naming.RELATIVE, days, lambda day: any(abs((day - meant).days) <= 6 for meant in days))  # noqa: PLR2004 the same week, roughly


def _counted(count: int, unit: str, today: date) -> Iterable[date | None]:
    if unit.startswith("semana"):
        return [_after(today, 7 * count)]
    if unit.startswith("mes"):
        year, month = _month_later(today, count)
        return [_on(year, month, min(today.day, monthrange(year, month)[1]))]
    idiom = count in {_FORTNIGHT, _WEEK_OF_EIGHT}
    return [_after(today, count - 1) if idiom else None, _after(today, count)]


def _read_weekend(found: re.Match[str], today: date) -> Meaning:
    saturday = _after(today, 5 - today.weekday())
    if found["past"] or found["last"]:
        return _exact(Naming.RELATIVE, (_after(saturday, -7), _after(saturday, -6)), past=True)
    is_weekend: Fits = lambda day: day.weekday() >= 5  # noqa: E731, PLR2004 Saturday and Sunday
    if found["ever"]:
        return Meaning(Naming.RELATIVE, (), is_weekend)
    days = _found(_after(first, offset) for first in _weekends(found, saturday, today) for offset in (0, 1))
    return _exact(Naming.RELATIVE, tuple(day for day in days if day >= today))


def _weekends(found: re.Match[str], saturday: date, today: date) -> Days:
    """Return the Saturdays of the weekends that are meant; on a Sunday it may be the one after."""
    later = _after(saturday, 7)
    if found["coming"] or found["next"]:
        return (later,) if today >= saturday else (saturday, later)
    return (saturday, later) if today > saturday else (saturday,)


def _read_next_month(_: re.Match[str], today: date) -> Meaning:
    year, month = _month_later(today, 1)
    return _exact(Naming.RELATIVE, tuple(date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)))


def _read_ago(found: re.Match[str], today: date) -> Meaning:
    counts = [number(words) for words in (found["n"], found["m"]) if words]
    days = _found(day for count in counts for day in _counted(-count, found["unit"], today))
    return _exact(Naming.RELATIVE, days, past=True)


def _read_some_past(_: re.Match[str], today: date) -> Meaning:
    return Meaning(Naming.RELATIVE, (), lambda day: day < today, past=True)


_RULES: Final[Sequence[tuple[re.Pattern[str], Reader]]] = (
    (_AFTER_TOMORROW, _exactly(2)),
    (_TOMORROW_OR_LATER, _exactly(1, 2)),
    (_TOMORROW_ALONE, _exactly(1)),
    (_YESTERDAY, _read_yesterday),
    (_TODAY_ALONE, _read_today),
    (_SINCE, _read_ago),
    (_AGO, _read_ago),
    (_ISO, _read_date),
    (_NAMED, _read_date),
    (_SLASHED, _read_date),
    (_DAYS_OF_MONTH, _read_days_of_month),
    (_WEEKEND, _read_weekend),
    (_WEEKDAY, _read_weekday),
    (_IN, _read_count),
    (_AHEAD, _read_count),
    (_LAST_WEEK, _read_some_past),
    (_NEXT_WEEK, lambda _, today: _exact(Naming.RELATIVE, _week(today, 1))),
    (_THIS_WEEK, lambda _, today: _exact(Naming.RELATIVE, tuple(d for d in _week(today, 0) if d >= today))),
    (_NEXT_MONTH, _read_next_month),
)
"""In this order: what an earlier rule has read, no later one reads again."""


@dataclass(frozen=True, slots=True)
class DayWords:
    """Words of a text that name days."""

    start: int
    end: int
    meaning: Meaning


def day_words(folded: str, today: date) -> Iterator[DayWords]:
    """Yield all words of a folded text that name days, those of one rule after those of another."""
    rest = folded
    for pattern, reader in _RULES:
        taken = list(rest)
        for found in pattern.finditer(rest):
            meaning = reader(found, today)
            if meaning is not None:
                yield DayWords(found.start(), found.end(), meaning)
                taken[found.start() : found.end()] = "\0" * (found.end() - found.start())
        rest = "".join(taken)
