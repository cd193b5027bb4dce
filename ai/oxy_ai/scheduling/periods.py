"""Parts of a day, in local time, and what is left of them without breaks. Pure."""

from collections.abc import Iterable, Sequence
from datetime import time
from itertools import pairwise
from typing import Final, NamedTuple


class Period(NamedTuple):
    """Part of one day, in the business's local time; closes after it opens."""

    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"


WHOLE_DAY: Final = Period(time.min, time.max)


def parse_period(text: object) -> Period:
    """Read ``HH:MM-HH:MM``; raises ValueError."""
    try:
        opens, closes = (time.fromisoformat(part.strip()) for part in str(text).split("-"))
    except ValueError:
        message = 'expected two times such as "09:00-18:00", in quotation marks'
        raise ValueError(message) from None
    if closes <= opens:
        message = f"closes at {closes:%H:%M}, which is not after {opens:%H:%M}; split hours that pass midnight"
        raise ValueError(message)
    return Period(opens, closes)


def in_order(periods: Sequence[Period]) -> tuple[Period, ...]:
    """Return the periods of a day; raises ValueError if they overlap or are not in order."""
    for earlier, later in pairwise(periods):
        if later.opens < earlier.closes:
            message = f"{later} starts before {earlier} ends; list the hours in order, without overlap"
            raise ValueError(message)
    return tuple(periods)


def without_breaks(periods: Sequence[Period], breaks: Iterable[Period]) -> tuple[Period, ...]:
    """Return what is left of the periods, in order."""
    left = tuple(periods)
    for pause in breaks:
        left = tuple(part for period in left for part in _around(period, pause))
    return left


def of_quiet_hours(quiet: tuple[time, time] | None) -> tuple[Period, ...]:
    """Return the parts of each day that are quiet: from one time to another, over midnight if that one is earlier."""
    if quiet is None:
        return ()
    begins, ends = quiet
    return (Period(begins, ends),) if begins < ends else (Period(time.min, ends), Period(begins, time.max))


def _around(period: Period, pause: Period) -> list[Period]:
    """Return the parts of a period before and after a break."""
    before = Period(period.opens, min(period.closes, pause.opens))
    after = Period(max(period.opens, pause.closes), period.closes)
    return [part for part in (before, after) if part.opens < part.closes]
