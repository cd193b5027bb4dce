"""What a job about an occurrence has to know, read in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from asyncpg import Record

from oxy_ai.assistants.roles import is_one_of
from oxy_ai.automations.decision import Assistant, Dropped, Recipient
from oxy_ai.automations.definition import Automation
from oxy_ai.automations.hours import Span
from oxy_ai.automations.occurrences import Due
from oxy_ai.automations.store import kept_of
from oxy_ai.automations.subjects import Business, Wanted, due_subjects
from oxy_ai.database import Connection
from oxy_core.envelopes import InstanceSettings

TOGETHER: Final = timedelta(hours=2)
"""What is due to one customer within so long of another thing of the same automation is told with it."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A row of automation_occurrences, and what it is about as that is now."""

    id: int
    automation: str
    subject: str
    occurrence: str
    contact: int
    due_at: datetime
    state: str
    starts_at: datetime | None
    status: str | None
    """Of its booking; None: it has none."""
    starts_now: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that decides about an occurrence."""

    occurrence: Occurrence
    automation: Automation | None
    recipient: Recipient
    due: tuple[Due, ...]
    """What is to be told with it, itself among them; none: it is not due any more."""

    @property
    def own(self) -> Due | None:
        """Return when it is due itself."""
        mine = self.occurrence
        return next(
            (d for d in self.due if (d.subject.key, d.subject.occurrence) == (mine.subject, mine.occurrence)), None
        )

    @property
    def gone(self) -> Dropped:
        """Return why it is not due any more."""
        mine = self.occurrence
        if self.automation is None:
            return Dropped.DISABLED
        if mine.status == "cancelled":
            return Dropped.CANCELLED
        if mine.starts_at != mine.starts_now:
            return Dropped.MOVED
        return Dropped.NOT_DUE


_OCCURRENCE: Final = """
select o.id, o.automation, o.subject, o.occurrence, o.contact_id as contact, o.due_at, o.state, o.starts_at, b.status,
    b.starts_at as starts_now, clock_timestamp() as now
from automation_occurrences o
left join bookings b on b.organization_id = o.organization_id and b.id = o.booking_id
where o.organization_id = $1 and o.id = $2
"""

_RECIPIENT: Final = """
select c.id as contact, c.name, c.phone, c.opt_out, is_private(c) as private, is_owner(c) as owner, v.human_until,
    v.last_inbound_at
from contacts c
left join lateral (
    select n.human_until, n.last_inbound_at from conversations n
    where n.organization_id = c.organization_id and n.contact_id = c.id and n.merged_into is null
    order by n.last_message_at desc nulls last limit 1
) v on true
where c.organization_id = $1 and c.id = any ($2)
"""


async def read_occurrence(connection: Connection, organization: UUID, number: int) -> Occurrence | None:
    """Return an occurrence; None: it was erased."""
    row = await connection.fetchrow(_OCCURRENCE, organization, number)
    return None if row is None else Occurrence(**dict(row))


async def read_facts(
    connection: Connection, business: Business, settings: InstanceSettings, occurrence: Occurrence
) -> Facts | None:
    """Return all that decides about an occurrence; None: its customer was erased."""
    recipients = await read_recipients(connection, business.organization, settings, [occurrence.contact])
    if not recipients:
        return None
    automation = await _automation(connection, business, occurrence.automation)
    if automation is None:
        return Facts(occurrence, None, recipients[0], ())
    span = Span(occurrence.due_at - TOGETHER, occurrence.due_at + TOGETHER)
    wanted = Wanted(span, contact=occurrence.contact, planned=True)
    found = await due_subjects(connection, business, automation, wanted)
    in_time = tuple(due for due in found.due if occurrence.now < due.until or due.at == occurrence.due_at)
    return Facts(occurrence, automation, recipients[0], in_time)


async def read_recipients(
    connection: Connection, organization: UUID, settings: InstanceSettings, contacts: Sequence[int]
) -> list[Recipient]:
    """Return customers as they are now."""
    rows = await connection.fetch(_RECIPIENT, organization, contacts)
    return [_recipient(row, settings) for row in rows]


def assistant_of(settings: InstanceSettings) -> Assistant:
    """Return how the assistant is set."""
    return Assistant(settings.ai.enabled, settings.ai.paused)


async def _automation(connection: Connection, business: Business, name: str) -> Automation | None:
    row = await connection.fetchrow(
        """
        select definition, since, changed_by from automations
        where organization_id = $1 and instance_id = $2 and name = $3
        """,
        business.organization,
        business.instance,
        name,
    )
    kept = None if row is None else kept_of(*row)
    return None if kept is None else kept.automation


def _recipient(row: Record, settings: InstanceSettings) -> Recipient:
    values = dict(row)
    phone = values.pop("phone")
    ai = settings.ai
    on_trial = ai.mode == "Live" or (ai.mode == "Only" and is_one_of(phone, ai.only_phones))
    return Recipient(**values, on_trial=on_trial)
