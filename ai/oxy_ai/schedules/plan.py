"""Which schedules an instance has by its settings, and what is to be done about them at a moment. Pure.

Decided anew from the whole each time, so it does not matter how often or by whom: what has fired once fires under the
same key again, and a job's key counts once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from oxy_ai.schedules.due import Timing
from oxy_ai.timezones import zone_or_default
from oxy_core.envelopes import InstanceSettings
from oxy_core.instance.settings import AuroraSettings

AGENDA_AT: Final = "11:00"
"""When the next day's agenda is looked at: late enough that most of it is known, early enough to fill it."""
OPPORTUNITIES_AT: Final = "10:00"
OPPORTUNITIES_WEEKDAY: Final = 3
"""Wednesday: the weekly report is two days old, and the weekend can still be filled."""
BUDGET_AT: Final = "09:00"
LONGEST_UNTOLD_OUTAGE: Final = timedelta(minutes=15)
"""How long a connection may be lost before owners hear of it: customers wait for an answer about as long."""
OUTAGE_IS_NEWS: Final = timedelta(days=1)
"""How long after it has come back they do."""


class ScheduleName(StrEnum):
    """What Aurora writes on her own: the names of schedules and of the kinds of their jobs."""

    DAILY_SUMMARY = "daily_summary"
    WEEKLY_REPORT = "weekly_report"
    EMPTY_AGENDA = "empty_agenda"
    OPPORTUNITIES = "opportunities"
    BUDGET_WARNING = "budget_warning"
    CONNECTION_WARNING = "connection_warning"


OF_ORGANIZATION: Final = frozenset(
    {
        ScheduleName.DAILY_SUMMARY,
        ScheduleName.WEEKLY_REPORT,
        ScheduleName.EMPTY_AGENDA,
        ScheduleName.OPPORTUNITIES,
    }
)
"""Reports of all that an organization does, whichever of its numbers an owner gets them from."""


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule as it is kept."""

    name: ScheduleName
    cron: str
    timezone: str
    due_at: datetime
    last_due_at: datetime | None = None
    """The newest time that it has fired for."""


@dataclass(frozen=True, slots=True)
class Outage:
    """When the connection was lost, and came back."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Firing:
    """A report that is to be written now."""

    name: ScheduleName
    due_at: datetime
    """The time that it is for, in the instance's time zone; of several that were missed the last one."""

    @property
    def key(self) -> str:
        """What tells it from the others of its name: there is one a day, however often the time is changed."""
        return f"{self.due_at:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """What is to be kept and done."""

    rows: tuple[ScheduleRow, ...]
    """All schedules that there are from now on."""
    firings: tuple[Firing, ...]

    @property
    def wake_at(self) -> datetime | None:
        """When they have to be looked at next; None: when the settings change."""
        return min((row.due_at for row in self.rows), default=None)


def is_on(settings: InstanceSettings, name: ScheduleName) -> bool:
    """Return whether owners of this instance get such a report at all."""
    if settings.suspended or not settings.ai.enabled or not settings.ai.aurora.enabled:
        return False
    if name is ScheduleName.BUDGET_WARNING and settings.ai.monthly_budget_microdollars is None:
        return False
    return _switch(settings.ai.aurora, name)


def _switch(aurora: AuroraSettings, name: ScheduleName) -> bool:
    match name:
        case ScheduleName.DAILY_SUMMARY:
            return aurora.daily_summary.enabled
        case ScheduleName.WEEKLY_REPORT:
            return aurora.weekly_report.enabled
        case ScheduleName.EMPTY_AGENDA:
            return aurora.empty_agenda.enabled
        case ScheduleName.OPPORTUNITIES:
            return aurora.opportunities.enabled
        case ScheduleName.BUDGET_WARNING | ScheduleName.CONNECTION_WARNING:
            return aurora.warnings.enabled


def timings(settings: InstanceSettings) -> Mapping[ScheduleName, Timing]:
    """Return the schedules that an instance has."""
    aurora, zone = settings.ai.aurora, zone_or_default(settings.timezone)
    weekly = aurora.weekly_report
    known = {
        ScheduleName.DAILY_SUMMARY: Timing.daily(aurora.daily_summary.at, zone),
        ScheduleName.WEEKLY_REPORT: Timing.weekly(weekly.weekday, weekly.at, zone),
        ScheduleName.EMPTY_AGENDA: Timing.daily(AGENDA_AT, zone),
        ScheduleName.OPPORTUNITIES: Timing.weekly(OPPORTUNITIES_WEEKDAY, OPPORTUNITIES_AT, zone),
        ScheduleName.BUDGET_WARNING: Timing.daily(BUDGET_AT, zone),
    }
    return {name: timing for name, timing in known.items() if is_on(settings, name)}


def plan(
    settings: InstanceSettings | None, rows: Sequence[ScheduleRow], now: datetime, outage: Outage | None = None
) -> SchedulePlan:
    """Return what is to be done at a moment; `settings` None: the instance is closed.

    `outage` is the last one that is over. A time that was missed, by however much, fires once. A schedule that is new,
    or whose settings have changed, is due the next time that they say.
    """
    kept = {row.name: row for row in rows}
    planned: list[ScheduleRow] = []
    firings = [] if settings is None or outage is None else _news(settings, outage, now)
    for name, timing in ({} if settings is None else timings(settings)).items():
        row = kept.get(name)
        fired = None if row is None or row.due_at > now else _firing(row, timing, now)
        firings += [fired] if fired else []
        last = fired.due_at if fired else row.last_due_at if row else None
        planned.append(ScheduleRow(name, timing.cron, timing.timezone.key, timing.next_after(now), last))
    return SchedulePlan(tuple(planned), tuple(firings))


def _firing(row: ScheduleRow, timing: Timing, now: datetime) -> Firing:
    missed = Timing(row.cron, zone_or_default(row.timezone)).latest(row.due_at, now)
    return Firing(row.name, missed.astimezone(timing.timezone))


def _news(settings: InstanceSettings, outage: Outage, now: datetime) -> list[Firing]:
    """Return the warning of an outage: of the first one of a day alone, so that a bad day is no flood of messages."""
    is_news = outage.until - outage.since >= LONGEST_UNTOLD_OUTAGE and now - outage.until < OUTAGE_IS_NEWS
    if not is_news or not is_on(settings, ScheduleName.CONNECTION_WARNING):
        return []
    back = outage.until.astimezone(zone_or_default(settings.timezone))
    return [Firing(ScheduleName.CONNECTION_WARNING, back)]
