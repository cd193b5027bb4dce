"""A pet shop that writes without being asked all the time: two campaigns, reminders of its bookings, reports to owners.

Days are shifted, not waited for: bookings are made as they would stand shortly before their reminder, reports are due
now.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
from chaos.unasked import Budget, Entry, Row

from oxy_dev.conversation import ask
from oxy_dev.stack import Stack
from oxy_simulator.client import SimulatorClient

ZONE: Final = ZoneInfo("America/Sao_Paulo")
CUSTOMERS: Final = tuple(f"+55119123400{number:02}" for number in range(20))
FIRST_CAMPAIGN: Final = 12
"""Recipients of the first campaign; the second has all customers, and nobody gets two in a week."""
PER_DAY: Final = 16
"""Promotions a day at most: some of the second campaign's wait for tomorrow, or for next week."""
PER_MINUTE: Final = 60
SETTLE_SECONDS: Final = 300.0

CAMPAIGN: Final = """
version: 1
name: {name}
segment: {{}}
text: "Oi, {{nome|tudo bem}}! Aqui é da {{loja}}: {name}."
cap: {cap}
consent: {{basis: existing_customer, source: quem já escreveu}}
"""
AUTOMATIONS: Final = """
automations:
  - {name: lembrete-24h, enabled: true}
"""
BOOK: Final = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select s.organization_id, c.id, s.id, $2, s.price_cents, now() + interval '23 hours 55 minutes',
    now() + interval '24 hours 55 minutes', now() - interval '9 days', 'confirmed'
from services s join contacts c on c.organization_id = s.organization_id and c.phone = $1
order by s.id limit 1
"""
REPORTS: Final = ("daily_summary", "weekly_report")
DUE_NOW: Final = "update schedules set due_at = now() - interval '1 minute' where name = any ($1)"
ANOTHER_REPORT: Final = """
select enter_org(i.organization_id), queue_job(i.organization_id, i.id, jsonb_build_object(
    'kind', $1::text, 'key', $2::text, 'lane', 'automation', 'payload', jsonb_build_object('due_at', now())
)) from instances i
"""
VISITS: Final = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select s.organization_id, c.id, s.id, 'Antes', s.price_cents, now() - n * interval '1 day',
    now() - n * interval '1 day' + interval '1 hour', now() - interval '20 days', 'done'
from (select * from services order by id limit 1) s, contacts c, generate_series(1, 8) n
where c.phone = $1
"""
QUIETLY: Final = """
update conversations set last_message_at = last_message_at - interval '1 day',
    last_inbound_at = last_inbound_at - interval '1 day'
"""
ROWS: Final = """
select coalesce(c.phone, '') as phone, o.state, o.whatsapp_id, o.purpose, o.reference, o.position,
    coalesce(o.body, o.content::text) as said, extract(epoch from o.released_at)::float8 as released_at,
    coalesce(o.error, o.refusal) as error
from outbox o
join conversations v on v.organization_id = o.organization_id and v.id = o.conversation_id
join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
"""
OPEN_WORK: Final = """
select concat_ws(' ', 'text', reference, state, held_for, held_until) from outbox
where state in ('pending', 'accepted') or state = 'held' and coalesce(held_for, '') not in ('day', 'interval')
    and (purpose <> 'promotion' or (
        select count(*) from outbox where purpose = 'promotion' and released_until is not null
    ) < $1)
union all
select concat_ws(' ', 'job', kind, key, reason, due_at) from jobs
where state = 'waiting' and due_at < now() + interval '10 minutes'
union all
select concat_ws(' ', 'schedule', name, due_at) from schedules where due_at <= now()
union all
select concat_ws(' ', 'booking', b.subject) from bookings b where b.starts_at > now() and not exists (
    select from automation_occurrences o where o.booking_id = b.id and o.state <> 'planned'
)
"""
FORGOTTEN: Final = """
select 'recipient ' || r.id from campaign_recipients r
left join outbox o on o.organization_id = r.organization_id and o.id = r.outbox_id
left join jobs j on j.organization_id = r.organization_id and j.kind = 'campaign_text'
    and j.key = concat_ws(':', r.campaign_id, r.id, r.round)
where not coalesce(r.state = 'queued' and o.state in ('held', 'sent', 'delivered', 'read')
    or r.state = 'waiting' and j.state = 'waiting', false)
union all
select 'job ' || kind || ' ' || key || ' is ' || state from jobs
where state in ('dead', 'cancelled') or lease_until is not null
union all
select 'turn ' || id || ' is dead' from turns where state = 'dead'
"""


