"""Whom a campaign reaches: counted for a preview, frozen when it is approved. By the same query."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from asyncpg import Record

from oxy_ai.campaigns.audience import Audience
from oxy_ai.campaigns.criteria import VALUE, condition_of
from oxy_ai.campaigns.plan import Basis
from oxy_ai.campaigns.segment import Segment
from oxy_ai.database import Connection

_FIRST_PARAMETER: Final = 5
"""Of a segment's, after those of `REACHED`."""

REACHED: Final = """
select c.id, c.name, c.opt_out is not null as opted_out, w.at as wrote_first_at, v.at as last_visit_at,
    c.opt_out is null and ($4 = 'opted_in' or coalesce(w.at, v.at) is not null) as allowed
from (
    select distinct on (coalesce(k.phone_key, k.id::text)) k.* from customers_of($1, $2) k
    order by coalesce(k.phone_key, k.id::text), k.opt_out nulls last, k.id
) c cross join lateral (select wrote_first_at(c) as at) w cross join lateral (select last_visit_at(c, $3) as at) v
where cast($3 as timestamptz) is not null and {}
"""
"""An instance's customers who fulfil a condition, each person once, and whether they may be written to.

Of two contacts with one number, the one who opted out counts.
"""

REACH: Final = """
select r.id, r.name, r.opted_out, r.allowed from (reached) r order by r.last_visit_at desc nulls last, r.id
""".replace("reached", REACHED)

FREEZE: Final = """
with counted as (
    insert into campaign_recipients (organization_id, campaign_id, contact_id, wrote_first_at, last_visit_at)
    select $1, $5, r.id, r.wrote_first_at, r.last_visit_at from (reached) r where r.allowed
    order by r.last_visit_at desc nulls last, r.id limit $6
    on conflict do nothing returning id
)
select count(*) from counted
""".replace("reached", REACHED)


@dataclass(frozen=True, slots=True)
class Market:
    """Among whom a campaign looks for recipients."""

    organization: UUID
    instance: UUID
    segment: Segment
    basis: Basis


@dataclass(frozen=True, slots=True)
class Reached:
    """A customer who would get it."""

    contact: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Reach:
    """Who would get a campaign without a cap, those who came last first."""

    recipients: tuple[Reached, ...]
    opted_out: int
    """Others of the segment who do not want such messages."""
    unproven: int
    """Others of whom nothing shows that they are customers: they have neither written nor come."""


async def reach_of(connection: Connection, target: Market, audience: Audience, now: datetime) -> Reach:
    """Return whom a campaign reaches now, in the business's zone."""
    condition = condition_of(audience.criteria, target.segment, now, _FIRST_PARAMETER)
    rows = await connection.fetch(
        REACH.replace(VALUE, condition.sql),
        target.organization,
        target.instance,
        now,
        target.basis.value,
        *condition.parameters,
    )
    return _reach(rows)


def _reach(rows: list[Record]) -> Reach:
    allowed = tuple(Reached(row["id"], row["name"]) for row in rows if row["allowed"])
    opted_out = sum(row["opted_out"] for row in rows)
    return Reach(allowed, opted_out, len(rows) - opted_out - len(allowed))


@dataclass(frozen=True, slots=True)
class Frozen:
    """Of which campaign the recipients are frozen, and how many they are at most; None: any number."""

    campaign: int
    cap: int | None


async def freeze(connection: Connection, target: Market, audience: Audience, frozen: Frozen, now: datetime) -> int:
    """Note who gets a campaign, each person once; returns how many."""
    condition = condition_of(audience.criteria, target.segment, now, _FIRST_PARAMETER + 2)
    count: int = await connection.fetchval(
        FREEZE.replace(VALUE, condition.sql),
        target.organization,
        target.instance,
        now,
        target.basis.value,
        frozen.campaign,
        frozen.cap,
        *condition.parameters,
    )
    return count
