"""What automations may be about, found in the database by indexes. In the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from asyncpg import Record

from oxy_ai.automations.definition import Automation, Rule, Trigger
from oxy_ai.automations.delays import wall_time
from oxy_ai.automations.hours import SendingHours, Span
from oxy_ai.automations.occurrences import Due, Subject, anchors_of, born_on, days_in, due_of
from oxy_ai.automations.vertical import Automated
from oxy_ai.database import Connection
from oxy_ai.scheduling.services import named_by

MOST: Final = 500
"""Subjects that are looked for at a time, for each automation."""


@dataclass(frozen=True, slots=True)
class Business:
    """Whose customers they are."""

    organization: UUID
    instance: UUID
    zone: ZoneInfo
    quiet: Any
    """Quiet hours, as `LimitsSettings.quiet_span` has them."""
    vertical: Automated | None = None

    def hours(self, automation: Automation) -> SendingHours:
        """Return when an automation may be sent."""
        return SendingHours.of(automation.window, self.quiet, self.zone)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them."""

    due: Span
    """When they are due."""
    contact: int | None = None
    """Of this customer alone."""
    planned: bool = False
    """Whether those count that are planned and not told."""
    most: int = MOST
    """Of each rule."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is due."""

    due: tuple[Due, ...]
    more: bool = False
    """There may be others."""


_TOLD: Final = """not exists (
        select from automation_occurrences o
        where o.organization_id = $1 and o.booking_id = b.id and o.instance_id = $2 and o.automation = $5
            and o.occurrence = {occurrence} and not may_be_planned(o) and (o.state <> 'planned' or not $6)
    )"""
"""By the booking's number, not by the text of its key: row-level security keeps such expressions out of indexes."""

_BOOKINGS: Final = """
select b.contact_id as contact, 'booking:' || b.id as key, {occurrence} as occurrence, {anchor} as anchor,
    {known} as known_since, b.id as booking, b.starts_at, s.name as service,
    b.subject as name, {business} as by_business
from bookings b
join contacts c on c.organization_id = b.organization_id and c.id = b.contact_id and c.instance_id = $2
join services s on s.organization_id = b.organization_id and s.id = b.service_id
where b.organization_id = $1 and {anchor} > $3 and {anchor} <= $4 and {holds}
    and ($7::bigint is null or b.contact_id = $7) and ($8::bigint[] is null or b.service_id = any ($8))
    and {told}
order by {anchor}, b.id limit $9
"""

_NO_TURN: Final = """not exists (
        select from turns t join conversations v on v.organization_id = t.organization_id and v.id = t.conversation_id
        where t.organization_id = b.organization_id and t.id = b.turn_id and v.contact_id = b.contact_id
    )"""
_VISIT: Final = "b.starts_at > $3 - interval '25 hours' and b.starts_at <= $4 and is_visit(b)"
"""A booking lasts a day at most, which has 25 hours where the clock is put back."""
_NO_OTHER: Final = """not exists (
        select from bookings n
        where n.organization_id = b.organization_id and n.contact_id = b.contact_id and n.starts_at > b.starts_at
            and is_visit(n){same}
    )"""
_SAME: Final = """ and n.service_id = any ($8)
            and (n.subject_id = b.subject_id or lower(n.subject) = lower(b.subject))"""


def _query(anchor: str, holds: str, occurrence: str, known: str = "null::timestamptz", business: str = "false") -> str:
    told = _TOLD.format(occurrence=occurrence)
    return _BOOKINGS.format(
        anchor=anchor, holds=holds, occurrence=occurrence, known=known, business=business, told=told
    )


QUERIES: Final[Mapping[Trigger, str]] = {
    Trigger.BOOKING_MADE: _query("b.created_at", "b.status = 'confirmed'", "'made'", business=_NO_TURN),
    Trigger.BEFORE_BOOKING: _query(
        "b.starts_at",
        "b.status = 'confirmed'",
        "extract(epoch from b.starts_at)::bigint::text",
        "greatest(b.created_at, b.changed_at)",
    ),
    Trigger.NO_SHOW: _query("b.changed_at", "b.status = 'no_show' and " + _NO_OTHER.format(same=""), "'missed'"),
    Trigger.AFTER_VISIT: _query("b.ends_at", _VISIT, "'visit'"),
    Trigger.DUE_AGAIN: _query("b.ends_at", f"{_VISIT} and {_NO_OTHER.format(same=_SAME)}", "'due'"),
    Trigger.INACTIVE: _query("b.ends_at", f"{_VISIT} and {_NO_OTHER.format(same='')}", "'absent'"),
    Trigger.WELCOME: """
select c.id as contact, 'contact:' || c.id as key, 'first' as occurrence, c.created_at as anchor,
    null::timestamptz as known_since, null::bigint as booking, null::timestamptz as starts_at, '' as service,
    '' as name, false as by_business
from contacts c
where c.organization_id = $1 and c.instance_id = $2 and c.created_at > $3 and c.created_at <= $4
    and ($7::bigint is null or c.id = $7) and $8::bigint[] is null
    and exists (
        select from conversations v join messages m on m.conversation_id = v.id
        where v.organization_id = c.organization_id and v.contact_id = c.id and v.merged_into is null
            and m.author = 'customer' and m.reason is distinct from before_pairing()
    )
    and not exists (
        select from automation_occurrences o
        where o.organization_id = $1 and o.contact_id = c.id and o.instance_id = $2 and o.automation = $5
            and not may_be_planned(o) and (o.state <> 'planned' or not $6)
    )
order by c.created_at, c.id limit $9
""",
}
"""By trigger. The parameters: organization, instance, the anchors' span, automation, whether what is planned and not
told is found, contact, services, and how many."""


