"""A pet shop that writes without being asked: its phones, what its people order, and what it has sent.

Days are shifted, not waited for: bookings are made as they would stand when their message is due.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from chaos.unasked.audit import Budget, Entry, Row
from chaos.unasked.forking import administer
from chaos.unasked.promises import Promise

from oxy_ai.ids import organization_id
from oxy_dev.conversation import ask
from oxy_dev.stack import Stack
from oxy_operator.decide.instance import Instance
from oxy_simulator.client import SimulatorClient

CAMPAIGN: Final = """
version: 1
name: {name}
segment: {segment}
text: "Oi, {{nome|tudo bem}}! Aqui é da {{loja}}: {name}."
cap: {cap}
consent: {{basis: existing_customer, source: quem já escreveu}}
"""
BOOK: Final = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    changed_at, status)
select $1, c.id, s.id, $3, s.price_cents, now() + $5, now() + $5 + interval '1 hour', now() - $6::interval,
    now() - $7::interval, $8
from services s, contacts c
where s.organization_id = $1 and s.key = $4 and c.organization_id = $1 and c.phone = $2
returning id, starts_at
"""
QUIETLY: Final = """
update conversations set last_message_at = last_message_at - interval '1 day',
    last_inbound_at = last_inbound_at - interval '1 day'
where organization_id = $1
"""
ROWS: Final = """
select coalesce(c.phone, '') as phone, o.state, o.whatsapp_id, o.purpose, o.reference, o.position,
    coalesce(o.body, o.content::text) as said, extract(epoch from o.released_at)::float8 as released_at,
    coalesce(o.error, o.refusal) as error, extract(epoch from o.created_at)::float8 as queued_at
from outbox o
join conversations v on v.organization_id = o.organization_id and v.id = o.conversation_id
join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
where o.organization_id = $1
"""
OPEN_WORK: Final = """
select concat_ws(' ', 'text', reference, state, held_for, held_until) from outbox
where organization_id = $1 and (state in ('pending', 'accepted')
    or state = 'held' and coalesce(held_for, '') not in ('day', 'interval') and (purpose <> 'promotion' or (
        select count(*) from outbox
        where organization_id = $1 and purpose = 'promotion' and released_until is not null
    ) < $2))
union all
select concat_ws(' ', 'job', kind, key, reason, due_at) from jobs
where organization_id = $1 and state = 'waiting' and due_at < now() + interval '10 minutes'
union all
select concat_ws(' ', 'schedule', name, due_at) from schedules where organization_id = $1 and due_at <= now()
union all
select concat_ws(' ', 'automation', automation, subject) from automation_occurrences
where organization_id = $1 and state = 'planned' and due_at < now() + interval '10 minutes'
"""
FORGOTTEN: Final = """
select concat_ws(' ', 'recipient', r.id, 'of', c.name, r.state, r.why, o.state, j.state) from campaign_recipients r
join campaigns c on c.organization_id = r.organization_id and c.id = r.campaign_id
left join outbox o on o.organization_id = r.organization_id and o.id = r.outbox_id
left join jobs j on j.organization_id = r.organization_id and j.kind = 'campaign_text'
    and j.key = concat_ws(':', r.campaign_id, r.id, r.round)
where r.organization_id = $1 and not coalesce(
    r.state = 'queued' and o.state in ('held', 'sent', 'delivered', 'read', 'ambiguous')
    or r.state = 'waiting' and j.state = 'waiting'
    or c.state = 'cancelled' and (r.state = 'cancelled' or o.state in ('withheld', 'expired'))
    or r.why = 'OptedOut' or o.error = 'OptedOut', false)
union all
select concat_ws(' ', 'job', kind, key, 'is', state, reason) from jobs
where organization_id = $1 and (state = 'dead' or lease_until is not null
    or state = 'cancelled' and kind not in ('campaign_text', 'automation'))
union all
select 'turn ' || id || ' is dead' from turns where organization_id = $1 and state = 'dead'
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a booking stands; times are ago."""

    status: str = "confirmed"
    service: str = "consulta"
    made: timedelta = timedelta(days=9)
    changed: timedelta | None = None


USUAL: Final = Standing()


class Booked(NamedTuple):
    """A booking that was made."""

    number: int
    starts_at: datetime


