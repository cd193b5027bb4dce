"""Whether an answer's claims about appointments are backed. Pure.

A claim may rest on what a tool has shown or done in this turn, or on what the customer has booked; not on what was only
said.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from oxy_ai.assistants.review.claims import Claim, ClaimKind, Deed, claims_in, denied_places
from oxy_ai.assistants.review.evidence import Evidence, ToolOutcome
from oxy_ai.assistants.review.hours import is_closed_then
from oxy_ai.assistants.review.known import Known, known_of_result
from oxy_ai.assistants.review.objections import SHOWN, AnswerObjection, Fault
from oxy_ai.assistants.review.sources import booked, known_of_results
from oxy_ai.assistants.review.spotted import DaySpot, TimeSpot, days_in, times_in
from oxy_ai.assistants.review.words import clause_spans
from oxy_ai.portuguese.words import fold

_AGENDA: Final = ("agend", "marc", "remarc", "reagend", "reserv", "book")
_DOERS: Final = {
    Deed.BOOKED: _AGENDA,
    Deed.CANCELLED: ("cancel", "desmarc", "remarc", "reagend"),
    Deed.CONFIRMED: (*_AGENDA, "cancel", "desmarc", "confirm"),
    Deed.REGISTERED: ("cadastr", "registr"),
}
"""Beginnings of the names of tools that do it."""
_KNOWN: Final = (*(beginning for doers in _DOERS.values() for beginning in doers), "escal")
"""Of all tools whose names say what they do; calling a person is none of these deeds."""

_SHUT: Final = re.compile(r"\b(?:nao|nem|sem|fechad[oa]s?|lotad[oa]s?|chei[oa]s?)\b")
"""A clause of days that have nothing free."""
_BESIDE: Final = re.compile(r",? (?:d[aeo]|n[ao]) (?:dia )?", re.ASCII)
"""Between a time and the day that it belongs to: "às 10h na segunda"."""


def unbacked_claims(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to claims about appointments that nothing backs."""
    claims = claims_in(answer)
    days = days_in(answer, evidence.now.date()) if claims else ()
    for claim in claims:
        made = _Made(claim, days_in(claim.words, evidence.now.date()) or _day_before(claim, days))
        backed = _is_shown if claim.kind is ClaimKind.AVAILABLE else _is_done
        if not backed(made, evidence):
            fault = Fault.AVAILABILITY if claim.kind is ClaimKind.AVAILABLE else Fault.NOT_DONE
            yield AnswerObjection(fault, claim.words[:SHOWN])


@dataclass(frozen=True, slots=True)
class _Made:
    """A claim, and the days that it is about: those that it names, else the one named last before it."""

    claim: Claim
    days: tuple[DaySpot, ...]


def _day_before(claim: Claim, days: tuple[DaySpot, ...]) -> tuple[DaySpot, ...]:
    """Return the day named last before a claim: "Na segunda, então. Tenho às 10:00"."""
    place = bisect_left(days, claim.start, key=lambda spot: spot.start)
    return () if place == 0 else (replace(days[place - 1], start=-1),)


def _is_shown(made: _Made, evidence: Evidence) -> bool:
    """Whether a tool has shown in this turn what is said to be free or taken; or it is what the customer has booked.

    That the business is closed is known without one.
    """
    looked = [outcome for outcome in evidence.outcomes if _is_about_times(outcome, evidence)]
    shown = known_of_results(looked, evidence)
    if looked and _fits(made, shown) and _are_shown_days(made, shown):
        return True
    return is_closed_then(made.claim.words, evidence) or _is_booked(made, evidence)


def _is_about_times(outcome: ToolOutcome, evidence: Evidence) -> bool:
    """Whether a call has looked at the agenda: it gave moments, or said why it has none."""
    if outcome.is_invalid_call:
        return False
    return not outcome.is_success or bool(known_of_result(outcome.result, evidence.now.date()).pairs)


def _are_shown_days(made: _Made, shown: Known) -> bool:
    """Whether days that are said to have free times have some; "not on Friday" is taken as it is said."""
    words = made.claim.words
    shut = [(start, end) for start, end in clause_spans(words) if _SHUT.search(fold(words[start:end]))]
    if any(not spot.bound for spot in times_in(words)) or not made.days:
        return True
    free = {day for day, _ in shown.pairs}
    affirmed = (spot for spot in made.days if not any(start <= spot.start < end for start, end in shut))
    return all(not free.isdisjoint(spot.days) for spot in affirmed)


def _is_done(made: _Made, evidence: Evidence) -> bool:
    """Whether tools have done it in this turn, or it is what the customer has booked."""
    done = [outcome for outcome in evidence.outcomes if outcome.acts and outcome.is_success]
    deeds = made.claim.deeds
    if all(any(_does(outcome, deed) for outcome in done) for deed in deeds):
        shown = known_of_results(done, evidence) | booked(evidence)
        return _fits(made, shown) and (deeds == {Deed.REGISTERED} or _is_then(made, shown))
    return deeds <= {Deed.BOOKED, Deed.CONFIRMED} and _is_booked(made, evidence)


def _is_then(made: _Made, shown: Known) -> bool:
    """Whether something happens on a day, or within a period, that a claim names for it; or it names no moment."""
    spots = times_in(made.claim.words)
    own = [day for day in made.days if day.start >= 0]
    if any(not spot.bound for spot in spots) or not own:
        return True
    if not spots:
        return any(day in spot.days for spot in own for day, _ in shown.pairs)
    return any(not shown.pairs.isdisjoint(product(_day_of(spot, made).days, spot.times)) for spot in spots)


def _does(outcome: ToolOutcome, deed: Deed) -> bool:
    """Whether a tool does such a thing; one whose name does not say what it does may do all."""
    return outcome.tool.startswith(_DOERS[deed]) or not outcome.tool.startswith(_KNOWN)


def _is_booked(made: _Made, evidence: Evidence) -> bool:
    """Whether a claim names a time and its day, and the customer has a booking then."""
    timed = any(not spot.bound for spot in times_in(made.claim.words))
    return timed and bool(made.days) and _fits(made, booked(evidence))


def _fits(made: _Made, shown: Known) -> bool:
    """Whether each time that a claim affirms is among those shown, on the day that it belongs to."""
    words = made.claim.words
    denied = denied_places(words)
    spots = [spot for spot in times_in(words) if not spot.bound]
    return all(
        not shown.times.isdisjoint(spot.times)
        and (not made.days or not shown.pairs.isdisjoint(product(_day_of(spot, made).days, spot.times)))
        for spot in spots
        if not any(start <= spot.start < end for start, end in denied)
    )


def _day_of(spot: TimeSpot, made: _Made) -> DaySpot:
    """Return the day that a time belongs to: the one that is said with it, else the one before it, else the next."""
    end, words = spot.start + len(spot.words), made.claim.words
    following = next((day for day in made.days if day.start >= end), None)
    before = [day for day in made.days if day.start < spot.start]
    if following is not None and (not before or _BESIDE.fullmatch(fold(words[end : following.start]))):
        return following
    return before[-1] if before else made.days[0]
