"""When something that happens again and again is due, in a time zone whose clocks change. Pure.

By cronsim, as Debian's cron: what would be due in an hour that clocks skip is due when they have skipped it, what would
be due in one that they repeat is due the first time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim

_WEEK: Final = 7
"""Days; in cron's weekdays Sunday is 0, ISO's 7."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is due."""

    cron: str
    """Minute, hour, day of month, month, weekday."""
    timezone: ZoneInfo

    @classmethod
    def daily(cls, at: str, timezone: ZoneInfo) -> Self:
        """Return a schedule of each day at HH:MM."""
        return cls(f"{_minute_and_hour(at)} * * *", timezone)

    @classmethod
    def weekly(cls, weekday: int, at: str, timezone: ZoneInfo) -> Self:
        """Return a schedule of each week; `weekday` as ISO counts: Monday is 1."""
        return cls(f"{_minute_and_hour(at)} * * {weekday % _WEEK}", timezone)

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after a moment, in the schedule's zone."""
        return next(self._after(moment))

    def latest(self, first: datetime, now: datetime) -> datetime:
        """Return the last time until now, `first` being one of them."""
        found = first
        for at in self._after(first):
            if at.astimezone(UTC) > now:
                break
            found = at
        return found.astimezone(self.timezone)

    def _after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after a moment; within a repeated hour cronsim begins with those that are over."""
        after = moment.astimezone(UTC)
        return (at for at in CronSim(self.cron, moment.astimezone(self.timezone)) if at.astimezone(UTC) > after)


def _minute_and_hour(at: str) -> str:
    hour, minute = map(int, at.split(":"))
    return f"{minute} {hour}"
