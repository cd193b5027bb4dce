"""What a text mentions, as far as the review compares it. Pure; `oxy_ai.portuguese.mentions` finds it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import Final

from oxy_ai.portuguese.meanings import Naming
from oxy_ai.portuguese.mentions import Link, Mentions, Price, mentions_in

_ANY_DAY: Final = date(2000, 1, 1)
"""Prices, times and links do not depend on the day."""


@dataclass(frozen=True, slots=True)
class DaySpot:
    """A mention of days."""

    words: str
    start: int
    """Where it stands in the text, if that has single spaces (`oxy_ai.portuguese.words.read`)."""
    days: frozenset[date]
    """All that it can mean."""
    agrees: bool
    """False: its weekday does not fit its date."""
    counted: bool = False
    """Counted from today: "daqui a 21 dias"."""


@dataclass(frozen=True, slots=True)
class TimeSpot:
    """A mention of a time of day."""

    words: str
    start: int
    """As that of a `DaySpot`."""
    times: frozenset[time]
    """All that it can mean."""
    bound: bool
    """It ends a period, as opening hours do."""


def days_in(text: str, today: date) -> tuple[DaySpot, ...]:
    """Return the days that a text mentions."""
    return tuple(
        DaySpot(
            phrase.words,
            phrase.start,
            frozenset(phrase.days),
            phrase.agrees,
            counted=phrase.meaning.naming is Naming.RELATIVE,
        )
        for phrase in _mentions(text, today).days
        if phrase.days or not phrase.agrees
    )


def times_in(text: str) -> tuple[TimeSpot, ...]:
    """Return the times of day that a text mentions."""
    return tuple(
        TimeSpot(phrase.words, phrase.start, frozenset(phrase.times), phrase.bound)
        for phrase in _mentions(text, _ANY_DAY).times
    )


def prices_in(text: str) -> tuple[Price, ...]:
    """Return the prices that a text mentions; what is free is another matter (`gifts`)."""
    return tuple(
        price for price in _mentions(text, _ANY_DAY).prices if any(map(str.isdigit, price.words)) or price.cents
    )


def percentages_in(text: str) -> tuple[int, ...]:
    """Return the percentages that a text mentions, in hundredths."""
    return tuple(part.hundredths for part in _mentions(text, _ANY_DAY).percentages)


def links_in(text: str) -> tuple[Link, ...]:
    """Return the links and e-mail addresses that a text mentions."""
    return _mentions(text, _ANY_DAY).links


def days_of(spots: Iterable[DaySpot]) -> frozenset[date]:
    """Return all days that mentions can mean."""
    return frozenset[date]().union(*(spot.days for spot in spots))


def times_of(spots: Iterable[TimeSpot]) -> frozenset[time]:
    """Return all times that mentions can mean."""
    return frozenset[time]().union(*(spot.times for spot in spots))


@lru_cache(maxsize=1024)
def _mentions(text: str, today: date) -> Mentions:
    """Find what a text mentions once: several checks look at the same sentences, and turns of a day at one catalog."""
    return mentions_in(text, today)
