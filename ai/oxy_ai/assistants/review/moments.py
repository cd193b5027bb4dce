"""Whether the days and times of an answer were given, and whether its claims about appointments are backed. Pure.

A mention may rest on anything that was said in the conversation; a claim only on what a tool has shown in this turn, or
on what the customer has booked.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import reduce
from itertools import pairwise, product
from operator import or_
from typing import Final

from oxy_ai.assistants.review.claims import Claim, ClaimKind, claims_in, is_denied
from oxy_ai.assistants.review.evidence import Evidence, ToolOutcome
from oxy_ai.assistants.review.known import Known, durations_of, known_of, known_of_all, known_of_result
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.assistants.review.spotted import DaySpot, days_in, days_of, times_in
from oxy_ai.assistants.review.words import clauses
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

CALENDAR_DAYS: Final = 14
"""Days from today on that may be mentioned in any case: the prompt has a calendar of them."""
EARLY_MINUTES: Final = (5, 10, 15, 30)
"""How much earlier than an appointment customers are asked to come."""
_COME_EARLY: Final = re.compile(r"\b(?:cheg\w+|venha\w*|antes|antecedencia)\b")
_OPENS: Final = re.compile(
    r"\b(?:abrimos|abre|abrem|abriremos|fechamos|fecha|fecham|atendemos|funcionamos|funciona|estamos abertos|open)\b"
)
_IS: Final = re.compile(r" (?:é|será|cai|vai ser|foi)(?: em| num| n[ao])?(?: uma?)? ")
"""Between a date and its weekday: "30/11 é uma segunda-feira"."""
_BOOKING: Final = '"agendamento'
"""Begins the name under which tools give bookings."""
SHOWN: Final = 120
"""Most characters of a claim that an objection repeats."""


def wrong_moments(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to days and times that nobody has given, and to weekdays that do not fit their dates."""
    days, times = days_in(answer, evidence.now.date()), times_in(answer)
    yield from (AnswerObjection(Fault.WEEKDAY, words) for words in _wrong_weekdays(answer, days))
    if not days and not times:
        return
    yield from (AnswerObjection(Fault.TIME, words) for words in _wrong_hours(answer, evidence))
    known = _everything(evidence)
    for day in days:
        if day.agrees and known.days.isdisjoint(day.days):
            yield AnswerObjection(Fault.DATE, day.words)
    for moment in times:
        if known.times.isdisjoint(moment.times) and not _is_computed(moment.times, answer, evidence):
            yield AnswerObjection(Fault.TIME, moment.words)


def _wrong_weekdays(answer: str, days: Sequence[DaySpot]) -> Iterable[str]:
    yield from (day.words for day in days if not day.agrees)
    for first, second in pairwise(days):
        between = answer[first.start + len(first.words) : second.start].lower()
        if _IS.fullmatch(between) and first.days.isdisjoint(second.days):
            yield answer[first.start : second.start + len(second.words)]


def _wrong_hours(answer: str, evidence: Evidence) -> Iterable[str]:
    """Return the times that are called opening hours and that the business has not given."""
    for sentence in sentences(answer):
        if _OPENS.search(fold(sentence)) and not sentence.rstrip().endswith("?"):
            known = _business(evidence)
            yield from (spot.words for spot in times_in(sentence) if known.times.isdisjoint(spot.times))


def _business(evidence: Evidence) -> Known:
    """Return what the business and its tools have given."""
    texts = (evidence.facts, evidence.changing, *evidence.by_people)
    return known_of_all(texts, evidence.now.date()) | _by_tools(evidence)


def _everything(evidence: Evidence) -> Known:
    """Return what was given for a mere mention: by the business, a tool, or either side of the conversation."""
    today = evidence.now.date()
    near = frozenset(today + timedelta(days=days) for days in range(-1, CALENDAR_DAYS))
    said_now = Known(near, frozenset({evidence.now.time().replace(second=0, microsecond=0)}))
    return said_now | known_of_all((*evidence.by_assistant, *evidence.by_customer), today) | _business(evidence)


