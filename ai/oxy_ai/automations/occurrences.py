"""When what an automation writes is due. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from oxy_ai.automations.definition import Automation, Rule, Trigger
from oxy_ai.automations.delays import wall_time
from oxy_ai.automations.hours import SendingHours, Span

_DAY: Final = timedelta(days=1)
_CLOCKS: Final = timedelta(hours=3)
"""By which a day may be longer or shorter where the clock changes."""
_LEAP_DAY: Final = (2, 29)


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that an automation may be about: a booking, a birthday, a customer."""

    contact: int
    key: str
    """Which one: ``booking:7``."""
    occurrence: str
    """Which time of it: a reminder of a booking that was moved is another one."""
    anchor: datetime
    """What the delay counts from."""
    known_since: datetime | None = None
    """When the customer heard of a booking's time; None: it does not matter."""
    booking: int | None = None
    starts_at: datetime | None = None
    service: str = ""
    name: str = ""
    """For whom or what, in the words of the vertical."""
    by_business: bool = False
    """The customer has not booked it in his chat."""
    month_only: bool = False
    """Of a birthday only the month is known."""


@dataclass(frozen=True, slots=True)
class Due:
    """An occurrence of an automation."""

    subject: Subject
    at: datetime
    until: datetime
    """From then on it is too late."""


def due_of(automation: Automation, rule: Rule, subject: Subject, hours: SendingHours) -> Due | None:
    """Return when an automation is due about something; None: it is not, whenever it is."""
    raw = _raw(automation, rule, subject.anchor, hours.zone)
    start = subject.starts_at if automation.trigger is Trigger.BEFORE_BOOKING else None
    at = hours.moved(raw, start)
    if at is None or not _is_meant(automation, subject, min(at, raw)):
        return None
    late = automation.latest.after(at, hours.zone)
    return Due(
        subject, at, late if subject.starts_at is None or not _must_begin(automation) else min(late, subject.starts_at)
    )


def anchors_of(automation: Automation, rule: Rule, due: Span, hours: SendingHours) -> Span | None:
    """Return the span of all anchors of which something may be due in a span; None: nothing is."""
    raw = hours.sources(due)
    if automation.at is not None and not _has_clock(automation.at, raw, hours.zone):
        return None
    slack = _DAY + _CLOCKS if automation.at is not None else _CLOCKS if rule.delay.days else timedelta()
    shift = rule.delay.about if automation.trigger is Trigger.BEFORE_BOOKING else -rule.delay.about
    return Span(raw.after + shift - slack, raw.until + shift + slack)


def _raw(automation: Automation, rule: Rule, anchor: datetime, zone: ZoneInfo) -> datetime:
    way = rule.delay.before if automation.trigger is Trigger.BEFORE_BOOKING else rule.delay.after
    return way(anchor, zone, automation.at)


def _must_begin(automation: Automation) -> bool:
    """Whether it is of no use once the booking begins."""
    return automation.trigger in {Trigger.BEFORE_BOOKING, Trigger.BOOKING_MADE}


def _is_meant(automation: Automation, subject: Subject, due: datetime) -> bool:
    if automation.trigger is Trigger.BOOKING_MADE:
        return subject.by_business or automation.condition.booked_by == "anybody"
    if automation.trigger is Trigger.BIRTHDAY:
        return not subject.month_only or automation.text_for_month is not None
    known = subject.known_since
    return known is None or due >= known + automation.condition.booked_for.about


def _has_clock(clock: time, span: Span, zone: ZoneInfo) -> bool:
    day = span.after.astimezone(zone).date()
    while day <= span.until.astimezone(zone).date():
        if wall_time(day, clock, zone) in span:
            return True
        day += _DAY
    return False


# -- birthdays


def days_in(span: Span, zone: ZoneInfo) -> list[date]:
    """Return the days on which something may be due in a span."""
    first = span.after.astimezone(zone).date()
    return [first + number * _DAY for number in range((span.until.astimezone(zone).date() - first).days + 1)]


def born_on(day: date) -> tuple[str, ...]:
    """Return which birthdays are greeted on a day, as MM-DD, or MM if only the month is known.

    Who was born on 29 February is greeted on 28 February of other years; of whom only the month is known, on its first.
    """
    found = [f"{day:%m-%d}"]
    if (day + _DAY).month == 3 and (day.month, day.day) != _LEAP_DAY and day.month == 2:  # noqa: PLR2004 March, February
        found.append("02-29")
    return (*found, f"{day:%m}") if day.day == 1 else tuple(found)
