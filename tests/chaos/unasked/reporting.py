"""Reports to the owners of a business as its schedules make them, day after day: the days are shifted."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.unasked.audit import ARRIVED, Row
from chaos.unasked.shop import UnaskedShop

TEXTS: Final = {"daily_summary": 1, "weekly_report": 2, "empty_agenda": 1, "opportunities": 1}
"""Messages of each; a weekly report has a chart."""
USUALLY: Final = 300
"""Bookings that a day has, so that tomorrow is empty in comparison."""
HISTORY: Final = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select $1, c.id, s.id, 'Antes', s.price_cents, d.day, d.day + interval '1 hour', d.day - interval '20 days', 'done'
from (select * from services where organization_id = $1 and key = 'tosa-higienica') s,
    (select * from contacts where organization_id = $1 and phone = $2) c, generate_series(1, 6) w (ago),
    generate_series(1, $4), lateral (
        select (date_trunc('day', now() at time zone $3) + interval '36 hours' - w.ago * interval '7 days')
            at time zone $3 as day
    ) d
"""
MISSED: Final = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select $1, c.id, s.id, 'Antes', s.price_cents, now() - v.ago * interval '1 day',
    now() - v.ago * interval '1 day' + interval '1 hour', now() - interval '200 days', 'done'
from services s, contacts c, unnest('{90,95,100}'::integer[]) v (ago)
where s.organization_id = $1 and s.key = 'tosa-higienica' and c.organization_id = $1 and c.phone = any ($2)
"""
UNDER_WAY: Final = """
select key from jobs where organization_id = $1 and kind = any ($2) and state = 'waiting'
union all
select id::text from outbox
where organization_id = $1 and purpose = 'report' and state in ('held', 'pending', 'accepted')
union all
select name from schedules where organization_id = $1 and due_at <= now()
"""
JOBS_OF_YESTERDAY: Final = """
update jobs set key = key || '#' || $3 where organization_id = $1 and kind = any ($2) and key not like '%#%'
"""
TEXTS_OF_YESTERDAY: Final = """
update outbox set reference = reference || '#' || $3
where organization_id = $1 and purpose = 'report' and split_part(reference, ':', 2) = any ($2)
    and reference not like '%#%'
"""
LONG_AGO: Final = """
update report_causes set told_at = told_at - interval '61 days' where organization_id = $1 and name = any ($2)
"""
DUE: Final = """
update schedules set due_at = now() - interval '1 minute' where organization_id = $1 and name = any ($2)
"""
LOOKED_AT: Final = "update schedule_queue set due_at = now(), version = version + 1 where organization_id = $1"
FIRED: Final = "select kind, key, state, reason from jobs where organization_id = $1 and kind = any ($2)"


@dataclass
class Reports:
    """What a shop's owner gets."""

    shop: UnaskedShop
    names: tuple[str, ...] = tuple(TEXTS)
    days: int = 0
    """For which reports were due."""

    async def remember(self, regular: str, missed: Sequence[str]) -> None:
        """Give the business a past: days that were full, and good customers who stay away."""
        shop = self.shop
        await shop.execute(HISTORY, shop.organization, regular, shop.tenant.spec.timezone, USUALLY)
        await shop.execute(MISSED, shop.organization, list(missed))

    async def live(self, most: int, progress: Callable[[], float]) -> None:
        """Let so many days pass during a run."""
        while self.days < most and progress() < 1:
            if progress() >= self.days / (most + 1) and not await self._under_way():
                await self.pass_day()
            await asyncio.sleep(1)

    async def pass_day(self) -> None:
        """Have the reports of a new day be due."""
        self.days += 1
        whose = (self.shop.organization, list(self.names))
        await self.shop.together(
            (JOBS_OF_YESTERDAY, *whose, str(self.days)),
            (TEXTS_OF_YESTERDAY, *whose, str(self.days)),
            (LONG_AGO, *whose),
            (DUE, *whose),
            (LOOKED_AT, self.shop.organization),
        )

    async def _under_way(self) -> list[str]:
        found: list[str] = await self.shop.fetch(UNDER_WAY, self.shop.organization, list(self.names))
        return found

    async def complaints(self, rows: list[Row], told: Counter[str]) -> list[str]:
        """Return which report was not written for its day, or did not come; count into `told` those that came."""
        jobs = await self.shop.records(FIRED, self.shop.organization, list(self.names))
        came = Counter(row.reference for row in rows if row.purpose == "report" and row.state in ARRIVED)
        whole = [kind for kind, key, _, _ in jobs if came[f"schedule:{kind}:{key}"] == TEXTS[kind]]
        told.update(whole)
        wanted = dict.fromkeys(self.names, self.days)
        found = [f"{kind} of {key} is {state}: {reason}" for kind, key, state, reason in jobs if state != "done"]
        if Counter(whole) != wanted:
            found.append(f"{Counter(whole)} came whole for {self.days} days: {came}")
        return found