def _by_tools(evidence: Evidence) -> Known:
    return _known_of_results(evidence.outcomes, evidence)


def _known_of_results(outcomes: Iterable[ToolOutcome], evidence: Evidence) -> Known:
    today = evidence.now.date()
    return reduce(or_, (known_of_result(outcome.result, today) for outcome in outcomes), Known())


def _is_computed(meant: frozenset[time], answer: str, evidence: Evidence) -> bool:
    """Whether a time is the end of an appointment, or the moment a little before it at which to come."""
    appointments = {moment for _, moment in (_by_tools(evidence) | _booked(evidence)).pairs}
    texts = (evidence.facts, *(outcome.result for outcome in evidence.outcomes))
    early = EARLY_MINUTES if _COME_EARLY.search(fold(answer)) else ()
    shifts = (*durations_of(texts), *(timedelta(minutes=-minutes) for minutes in early))
    return any(_shifted(moment, -shift) in appointments for moment in meant for shift in shifts)


def _shifted(moment: time, by: timedelta) -> time:
    return (datetime.combine(date(2000, 1, 2), moment) + by).time()


def unbacked_claims(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to claims about appointments that nothing backs."""
    for claim in claims_in(answer):
        backed = _is_shown if claim.kind is ClaimKind.AVAILABLE else _is_done
        if not backed(claim, answer, evidence):
            fault = Fault.AVAILABILITY if claim.kind is ClaimKind.AVAILABLE else Fault.NOT_DONE
            yield AnswerObjection(fault, claim.words[:SHOWN])


def _is_shown(claim: Claim, answer: str, evidence: Evidence) -> bool:
    """Whether a tool has shown in this turn what is said to be free or taken; or it is what the customer has booked."""
    ran = any(not outcome.is_invalid_call for outcome in evidence.outcomes)
    return (ran and _fits(claim, answer, _by_tools(evidence), evidence)) or _is_booked(claim, answer, evidence)


def _is_done(claim: Claim, answer: str, evidence: Evidence) -> bool:
    """Whether a tool has done it in this turn, or it is what the customer has booked."""
    done = [outcome for outcome in evidence.outcomes if outcome.acts and outcome.is_success]
    shown = _known_of_results(done, evidence) | _booked(evidence)
    return (bool(done) and _fits(claim, answer, shown, evidence)) or _is_booked(claim, answer, evidence)


def _is_booked(claim: Claim, answer: str, evidence: Evidence) -> bool:
    """Whether a claim names a day and a time, and the customer has a booking then."""
    named = known_of(claim.words, evidence.now.date()).pairs
    return bool(named) and _fits(claim, answer, _booked(evidence), evidence)


def _booked(evidence: Evidence) -> Known:
    """Return this customer's bookings, from the prompt, in whose calendar hours are no moments, and from tools."""
    listed = [outcome for outcome in evidence.outcomes if _BOOKING in outcome.result]
    return known_of(evidence.changing, evidence.now.date()) | _known_of_results(listed, evidence)


def _fits(claim: Claim, answer: str, shown: Known, evidence: Evidence) -> bool:
    """Whether each time that a claim affirms is among those shown, and on one of the days that it names."""
    today = evidence.now.date()
    days = days_of(days_in(claim.words, today)) or _days_before(claim, answer, today)
    affirmed = (clause for clause in clauses(claim.words) if not is_denied(clause))
    for spot in (spot for clause in affirmed for spot in times_in(clause) if not spot.bound):
        if shown.times.isdisjoint(spot.times) or (days and shown.pairs.isdisjoint(product(days, spot.times))):
            return False
    return True


def _days_before(claim: Claim, answer: str, today: date) -> frozenset[date]:
    """Return the days named last before a claim that names none: "Na segunda, então. Tenho às 10:00"."""
    before = answer[: max(answer.find(claim.words), 0)]
    last = max(days_in(before, today), key=lambda spot: spot.start, default=None)
    return frozenset() if last is None else last.days
