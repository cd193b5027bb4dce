"""Every phrase of a text that names days: what it can mean, and what the words around it make of it. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from oxy_ai.portuguese.day_words import DayWords, day_words
from oxy_ai.portuguese.meanings import Days, Fits, Meaning, Naming
from oxy_ai.portuguese.words import Reading


class Use(StrEnum):
    """What the words around a phrase make of it."""

    MEANT = "meant"
    PAST = "past"
    BOUND = "bound"
    """An end of a period: "até sexta", "de segunda a sexta"."""
    EXCLUDED = "excluded"
    """"Menos sexta", "não posso amanhã"."""


@dataclass(frozen=True, slots=True)
class DayPhrase:
    """Words that name days."""

    words: str
    """As they are shown."""
    start: int
    end: int
    """Where they stand in the text that is shown (`words.Reading`)."""
    meaning: Meaning
    use: Use = Use.MEANT
    agrees: bool = True
    """False: the weekday does not fit the date beside it."""

    @property
    def days(self) -> Days:
        """All days that it can mean, the first one first; none if that would be a guess."""
        return self.meaning.days


_BESIDE: Final = re.compile(r"[ ,\n(-]{0,3}(?:dia )?\(?")
"""Between a weekday and the date that it belongs to: "sexta-feira, 27/11", "amanhã (sábado)"."""

_TO: Final = re.compile(r"[ ,\n]{1,2}(?:a|ao|ate|ate a|ate o|-)[ \n](?:dia |o dia )?", re.ASCII)
_AND: Final = re.compile(r"[ \n](?:e|ou|nem)[ \n](?:[ao] |n[ao] )?(?:o? ?dia )?", re.ASCII)

_AROUND: Final = 40
"""Characters before a phrase, and after it, that may change its use."""

_BOUND: Final = re.compile(
    r"\b(?:antes|depois|dps|apos|ate|semana|comeco|inicio|fim|final|a partir|apartir|partir|desde|entre|"
    r"ate no)(?: d[eoa]s?| n[oa]s?| o| a| as| ao)?(?: proxim[ao]| dia)?[ \n]$",
    re.ASCII,
)
_BETWEEN: Final = re.compile(r"\bentre(?: o| a| os| as)?(?: dias?)?[ \n]$", re.ASCII)
_NOT: Final = (
    r"(?:eu )?(?:nao|n) (?:posso|consigo|quero|vou poder|vou conseguir|poderei|conseguirei|vai dar|da pra mim|"
    r"da para mim|queria)"
)
_EXCLUDED_BEFORE: Final = re.compile(
    rf"\b(?:menos|exceto|fora|tirando|salvo|sem ser|{_NOT}(?: ir| levar| marcar| que seja)?)"
    r"(?: n[oa]s?| de| d[oa]| a| o| as| os| para| pra)?(?: dia)?[ \n]$",
    re.ASCII,
)
_EXCLUDED_AFTER: Final = re.compile(
    rf"(?: eu| mesmo| ja| tb| tambem)?,? (?:{_NOT}\b|"
    rf"nao(?: da| vai dar| rola| quero| tem como)?(?=[,.;!]|$| mas\b| so\b))",
    re.ASCII,
)


def day_phrases(reading: Reading, today: date) -> tuple[DayPhrase, ...]:
    """Return every phrase that names days, in order; a weekday and the date beside it are one phrase."""
    found = sorted(day_words(reading.folded, today), key=lambda words: words.start)
    phrases = _joined(found, reading)
    uses = [_use(phrase, reading.folded) for phrase in phrases]
    for place in range(1, len(phrases)):
        _use_together(phrases, uses, place, reading.folded)
    return tuple(replace(phrase, use=use) for phrase, use in zip(phrases, uses, strict=True))


def _joined(found: Sequence[DayWords], reading: Reading) -> list[DayPhrase]:
    phrases: list[DayPhrase] = []
    for words in found:
        phrase = DayPhrase(reading.shown[words.start : words.end], words.start, words.end, words.meaning)
        both = _one_phrase(phrases[-1], phrase, reading) if phrases else None
        if both is None:
            phrases.append(phrase)
        else:
            phrases[-1] = both
    return phrases


def _one_phrase(first: DayPhrase, second: DayPhrase, reading: Reading) -> DayPhrase | None:
    """Return a weekday and the date beside it as one phrase; None if they are two."""
    beside = _BESIDE.fullmatch(reading.folded, first.end, second.start)
    if beside is None or (first.meaning.weekday is None) == (second.meaning.weekday is None):
        return None
    meaning, agrees = _both(first.meaning, second.meaning)
    if not agrees and Naming.DATE not in {first.meaning.naming, second.meaning.naming}:
        return None  # a list: "amanhã, sexta"
    end = second.end + (reading.folded[second.end : second.end + 1] == ")" and "(" in beside[0])
    return DayPhrase(reading.shown[first.start : end], first.start, end, meaning, agrees=agrees)


def _both(first: Meaning, second: Meaning) -> tuple[Meaning, bool]:
    named, other = (first, second) if second.weekday is None else (second, first)
    naming = Naming.DATE if Naming.DATE in {first.naming, second.naming} else Naming.RELATIVE
    fits: Fits = lambda day: first.fits(day) and second.fits(day)  # noqa: E731 it belongs to this pair
    days = tuple(day for day in other.days if named.fits(day))
    return Meaning(naming, days, fits, first.past or second.past, weekday=named.weekday), bool(days) or not other.days


def _use(phrase: DayPhrase, folded: str) -> Use:
    """Return the use of a phrase by the words around it alone."""
    before, after = _before(phrase, folded), folded[phrase.end : phrase.end + _AROUND]
    if phrase.meaning.past:
        return Use.PAST
    if _EXCLUDED_BEFORE.search(before) or _EXCLUDED_AFTER.match(after):
        return Use.EXCLUDED
    return Use.BOUND if phrase.meaning.period or _BOUND.search(before) else Use.MEANT


def _use_together(phrases: Sequence[DayPhrase], uses: list[Use], place: int, folded: str) -> None:
    """Correct the uses of a phrase and the one before it where they are the two halves of something."""
    first, last = phrases[place - 1], phrases[place]
    if _is_period(first, last, folded):
        uses[place - 1] = uses[place] = Use.BOUND
    elif Use.EXCLUDED in uses[place - 1 : place + 1] and _AND.fullmatch(folded, first.end, last.start):
        uses[place - 1] = uses[place] = Use.EXCLUDED  # "menos segunda e terça", "quinta e sexta não posso"


def _before(phrase: DayPhrase, folded: str) -> str:
    return folded[max(0, phrase.start - _AROUND) : phrase.start]


def _is_period(first: DayPhrase, last: DayPhrase, folded: str) -> bool:
    """Whether two phrases are the ends of a period: "de segunda a sexta", "entre o dia 10 e o dia 15"."""
    if _TO.fullmatch(folded, first.end, last.start):
        return True
    return bool(_AND.fullmatch(folded, first.end, last.start) and _BETWEEN.search(_before(first, folded)))


def meant(phrases: Sequence[DayPhrase]) -> Iterator[DayPhrase]:
    """Yield the phrases that name days for something to happen."""
    return (phrase for phrase in phrases if phrase.use is Use.MEANT)
