"""In which hours of the day something may be sent, and where a moment outside them goes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from oxy_ai.automations.delays import wall_time
from oxy_ai.scheduling.periods import WHOLE_DAY, Period, of_quiet_hours, without_breaks

EARLIER: Final = timedelta(minutes=30)
"""What is brought forward is due so long before the hours end, and leaves so much before what it is about."""

_DAY: Final = timedelta(days=1)
_AROUND: Final = 2
"""Days before and after a moment in which hours are looked for."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment, which is not part of it, to another one, which is."""

    after: datetime
    until: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.after < moment <= self.until


@dataclass(frozen=True, slots=True)
class Opening:
    """A time in which something may be sent."""

    opens: datetime
    closes: datetime

    @property
    def late(self) -> datetime:
        """When that is due which is brought forward into it."""
        return max(self.opens, self.closes - EARLIER)


@dataclass(frozen=True, slots=True)
class SendingHours:
    """When a business sends by itself."""

    periods: tuple[Period, ...]
    """Of each day, in order; none: never."""
    zone: ZoneInfo

    @classmethod
    def of(cls, window: Period | None, quiet: tuple[time, time] | None, zone: ZoneInfo) -> "SendingHours":
        """Return the hours of a window that are not quiet; quiet hours may pass midnight."""
        return cls(without_breaks((window or WHOLE_DAY,), of_quiet_hours(quiet)), zone)

    def moved(self, due: datetime, before: datetime | None = None) -> datetime | None:
        """Return when something may be sent that is due at a moment: then, or when the hours begin again.

        If that is not well before `before`, it is brought forward into the hours before. None: it is never.
        """
        around = self._around(due, due)
        coming = next((max(item.opens, due) for item in around if item.closes > due), None)
        if coming is not None and (before is None or coming == due or coming <= before - EARLIER):
            return coming
        return None if before is None else max((item.late for item in around if item.closes <= due), default=None)

    def sources(self, wanted: Span) -> Span:
        """Return a span in which all moments lie that `moved` puts into another one, and maybe others."""
        after, until = wanted.after, wanted.until
        around = self._around(wanted.after, wanted.until)
        for earlier, later in pairwise(around):
            if later.opens in wanted:
                after = min(after, earlier.closes - timedelta.resolution)
            if earlier.late in wanted:
                until = max(until, later.opens)
        return Span(after, until)

    def _around(self, first: datetime, last: datetime) -> Sequence[Opening]:
        """Return the times around these moments, in order; those that touch are one."""
        day = first.astimezone(self.zone).date() - _AROUND * _DAY
        days = (last.astimezone(self.zone).date() - day).days + _AROUND
        found: list[Opening] = []
        for opening in (self._on(day + number * _DAY, period) for number in range(days + 1) for period in self.periods):
            if found and found[-1].closes >= opening.opens:
                found[-1] = Opening(found[-1].opens, opening.closes)
            else:
                found.append(opening)
        return found

    def _on(self, day: date, period: Period) -> Opening:
        opens = wall_time(day, period.opens, self.zone)
        if period.closes == time.max:
            return Opening(opens, wall_time(day + _DAY, time.min, self.zone))
        return Opening(opens, wall_time(day, period.closes, self.zone))
