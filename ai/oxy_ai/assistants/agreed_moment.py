"""Whether the day and the time of a call were named in the conversation, and not by the model alone. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from itertools import product

from pydantic import BaseModel

from oxy_ai.assistants.consent import is_own
from oxy_ai.assistants.vertical import Consent
from oxy_ai.portuguese.dates import days_meant, leaves_open, times_meant
from oxy_ai.records import Turn


def is_agreed(consent: Consent, arguments: BaseModel, turn: Turn, today: date) -> bool:
    """Return whether the customer or the shop has named when a call is for, or the customer leaves it to the shop.

    A day that the customer names now may be another one: the tool, which knows the days that he means, explains that.
    """
    if consent.moment is None:
        return True
    day, at = (getattr(arguments, name) for name in consent.moment)
    now = [item.words for item in turn.inputs if is_own(item)]
    customers = [message.words for message in turn.history if message.author == "customer" and is_own(message)]
    said = [*now, *customers, *(message.text or "" for message in turn.history if message.author != "customer")]
    if any(map(leaves_open, (*now, *customers))):
        return True
    return at in _times(said) and (any(days_meant(text, today) for text in now) or day in _days(said, today))


def _days(said: Iterable[str], today: date) -> Iterator[date]:
    # What was said yesterday may be answered after midnight.
    for text, written_on in product(said, (today, today - timedelta(days=1))):
        yield from days_meant(text, written_on)


def _times(said: Iterable[str]) -> Iterator[time]:
    for text in said:
        yield from times_meant(text)
