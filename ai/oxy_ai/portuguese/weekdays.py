"""Weekdays with the words that say which week: "sábado q vem", "3ª feira", "sexta sem ser essa". Pure.

On a Friday, "sexta" is today or in a week. "Sexta que vem" is the coming Friday for some and the one after for others,
unless that is in another week anyway.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from oxy_ai.portuguese.meanings import Days, Meaning, Naming, Reader, after, coming, in_order, week
from oxy_ai.portuguese.numbers import NUMBER
from oxy_ai.portuguese.words import any_of, words_in

_WEEKDAYS: Final = {
    name: weekday
    for names in (
        "segunda terca quarta quinta sexta sabado domingo",
        "seg _ _ _ sex sab _",
        "segundona _ _ _ sextou sabadao domingao",
    )
    for weekday, name in enumerate(names.split())
    if name != "_"
}
_SHORT: Final = {name: weekday for weekday, name in enumerate(words_in("seg ter qua qui sex sab dom"))}
"""Some are words of their own ("ter", "dom"): they count only in brackets, in a list, before a date or "que vem"."""

WHICH_WEEK: Final = r"(?:semana (?:que|q|ki) ve[mn]|(?:proxima|prox\.?) semana)"
"""Next week."""

_NAMES: Final = (
    rf"(?P<name>{any_of(_WEEKDAYS)})(?P<many>s)?(?P<fair>(?:[ -]?feiras?|[ -]fs?)?)\b",
    r"(?P<numbered>[2-6]) ?[ao]?[ -]?(?:feiras?|f)\b",
    r"(?<=\bna )(?P<bare>[2-6])a\b",
    (
        rf"(?P<short>{any_of(_SHORT)})(?:[.,]? ?(?=\(?[0-9]{{1,2}}/[0-9])|(?<=\([a-z]{{3}})(?=\))|[ -]feira\b|"
        r"(?= (?:que|q) ve[mn]\b))"
    ),
)
_BEFORE: Final = (
    r"\b(?P<this>n?est[ae]|n?ess[ae]) ",
    r"\b(?P<coming>(?:n?[ao] )?prox(?:im[ao]|\.)?) ",
    r"\b(?P<other>(?:n?[ao] )?outr[ao]) ",
    r"\b(?P<ever>tod[ao]s?(?: [ao]s?)?|cada|qualquer|algum(?:a)?) ",
    r"\b(?P<past>(?:n?[ao] )?ultim[ao]) ",
    r"\b(?P<ranked>(?:primeir|terceir)[ao]) ",
    rf"\b(?P<week>{WHICH_WEEK}),? (?:n[ao] |de )?",
)
_AFTER: Final = (
    rf"(?P<later> (?:d[ae] |n[ao] )?{WHICH_WEEK})",
    r"(?P<next>,? (?:que|q|ki) ve[mn]\b| proxim[ao]\b)",
    r"(?P<now> agora\b)",
    r"(?P<this_week> d?n?(?:est|ess)a (?:mesma )?semana\b)",
    r"(?P<last> passad[ao]\b)",
    r"(?P<second_last> retrasad[ao]\b)",
    r"(?P<unclear> d[eao] (?:outra semana|semana seguinte|mes|proximo mes|ano|carnaval|pascoa|aleluia|ramos|cinzas)\b)",
    rf"(?P<in_weeks>,? daqui (?:a |ha )?{NUMBER} (?:dias?|semanas?)\b)",
    r"(?P<week_hence> a oito\b)",
)
_WEEKDAY: Final = re.compile(rf"(?:{'|'.join(_BEFORE)})?\b(?:{'|'.join(_NAMES)})(?:{'|'.join(_AFTER)})?", re.ASCII)
_NOT_THIS: Final = re.compile(r",? sem ser (?:n?est|n?ess)[ae]\b", re.ASCII)

# -- words that also count things: "segunda", "quarta", "quinta"

_ORDINAL: Final = frozenset(words_in("segunda terca quarta quinta sexta"))
_COUNTED: Final = words_in(
    "dose vez vezes opcao consulta via mensagem aplicacao etapa parte unidade filial loja sessao visita pessoa chance "
    "tentativa pergunta coisa mao linha foto fase semana quinzena metade serie vaga parcela rodada avaliacao geracao "
    "lugar categoria marcha classe rua avenida cirurgia ninhada doses opcoes consultas"
)
_NO_NOUN: Final = words_in(
    "de da do as a ao que q e ou pode podem ta esta fica tem tambem tb dia la ai eu ele ela voce voces vc vcs cedo por "
    "para pra pela pelo no na nao n so mesmo ja se sim seria serve umas era foi em com sem antes depois agora passada "
    "proxima retrasada ainda mas entao ok obrigada obrigado consigo posso quero vou temos tens melhor bom boa "
    "otima otimo"
)
_IS_COUNTED: Final = re.compile(rf" {any_of(_COUNTED)}\b", re.ASCII)
_ARTICLE: Final = re.compile(r"\b(?:a|da|minha|sua|pela|nossa|dessa|essa|outra|uma|numa)[ \n]$", re.ASCII)
_IS_NOUN: Final = re.compile(rf" (?!{any_of(_NO_NOUN)}\b)[a-z]{{3,}}", re.ASCII)
_AROUND: Final = 24
"""Characters around a weekday that may change what it means."""

# -- days that come again: "toda segunda e quarta", "a primeira segunda do mês"

_SERIES: Final = re.compile(
    rf"\b(?:tod[ao]s?|cada|aos|nos|nas|as) (?:[ao]s? )?(?:{any_of(_WEEKDAYS)}s?(?:-feiras?)?(?:,| e) ){{1,4}}$",
    re.ASCII,
)
_OF: Final = re.compile(r" d[eo] (?:mes|ano|[a-z]+(?:eiro|bro|co|il|aio|nho|lho|sto))\b", re.ASCII)

# -- short forms: "seg, qua e sex", "ter ou qui"

_SHORTS: Final = re.compile(rf"(?<!\ba )\b{any_of(_SHORT)}(?:(?:, ?|/| e | ou ){any_of(_SHORT)}){{1,6}}\b", re.ASCII)
_SHORT_PERIOD: Final = re.compile(rf"\b{any_of(_SHORT)}\.? (?:a|ate) {any_of(_SHORT)}\b", re.ASCII)
_EACH_SHORT: Final = re.compile(any_of(_SHORT), re.ASCII)


def _read_shorts(found: re.Match[str], today: date) -> Meaning:
    weekdays = {_SHORT[name] for name in _EACH_SHORT.findall(found[0])}
    days = in_order(day for weekday in weekdays for day in _bare(weekday, today))
    return Meaning(Naming.RELATIVE, days, lambda day: day.weekday() in weekdays)


def _read_short_period(_: re.Match[str], __: date) -> Meaning:
    return Meaning(Naming.RELATIVE, (), lambda _: True, period=True)


def _read_weekday(found: re.Match[str], today: date) -> Meaning | None:
    if _is_ordinal(found):
        return None
    weekday = _weekday_of(found)
    days = _days(found, weekday, today)
    if (found["past"] or found["last"] or found["second_last"]) and days:
        return Meaning(Naming.WEEKDAY, days, lambda day: day in days, past=True, weekday=weekday)
    exact = days if _is_exact(found) else ()
    return Meaning(
        Naming.WEEKDAY, days, lambda day: day.weekday() == weekday and (not exact or day in exact), weekday=weekday
    )


def _is_ordinal(found: re.Match[str]) -> bool:
    """Whether "segunda", "quarta", … counts something instead of naming a day: "a segunda dose"."""
    if found["bare"]:
        return bool(_IS_COUNTED.match(_following(found)))
    if found["name"] not in _ORDINAL or found["fair"] or found["many"]:
        return False
    article = _ARTICLE.search(_preceding(found))
    return bool(_IS_COUNTED.match(_following(found)) or (article and _IS_NOUN.match(_following(found))))


def _preceding(found: re.Match[str]) -> str:
    return found.string[max(0, found.start() - 2 * _AROUND) : found.start()]


def _following(found: re.Match[str]) -> str:
    return found.string[found.end() : found.end() + _AROUND]


def _weekday_of(found: re.Match[str]) -> int:
    if found["numbered"] or found["bare"]:
        return int(found["numbered"] or found["bare"]) - 2  # Monday is the second day
    return _SHORT[found["short"]] if found["short"] else _WEEKDAYS[found["name"]]


def _is_exact(found: re.Match[str]) -> bool:
    return any(found[name] for name in ("this", "coming", "week", "later", "next", "now", "this_week"))


def _is_unclear(found: re.Match[str]) -> bool:
    named = any(found[name] for name in ("ever", "many", "other", "unclear", "in_weeks", "ranked"))
    last_of = found["past"] and _OF.match(_following(found))
    return bool(named or last_of or _SERIES.search(_preceding(found)))


def _days(found: re.Match[str], weekday: int, today: date) -> Days:
    if _is_unclear(found):
        return ()
    if found["week"] or found["later"]:
        return tuple(day for day in week(today, 1) if day.weekday() == weekday)
    if found["this_week"]:
        return _this_week(weekday, today)
    if found["past"] or found["last"]:
        return (after(coming(today, weekday), -7),)
    if found["second_last"]:
        return (after(coming(today, weekday), -14),)
    return _coming_days(found, weekday, today)


def _this_week(weekday: int, today: date) -> Days:
    days = tuple(day for day in week(today, 0) if day.weekday() == weekday)
    return tuple(day for day in days if day >= today) or days


def _coming_days(found: re.Match[str], weekday: int, today: date) -> Days:
    first = coming(today, weekday)
    if found["week_hence"] or _NOT_THIS.match(_following(found)):
        return (after(first, 7),)
    if found["coming"] or found["next"]:
        first = first if first > today else after(first, 7)
        return (first, after(first, 7)) if first in week(today, 0) else (first,)
    return (first,) if found["this"] or found["now"] else _bare(weekday, today)


def _bare(weekday: int, today: date) -> Days:
    first = coming(today, weekday)
    return (first,) if first > today else (first, after(first, 7))


WEEKDAY_RULES: Final[Sequence[tuple[re.Pattern[str], Reader]]] = (
    (_SHORT_PERIOD, _read_short_period),
    (_SHORTS, _read_shorts),
    (_WEEKDAY, _read_weekday),
)