async def due_subjects(connection: Connection, business: Business, automation: Automation, wanted: Wanted) -> Found:
    """Return what an automation is due about."""
    hours = business.hours(automation)
    if automation.trigger is Trigger.BIRTHDAY:
        greeted = await _birthdays(connection, business, automation, wanted)
        return Found(tuple(_due_in(automation, automation.rules[0], greeted, hours, wanted)))
    found: list[Due] = []
    more = False
    for rule in automation.rules:
        rows = await _rows(connection, business, automation, rule, wanted)
        more |= len(rows) == wanted.most
        found += _due_in(automation, rule, [_subject(row) for row in rows], hours, wanted)
    return Found(tuple(found), more)


def _due_in(
    automation: Automation, rule: Rule, subjects: Sequence[Subject], hours: SendingHours, wanted: Wanted
) -> list[Due]:
    all_due = (due_of(automation, rule, subject, hours) for subject in subjects)
    return [due for due in all_due if due is not None and due.at in wanted.due]


async def _rows(
    connection: Connection, business: Business, automation: Automation, rule: Rule, wanted: Wanted
) -> Sequence[Record]:
    anchors = anchors_of(automation, rule, wanted.due, business.hours(automation))
    if anchors is None:
        return []
    services = await service_ids(connection, business.organization, rule.services) if rule.services else None
    return await connection.fetch(
        QUERIES[automation.trigger],
        business.organization,
        business.instance,
        anchors.after,
        anchors.until,
        automation.name,
        wanted.planned,
        wanted.contact,
        services,
        wanted.most,
    )


@dataclass(frozen=True, slots=True)
class KnownService:
    """A service that is or was offered."""

    id: int
    key: str
    name: str


async def known_services(connection: Connection, organization: UUID) -> list[KnownService]:
    """Return all services, also those that are not offered any more: they were done."""
    rows = await connection.fetch(
        "select id, key, name from services where organization_id = $1 order by id", organization
    )
    return [KnownService(*row) for row in rows]


async def service_ids(connection: Connection, organization: UUID, words: Sequence[str]) -> list[int]:
    """Return the services that these words name."""
    services = await known_services(connection, organization)
    return sorted({service.id for word in words for service in named_by(services, word)})


def _subject(row: Record) -> Subject:
    return Subject(**dict(row))


async def _birthdays(
    connection: Connection, business: Business, automation: Automation, wanted: Wanted
) -> list[Subject]:
    span = business.hours(automation).sources(wanted.due)
    clock = automation.at
    days = {
        birthday: day
        for day in days_in(span, business.zone)
        if clock is not None and wall_time(day, clock, business.zone) in span
        for birthday in born_on(day)
    }
    if business.vertical is None or not days or clock is None:
        return []
    born = await business.vertical.born(connection, business.organization, business.instance, sorted(days))
    subjects = [
        Subject(
            contact=item.contact,
            key=item.key,
            occurrence=f"{days[item.birthday].year}",
            anchor=wall_time(days[item.birthday], clock, business.zone),
            name=item.name,
            month_only="-" not in item.birthday,
        )
        for item in born
        if wanted.contact in {None, item.contact}
    ]
    return await _untold(connection, business, automation, subjects, wanted)


async def _untold(
    connection: Connection, business: Business, automation: Automation, subjects: Sequence[Subject], wanted: Wanted
) -> list[Subject]:
    told = await connection.fetch(
        """
        select subject, occurrence from automation_occurrences o
        where instance_id = $1 and automation = $2 and subject = any ($3) and not may_be_planned(o)
            and (state <> 'planned' or not $4)
        """,
        business.instance,
        automation.name,
        [subject.key for subject in subjects],
        wanted.planned,
    )
    known = {(row["subject"], row["occurrence"]) for row in told}
    return [subject for subject in subjects if (subject.key, subject.occurrence) not in known]