@dataclass
class UnaskedShop:
    """A business, its phones, and what they are to show at the end."""

    stack: Stack
    simulator: SimulatorClient
    tenant: Instance
    customers: Sequence[str]
    quiet: tuple[float, float] | None = None
    """Beginning and end of the quiet hours that fall into the run."""
    promises: list[Promise] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What was seen during the run that must not be."""

    @property
    def organization(self) -> UUID:
        """Under which its rows are kept."""
        return organization_id(self.tenant.spec.organization_id)

    @property
    def zone(self) -> ZoneInfo:
        """Of its clocks."""
        return ZoneInfo(self.tenant.spec.timezone)

    @property
    def owner(self) -> str:
        """Who gets its reports."""
        return self.tenant.spec.owners[0]

    @property
    def budget(self) -> Budget:
        """What its number may do today, which is the first day."""
        limits = self.tenant.spec.limits
        per_day = min((limits.campaign_per_day, *limits.warm_up[:1]))
        return Budget(limits.outbound_per_minute, per_day, self.quiet)

    async def open(self) -> None:
        """Get to know the customers and the owner, and let a day pass."""
        people = (*self.customers, self.owner)
        for phone in people:
            await self.simulator.add_phone(phone, f"Cliente {phone[-3:]}")
        await asyncio.gather(*(ask(self.simulator, phone, self.tenant.spec.phone_number, "Oi") for phone in people))
        await self.execute(QUIETLY, self.organization)

    async def catalog(self, text: str) -> None:
        """Apply a catalog."""
        whose = ("--organization", self.tenant.spec.organization_id)
        await administer(self.stack.worker_settings, "catalog", "apply", *whose, stdin=text)

    async def switch_on(self, automations: Sequence[str]) -> None:
        """Switch automations on, as if that had been hours ago."""
        lines = "\n".join(f"  - {{name: {name}, enabled: true}}" for name in automations)
        await self.admin("automation", "apply", stdin=f"automations:\n{lines}\n")
        await self.execute(
            "update automations set since = since - interval '8 hours' where organization_id = $1", self.organization
        )

    async def admin(self, *arguments: str, stdin: str = "") -> str:
        """Run ``python -m oxy_ai.admin`` for its instance, as `oxy` does."""
        whose = ("--organization", self.tenant.spec.organization_id, "--instance", self.tenant.name)
        return await administer(self.stack.worker_settings, *arguments, *whose, stdin=stdin)

    async def campaign(self, verb: str, name: str, *, segment: str | None = None, cap: int = 500) -> dict[str, Any]:
        """Order something about a campaign; `segment` None: one that is known."""
        order = {"organization": self.tenant.spec.organization_id, "instance": self.tenant.name, "verb": verb}
        said = {"name": name} if segment is None else {"text": CAMPAIGN.format(name=name, segment=segment, cap=cap)}
        answer = await administer(self.stack.worker_settings, "campaign", stdin=json.dumps(order | said) + "\n")
        found: dict[str, Any] = json.loads(answer)
        return found

    async def book(self, phone: str, pet: str, ahead: timedelta, standing: Standing = USUAL) -> Booked:
        """Have a booking, which begins so far ahead."""
        service, made, changed, status = standing.service, standing.made, standing.changed, standing.status
        [row] = await self.records(BOOK, self.organization, phone, pet, service, ahead, made, changed, status)
        return Booked(*row)

    async def settled(self, seconds: float) -> None:
        """Wait until nothing is under way that no budget holds."""
        deadline = time.monotonic() + seconds
        while left := await self.fetch(OPEN_WORK, self.organization, self.budget.per_day):
            assert time.monotonic() < deadline, left
            await asyncio.sleep(1)

    async def until(self, sql: str, *arguments: object, seconds: float = 600) -> None:
        """Wait until a query finds something."""
        deadline = time.monotonic() + seconds
        while not await self.fetch(sql, *arguments):
            assert time.monotonic() < deadline, sql
            await asyncio.sleep(0.5)

    async def execute(self, sql: str, *arguments: object) -> None:
        """Change the database, as its owner."""
        await self.records(sql, *arguments)

    async def script(self, sql: str) -> None:
        """Run several statements, as its owner."""
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def together(self, *statements: tuple[object, ...]) -> None:
        """Change the database in one transaction, as its owner; each statement comes with its arguments."""
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            async with connection.transaction():
                for sql, *arguments in statements:
                    await connection.execute(str(sql), *arguments)
        finally:
            await connection.close()

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Ask the database for a column, as its owner."""
        return [row[0] for row in await self.records(sql, *arguments)]

    async def records(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Ask the database, or change it, as its owner."""
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            return found
        finally:
            await connection.close()

    async def rows(self) -> list[Row]:
        """Return all texts that were ever queued."""
        return [Row(**dict(row)) for row in await self.records(ROWS, self.organization)]

    async def forgotten(self) -> list[str]:
        """Return what nobody would ever do any more."""
        return await self.fetch(FORGOTTEN, self.organization)

    async def inboxes(self) -> dict[str, list[Entry]]:
        """Return what the business has sent to each phone."""
        return {
            phone: [
                Entry(message.id, message.text, message.at)
                for message in await self.simulator.inbox(phone)
                if not message.from_me and message.kind != "reaction"
            ]
            for phone in (*self.customers, self.owner)
        }


def quiet_minute(now: datetime, ahead: timedelta) -> tuple[datetime, datetime]:
    """Return the first whole minute that begins so far ahead, or later."""
    begin = (now + ahead + timedelta(minutes=1)).replace(second=0, microsecond=0)
    return begin, begin + timedelta(minutes=1)
