"""Campaigns as a business orders them in a run: sent, stopped and gone on with, called off, dead and replayed."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Final

from chaos.unasked.bookings import Bookings
from chaos.unasked.promises import Promise
from chaos.unasked.shop import UnaskedShop

from oxy_dev.conversation import ask

VISIT: Final = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select $1, c.id, s.id, 'Antes', s.price_cents, d.day, d.day + interval '1 hour', d.day - interval '1 day', 'done'
from services s, contacts c, (select now() - interval '20 days' as day) d
where s.organization_id = $1 and s.key = $2 and c.organization_id = $1 and c.phone = any ($3)
"""
UNTOLD: Final = """
select c.phone from campaign_recipients r
join campaigns p on p.organization_id = r.organization_id and p.id = r.campaign_id and p.name = $2
join contacts c on c.organization_id = r.organization_id and c.id = r.contact_id
left join outbox o on o.id = r.outbox_id
where r.organization_id = $1 and (r.state = 'waiting' or o.state = 'held') order by c.phone
"""
RELEASED: Final = """
select o.id::text from outbox o join campaigns p on o.reference = 'campaign:' || p.id and p.name = $2
where o.organization_id = $1 and p.organization_id = $1 and o.released_at > $3 and o.released_at < $4
"""
LEFT: Final = """
select count(*) from outbox o join campaigns p on o.reference = 'campaign:' || p.id and p.name = $2
where o.organization_id = $1 and p.organization_id = $1 and o.released_at is not null having count(*) >= $3
"""
BROKEN: Final = "Quebra"
"""What no text may say while PostgreSQL refuses it."""
BREAK: Final = f"""
create function refuse_text() returns trigger language plpgsql as $$
begin
    raise exception 'refused' using errcode = '22000';
end $$;
create trigger refuse_text before insert on outbox for each row when (new.body like '%{BROKEN}%')
execute function refuse_text();
"""
MEND: Final = "drop function refuse_text() cascade"
DEAD: Final = "select count(*) from jobs where organization_id = $1 and state = 'dead' having count(*) >= $2"
UNWANTED: Final = """
update contacts set opt_out = case when phone = any ($3) then 'proactive' end, private = phone = any ($4)
where organization_id = $1 and phone = any ($2)
"""
OPT_OUTS: Final = 2


class Campaigns:
    """What a shop's people order."""

    def __init__(self, shop: UnaskedShop, progress: Callable[[], float]) -> None:
        """`progress`: how much of the run is over, from 0 to 1."""
        self._shop = shop
        self._progress = progress

    async def came_for(self, service: str, phones: Sequence[str]) -> None:
        """Have these customers be those who came for a service lately."""
        await self._shop.execute(VISIT, self._shop.organization, service, list(phones))

    async def not_to(self, phones: Sequence[str], names: str) -> None:
        """Have these be of no campaign: the last one is private, the others want nothing."""
        unwanted = list(phones)
        await self._shop.execute(UNWANTED, self._shop.organization, unwanted, unwanted[:-1], unwanted[-1:])
        for phone in phones:
            self._promise("nobody promotes to", phone, names, 0, 0)

    async def until(self, part: float) -> None:
        """Wait until so much of the run is over."""
        while self._progress() < part:  # noqa: ASYNC110 the kills are counted, and tell nobody
            await asyncio.sleep(0.5)

    async def send(self, name: str, segment: str, phones: Sequence[str], kind: str = "campaign") -> None:
        """Send one to those who are to get it."""
        await self.order(name, segment)
        for phone in phones:
            self._promise(kind, phone, _words(name))

    async def order(self, name: str, segment: str, cap: int = 500) -> None:
        """Create one and approve it."""
        for verb in ("create", "approve"):
            await self._shop.campaign(verb, name, segment=segment, cap=cap)

    async def stop_and_go_on(self, name: str, segment: str, phones: Sequence[str], until: float) -> None:
        """Send one, stop it when some have it, have some of the others opt out meanwhile, and go on."""
        shop = self._shop
        await self.order(name, segment)
        await shop.until(LEFT, shop.organization, name, 2)
        await shop.campaign("pause", name)
        [paused] = await shop.fetch("select clock_timestamp()")
        untold = await shop.fetch(UNTOLD, shop.organization, name)
        out = untold[:OPT_OUTS]
        for phone in out:
            await ask(shop.simulator, phone, shop.tenant.spec.phone_number, "PARAR")
        await self.until(until)
        [resumed] = await shop.fetch("select clock_timestamp()")
        left = await shop.fetch(RELEASED, shop.organization, name, paused, resumed)
        shop.faults += [f"{text} of {name} left while it was stopped" for text in left]
        await shop.campaign("resume", name)
        for phone in phones:
            kind = "campaign that was stopped and went on" if phone in untold else "campaign"
            if phone in out:
                self._promise("opted out while it waited", phone, _words(name), 0, 0)
            else:
                self._promise(kind, phone, _words(name))

    async def call_off(self, name: str, segment: str, phones: Sequence[str]) -> None:
        """Send one, and cancel it when some have it."""
        shop = self._shop
        await self.order(name, segment)
        await shop.until(LEFT, shop.organization, name, 2)
        await shop.campaign("cancel", name)
        for phone in phones:
            self._promise("campaign that was called off", phone, _words(name), 0, 1, not_after=time.time())

    async def die_and_come_back(
        self, segment: str, phones: Sequence[str], bookings: Bookings, booked_for: Sequence[str]
    ) -> None:
        """Have the jobs of a campaign and of confirmations die of what PostgreSQL refuses, and replay them then."""
        shop = self._shop
        await shop.script(BREAK)
        await self.send(f"quarta {BROKEN}", segment, phones, "dead letter of a campaign")
        for number, phone in enumerate(booked_for):
            await bookings.confirm(f"{BROKEN}{number}", phone, "dead letter of an automation")
        await shop.until(DEAD, shop.organization, len(phones) + len(booked_for))
        await shop.script(MEND)
        replayed = [json.loads(line) for line in (await shop.admin("dlq", "replay", "--all")).splitlines()]
        if len(replayed) != len(phones) + len(booked_for):
            shop.faults.append(f"{len(replayed)} dead letters were replayed: {replayed}")

    def _promise(self, kind: str, phone: str, words: str, least: int = 1, most: int = 1, **rest: float) -> None:
        self._shop.promises.append(Promise(kind, phone, words, least, most, alone=False, **rest))


def _words(name: str) -> str:
    return re.escape(f": {name}.")
