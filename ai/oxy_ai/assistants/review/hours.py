"""Whether what an answer says of opening hours is so. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from oxy_ai.assistants.review.claims import is_denied
from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.known import Known, known_of_all
from oxy_ai.assistants.review.sources import booked, by_business, known_of_results
from oxy_ai.assistants.review.spotted import TimeSpot, times_in, times_of
from oxy_ai.assistants.review.words import clause_spans
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

_WEEKDAY: Final = r"\b(?P<day>segunda|terca|quarta|quinta|sexta|sabado|domingo)s?\b"
_OPENS: Final = re.compile(
    r"\b(?:abrimos|abre|abrem|abriremos|fechamos|fecha|fecham|atendemos|funcionamos|funciona|estamos abertos|open)\b"
)
_SHUT: Final = re.compile(r"\b(?:nao|nem|fechad[oa]s?|ja fech\w+)\b")
"""A clause of a time at which nobody is there: "às 7h ainda estamos fechados"."""
_OPEN: Final = r"\b(?:abrimos|abre|abriremos|atendemos|funcionamos|funciona|estamos abertos|esta aberta)\b"
_ALL_THE_SAME: Final = r"(?:(?!\b(?:fech|exceto|menos|fora|salvo|nao|nem))[^,;:.!?\n]){0,60}?"
_OPEN_ON: Final = (
    re.compile(rf"(?<!nao ){_OPEN}{_ALL_THE_SAME}{_WEEKDAY}"),
    re.compile(rf"{_WEEKDAY}{_ALL_THE_SAME}{_OPEN}"),
)
_CLOSED: Final = re.compile(rf"^\W*{_WEEKDAY}(?:-feira)?: fechad[oa]")
_HOURS: Final = re.compile(rf"^\W*{_WEEKDAY}(?:-feira)?(?:, [\d/]+[^:]{{0,20}})?: (?P<hours>.*)")
_OPEN_THEN: Final = re.compile(rf"^\W*{_WEEKDAY}(?:-feira)?(?:, [\d/]+[^:]{{0,20}})?: \d")
_WEEKDAYS: Final = re.compile(_WEEKDAY)


def wrong_hours(answer: str, evidence: Evidence) -> Iterable[str]:
    """Return times called opening hours that the business has not given, and words that open it on a day it is shut."""
    stated = [words for words in sentences(answer) if _OPENS.search(fold(words)) and not words.endswith("?")]
    known, closed = (by_business(evidence), _closed_weekdays(evidence)) if stated else (Known(), frozenset[str]())
    for sentence in stated:
        folded = fold(sentence)
        shut = [(start, end) for start, end in clause_spans(sentence) if _SHUT.search(folded[start:end])]
        for spot in times_in(sentence):
            wrong = known.times.isdisjoint(spot.times) or not _is_of_day(spot, folded, evidence)
            if wrong and not any(start <= spot.start < end for start, end in shut):
                yield spot.words
        yield from (match.group() for words in _OPEN_ON for match in words.finditer(folded) if match["day"] in closed)


def _is_of_day(spot: TimeSpot, folded: str, evidence: Evidence) -> bool:
    """Whether a time that is said of a single weekday is of its opening hours, or of something that happens then."""
    named = {match["day"] for match in _WEEKDAYS.finditer(folded)}
    lines = [match["hours"] for match in map(_HOURS.match, _lines(evidence)) if match and {match["day"]} == named]
    others = known_of_results(evidence.outcomes, evidence) | booked(evidence)
    people = known_of_all(evidence.by_people, evidence.now.date())
    hours = times_of(other for line in lines for other in times_in(line))
    return not lines or not spot.times.isdisjoint(hours | others.times | people.times)


def _lines(evidence: Evidence) -> Iterable[str]:
    return map(fold, (*evidence.facts.splitlines(), *evidence.changing.splitlines()))


def is_closed_then(words: str, evidence: Evidence) -> bool:
    """Whether words deny something of weekdays on which the business is always closed."""
    named = {match["day"] for match in _WEEKDAYS.finditer(fold(words))}
    return bool(named) and is_denied(words) and named <= _closed_weekdays(evidence)


def _closed_weekdays(evidence: Evidence) -> frozenset[str]:
    """Return the weekdays on which the business is closed by its facts and by the calendar of the coming days."""
    closed, open_ = set[str](), set[str]()
    for line in _lines(evidence):
        closed |= {match["day"] for match in [_CLOSED.match(line)] if match}
        open_ |= {match["day"] for match in [_OPEN_THEN.match(line)] if match}
    return frozenset(closed - open_)