@dataclass
class UnaskedShop:
    """The shop, its phones, and what it is to have sent."""

    stack: Stack
    simulator: SimulatorClient
    quiet: tuple[float, float] | None
    pets: dict[str, str] = field(default_factory=dict)
    """By the animal of each booking, whose it is."""
    reports: int = 0
    """Reports that were due."""

    @property
    def budget(self) -> Budget:
        """What its number may do."""
        return Budget(PER_MINUTE, PER_DAY, self.quiet)

    async def open(self) -> None:
        """Get to know the customers, and begin to write to them."""
        business = self.stack.tenants[0].spec.phone_number
        owner = self.stack.tenants[0].spec.owners[0]
        for phone in (*CUSTOMERS, owner):
            await self.simulator.add_phone(phone, f"Cliente {phone[-2:]}")
        await asyncio.gather(*(ask(self.simulator, phone, business, "Oi") for phone in (*CUSTOMERS, owner)))
        await self.execute(QUIETLY)
        await self.execute(VISITS, CUSTOMERS[0])
        await self._admin("automation", "apply", text=AUTOMATIONS)
        for name, cap in (("primeira", FIRST_CAMPAIGN), ("segunda", len(CUSTOMERS))):
            for verb in ("create", "approve"):
                await self._campaign(verb, CAMPAIGN.format(name=name, cap=cap))

    async def _admin(self, group: str, verb: str, text: str) -> None:
        tenant = self.stack.tenants[0]
        whose = ("--organization", tenant.spec.organization_id, "--instance", tenant.name)
        await self.stack.admin(group, verb, *whose, stdin=text.encode())

    async def _campaign(self, verb: str, text: str) -> None:
        tenant = self.stack.tenants[0]
        order = {"organization": tenant.spec.organization_id, "instance": tenant.name, "verb": verb, "text": text}
        await self.stack.admin("campaign", stdin=json.dumps(order).encode() + b"\n")

    async def live(self, seconds: float, enough: asyncio.Event) -> None:
        """Take a booking and finish a day ever so often, until it is enough."""
        while not enough.is_set():
            pet = f"Pet{len(self.pets):03}"
            self.pets[pet] = CUSTOMERS[len(self.pets) % len(CUSTOMERS)]
            await self.execute(BOOK, self.pets[pet], pet)
            if len(self.pets) % 4 == 0:
                await self._report()
            await asyncio.sleep(seconds)

    async def _report(self) -> None:
        """Have a report be due: the first ones by their schedules, the others as if there were more days."""
        if self.reports == 0:
            await self.execute(DUE_NOW, list(REPORTS))
            await self.execute("update schedule_queue set due_at = now()")
            self.reports = len(REPORTS)
            return
        self.reports += 1
        await self.execute(ANOTHER_REPORT, REPORTS[self.reports % len(REPORTS)], f"another-{self.reports}")

    async def settled(self) -> None:
        """Wait until nothing is under way that no budget holds."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while left := await self.fetch(OPEN_WORK, PER_DAY):
            assert time.monotonic() < deadline, left
            await asyncio.sleep(0.5)

    async def execute(self, sql: str, *arguments: object) -> None:
        """Change the database, as its owner."""
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            await connection.execute(sql, *arguments)
        finally:
            await connection.close()

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Ask the database for a column, as its owner."""
        return [row[0] for row in await self.records(sql, *arguments)]

    async def records(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Ask the database, as its owner."""
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            return found
        finally:
            await connection.close()

    async def rows(self) -> list[Row]:
        """Return all texts that were ever queued."""
        return [Row(**dict(row)) for row in await self.records(ROWS)]

    async def inboxes(self) -> dict[str, list[Entry]]:
        """Return what the business has sent to each phone."""
        phones = (*CUSTOMERS, self.stack.tenants[0].spec.owners[0])
        return {
            phone: [
                Entry(message.id, message.text, message.at)
                for message in await self.simulator.inbox(phone)
                if not message.from_me and message.kind != "reaction"
            ]
            for phone in phones
        }


def quiet_minute(now: datetime, ahead: timedelta) -> tuple[datetime, datetime]:
    """Return the first whole minute that begins so far ahead, or later."""
    begin = (now + ahead + timedelta(minutes=1)).replace(second=0, microsecond=0)
    return begin, begin + timedelta(minutes=1)
