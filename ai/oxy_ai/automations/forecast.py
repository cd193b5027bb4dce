"""What automations would write in the coming days, to whom and why, and why not to others. Nothing is planned."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from oxy_ai.automations.decision import Deliver, Drop, Recipient, decide_by_room, refusal
from oxy_ai.automations.definition import Automation, Trigger
from oxy_ai.automations.facts import TOGETHER, assistant_of, read_recipients
from oxy_ai.automations.hours import Span
from oxy_ai.automations.occurrences import Due
from oxy_ai.automations.subjects import Business, Wanted, due_subjects
from oxy_ai.automations.wording import described, people_of, text_for
from oxy_ai.database import Connection
from oxy_ai.reputation import Purpose, Room, proactive_rooms
from oxy_ai.sanitize import person_name
from oxy_core.envelopes import InstanceSettings

MOST: Final = 2_000
"""Subjects of each automation that are looked at."""

_SINCE: Final[Mapping[Trigger, str]] = {
    Trigger.BOOKING_MADE: "after it was booked",
    Trigger.BEFORE_BOOKING: "before it begins",
    Trigger.NO_SHOW: "after it was marked that nobody came",
    Trigger.AFTER_VISIT: "after the visit",
    Trigger.DUE_AGAIN: "after the visit, and not booked since",
    Trigger.BIRTHDAY: "on the birthday",
    Trigger.INACTIVE: "after the last visit, and nothing is booked",
    Trigger.WELCOME: "after the first message",
}


class Forecast(BaseModel):
    """A message that would be sent, or not."""

    automation: str
    at: datetime
    """When it is due, in the business's time zone."""
    customer: str
    about: list[str]
    because: str
    text: str | None = None
    not_sent: str | None = None
    """Why it would not be; None: it would."""
    waits_for: str | None = None
    """Why the number's budget, as it is now, has no room for it then; as `oxy_ai.reputation.WaitingTexts.why`."""
    waits_until: datetime | None = None
    """When it has; None: it has then, or once somebody has done something."""


@dataclass(frozen=True, slots=True)
class _Group:
    """What one customer would be told at a time."""

    automation: Automation
    due: tuple[Due, ...]

    @property
    def contact(self) -> int:
        """Return whom it is told to."""
        return self.due[0].subject.contact

    @property
    def purpose(self) -> Purpose:
        """Return what it counts as."""
        return Purpose(self.automation.counts_as)


@dataclass(slots=True)
class _Budget:
    """The number's room for each customer, as it is now, and the promotions that are foretold."""

    rooms: Mapping[tuple[Purpose, int], Room]
    interval: timedelta
    """Between two promotions to one customer."""
    promoted: dict[int, datetime] = field(default_factory=dict)

    def room_for(self, group: _Group) -> Room:
        room, before = self.rooms[group.purpose, group.contact], self.promoted.get(group.contact)
        if before is None or group.purpose is not Purpose.PROMOTION or room.at is None:
            return room
        return max(room, Room(before + self.interval, "interval"))

    def take(self, group: _Group, room: Room) -> None:
        if group.purpose is Purpose.PROMOTION:
            self.promoted[group.contact] = max(group.due[0].at, room.at or group.due[0].at)


async def forecast(
    connection: Connection,
    business: Business,
    settings: InstanceSettings,
    automations: Sequence[Automation],
    coming: Span,
) -> list[Forecast]:
    """Return what these automations would write, were they all switched on, in order of time."""
    groups: list[_Group] = []
    for automation in automations:
        found = await due_subjects(connection, business, automation, Wanted(coming, planned=True, most=MOST))
        groups += _together(automation, found.due)
    groups.sort(key=lambda group: (group.due[0].at, group.automation.name))
    contacts = sorted({group.contact for group in groups})
    recipients = {to.contact: to for to in await read_recipients(connection, business.organization, settings, contacts)}
    budget = await _budget(connection, business, settings, groups)
    told = [
        _with_room(line, group, business, budget)
        for group in groups
        if (line := _told(business, settings, group, recipients.get(group.contact))) is not None
    ]
    return sorted(told, key=lambda line: (line.at, line.automation))


async def _budget(
    connection: Connection, business: Business, settings: InstanceSettings, groups: Sequence[_Group]
) -> _Budget:
    rooms: dict[tuple[Purpose, int], Room] = {}
    for purpose in {group.purpose for group in groups}:
        contacts = sorted({group.contact for group in groups if group.purpose is purpose})
        found = await proactive_rooms(connection, business.organization, business.instance, contacts, purpose)
        rooms |= {(purpose, contact): room for contact, room in found.items()}
    return _Budget(rooms, timedelta(days=settings.limits.proactive_interval_days))


def _with_room(line: Forecast, group: _Group, business: Business, budget: _Budget) -> Forecast:
    """Return a line with what the number's budget makes of it, as the job decides it."""
    if line.not_sent is not None:
        return line
    room, due = budget.room_for(group), group.due[0]
    decision = decide_by_room(room, group.purpose, due.at, due.until)
    if isinstance(decision, Drop):
        return line.model_copy(update={"text": None, "not_sent": decision.why.value, "waits_for": room.why})
    budget.take(group, room)
    if isinstance(decision, Deliver):
        return line
    until = None if room.at is None else room.at.astimezone(business.zone)
    return line.model_copy(update={"waits_for": room.why, "waits_until": until})


def _together(automation: Automation, due: Sequence[Due]) -> Iterator[_Group]:
    """Yield what is told at once, as the jobs do it."""
    waiting = sorted(due, key=lambda item: (item.subject.contact, item.at))
    while waiting:
        first = waiting[0]
        until = first.at + TOGETHER
        same = [item for item in waiting if item.subject.contact == first.subject.contact and item.at <= until]
        yield _Group(automation, tuple(same))
        waiting = waiting[len(same) :]


def _told(business: Business, settings: InstanceSettings, group: _Group, to: Recipient | None) -> Forecast | None:
    if to is None:
        return None
    automation = group.automation
    subjects = [item.subject for item in group.due]
    aliases = {} if business.vertical is None else business.vertical.automation_variables()
    filled = text_for(automation, subjects, people_of(to.name, settings.display_name), aliases, business.zone)
    unknown = f"unknown: {', '.join(filled.missing)}" if filled.missing else None
    refused = refusal(automation.model_copy(update={"enabled": True}), to, assistant_of(settings))
    not_sent = refused.value if refused is not None else unknown
    return Forecast(
        automation=automation.name,
        at=group.due[0].at.astimezone(business.zone),
        customer=person_name(to.name) or f"contact {to.contact}",
        about=[described(subject, business.zone) or subject.name or subject.key for subject in subjects],
        because=_because(automation, group.due[0], business),
        text=filled.text if not_sent is None else None,
        not_sent=not_sent,
    )


def _because(automation: Automation, due: Due, business: Business) -> str:
    delay = ", ".join(dict.fromkeys(str(rule.delay) for rule in automation.rules if rule.delay.about))
    words = f"{delay} {_SINCE[automation.trigger]}".strip()
    anchor = due.subject.anchor.astimezone(business.zone)
    return f"{words}: {anchor:%Y-%m-%d %H:%M}"


def coming(now: datetime, days: int) -> Span:
    """Return the next days."""
    return Span(now, now + timedelta(days=days))
