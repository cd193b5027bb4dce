"""Whether the days and times that an answer mentions were given, by anybody in the conversation. Pure.

What it claims about appointments is another matter (`backing`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.hours import wrong_hours
from oxy_ai.assistants.review.known import Known, durations_of
from oxy_ai.assistants.review.objections import SHOWN, AnswerObjection, Fault
from oxy_ai.assistants.review.sources import booked, everything, known_of_results, said
from oxy_ai.assistants.review.spotted import DaySpot, TimeSpot, days_in, times_in
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

EARLY_MINUTES: Final = (5, 10, 15, 30)
"""How much earlier than an appointment customers are asked to come."""
_COME_EARLY: Final = re.compile(r"\b(?:cheg\w+|venha\w*|antes|antecedencia)\b")
_OFFERS: Final = re.compile(
    r"\b(?:que tal|pode ser|prefere|serve|fica bom|quer (?:as|no|na|marcar|agendar|reservar)|"
    r"posso (?:agendar|marcar|reservar|confirmar|encaixar))\b"
)
"""In a question: it offers the times that it names."""
_LENGTH: Final = re.compile(
    r"(?P<hours>\d{1,2}) ?(?:h|hs|hrs?|horas?)(?: ?(?:e )?(?P<minutes>\d{2}|meia)(?: ?min\w*)?)?", re.ASCII
)
_AT: Final = re.compile(r"\b(?:as?|das|ate|pelas)\s$")
"""Before a time, and not before a length."""
_IS: Final = re.compile(r" (?:é|será|cai|vai ser|foi)(?: em| num| n[ao])?(?: uma?)? ")
"""Between a date and its weekday: "30/11 é uma segunda-feira"."""
_ASIDE: Final = " ("
"""Between a day and another word for it: "amanhã (segunda-feira)"."""


def wrong_moments(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to days and times that nobody has given, and to weekdays that do not fit their dates."""
    days, times = days_in(answer, evidence.now.date()), times_in(answer)
    yield from (AnswerObjection(Fault.WEEKDAY, words) for words in _wrong_weekdays(answer, days))
    yield from (AnswerObjection(Fault.TIME, words) for words in wrong_hours(answer, evidence))
    if not days and not times:
        return
    lengths = _Lengths.of(answer, evidence) if times else _Lengths()
    yield from (AnswerObjection(Fault.AVAILABILITY, words) for words in _ungiven_offers(answer, lengths, evidence))
    known = everything(evidence)
    for day in days:
        if day.agrees and not day.counted and known.days.isdisjoint(day.days):
            yield AnswerObjection(Fault.DATE, day.words)
    for moment in times:
        if known.times.isdisjoint(moment.times) and not lengths.explain(moment, answer):
            yield AnswerObjection(Fault.TIME, moment.words)


def _wrong_weekdays(answer: str, days: Sequence[DaySpot]) -> Iterable[str]:
    yield from (day.words for day in days if not day.agrees)
    for first, second in pairwise(days):
        between = answer[first.start + len(first.words) : second.start].lower()
        if (between == _ASIDE or _IS.fullmatch(between)) and first.days.isdisjoint(second.days):
            yield answer[first.start : second.start + len(second.words)]


def _ungiven_offers(answer: str, lengths: "_Lengths", evidence: Evidence) -> Iterable[str]:
    """Return questions that offer times which neither the customer nor a tool has named: opening hours are not free."""
    asked = [words for words in sentences(answer) if words.endswith("?") and _OFFERS.search(fold(words))]
    known = said(evidence) | known_of_results(evidence.outcomes, evidence) | booked(evidence) if asked else Known()
    for sentence in asked:
        spots = (spot for spot in times_in(sentence) if not spot.bound and not lengths.explain(spot, sentence))
        if any(known.times.isdisjoint(spot.times) for spot in spots):
            yield sentence[:SHOWN]


@dataclass(frozen=True, slots=True)
class _Lengths:
    """How long things take: what looks like a time may be a length, or follow from an appointment and one."""

    lengths: frozenset[timedelta] = frozenset()
    computed: frozenset[time] = frozenset()
    """Ends of appointments, and moments a little before one at which to come."""

    @classmethod
    def of(cls, answer: str, evidence: Evidence) -> "_Lengths":
        """Gather them for an answer."""
        appointments = {
            moment for _, moment in (known_of_results(evidence.outcomes, evidence) | booked(evidence)).pairs
        }
        lengths = durations_of((evidence.facts, *(outcome.result for outcome in evidence.outcomes)))
        early = EARLY_MINUTES if _COME_EARLY.search(fold(answer)) else ()
        shifts = (*lengths, *(timedelta(minutes=-minutes) for minutes in early))
        computed = frozenset(_shifted(moment, shift) for moment in appointments for shift in shifts)
        return cls(lengths | {one + other for one in lengths for other in lengths}, computed)

    def explain(self, spot: TimeSpot, text: str) -> bool:
        """Whether what looks like a time in a text is one of these."""
        return not self.computed.isdisjoint(spot.times) or _length(spot, text) in self.lengths


def _length(spot: TimeSpot, text: str) -> timedelta | None:
    match = _LENGTH.fullmatch(fold(spot.words))
    if match is None or _AT.search(fold(text[max(0, spot.start - 6) : spot.start])):
        return None
    minutes = 30 if match["minutes"] == "meia" else int(match["minutes"] or 0)
    return timedelta(hours=int(match["hours"]), minutes=minutes)


def _shifted(moment: time, by: timedelta) -> time:
    return (datetime.combine(date(2000, 1, 2), moment) + by).time()
