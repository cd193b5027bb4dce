"""What the evidence gives as days and times, by who has given it. Pure."""

import re
from collections.abc import Iterable
from datetime import time, timedelta
from functools import reduce
from operator import or_
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence, ToolOutcome
from oxy_ai.assistants.review.known import Known, known_of_all, known_of_result

CALENDAR_DAYS: Final = 14
"""Days from today on that may be mentioned in any case: the prompt has a calendar of them."""
_BOOKING: Final = '"agendamento'
"""Begins the name under which tools give bookings."""
_BARE_HOUR: Final = re.compile(r"(?<![\d:,./])(?:1?\d|2[0-3])(?![\d:,./]\d|\d)", re.ASCII)


def known_of_results(outcomes: Iterable[ToolOutcome], evidence: Evidence) -> Known:
    """Return what the results of these calls name."""
    today = evidence.now.date()
    return reduce(or_, (known_of_result(outcome.result, today) for outcome in outcomes), Known())


def by_business(evidence: Evidence) -> Known:
    """Return what the business and its tools have given."""
    texts = (evidence.facts, evidence.changing, *evidence.by_people)
    return known_of_all(texts, evidence.now.date()) | known_of_results(evidence.outcomes, evidence)


def said(evidence: Evidence) -> Known:
    """Return what either side has said; "10" in the customer's newest message may be an hour."""
    texts = (*evidence.by_people, *evidence.by_assistant, *evidence.by_customer)
    hours = _BARE_HOUR.findall(evidence.by_customer[-1]) if evidence.by_customer else []
    return known_of_all(texts, evidence.now.date()) | Known(times=frozenset(time(int(hour)) for hour in hours))


def booked(evidence: Evidence) -> Known:
    """Return this customer's bookings: those that the model was given, and those that tools have given."""
    listed = [outcome for outcome in evidence.outcomes if _BOOKING in outcome.result]
    pairs = frozenset((at.date(), at.time()) for at in evidence.booked)
    own = Known(frozenset(day for day, _ in pairs), frozenset(at for _, at in pairs), pairs)
    return own | known_of_results(listed, evidence)


def everything(evidence: Evidence) -> Known:
    """Return what was given for a mere mention: by the business, a tool, or either side of the conversation."""
    today = evidence.now.date()
    near = frozenset(today + timedelta(days=days) for days in range(-1, CALENDAR_DAYS))
    now = Known(near, frozenset({evidence.now.time().replace(second=0, microsecond=0)}))
    return now | said(evidence) | by_business(evidence) | booked(evidence)
