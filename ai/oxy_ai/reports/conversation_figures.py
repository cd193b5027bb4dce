"""Figures of conversations with customers in a period.

Only one-to-one chats count, except those with the instance's owners and the account's chat with itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class ConversationFigures:
    """The figures of one period."""

    received: int
    """Messages from customers, without those that could not be decrypted."""
    sent: int
    """Messages to customers, by the assistant or from the phone; only those that WhatsApp has accepted."""
    conversations: int
    """Customers who wrote in the period."""
    newcomers: int
    """Customers among these who had never written before."""
    response_seconds: float | None
    """Mean, from a customer's first unanswered message until WhatsApp has the assistant's answer; None: no answer."""
    response_median: float | None
    """The same, of the answer in the middle: a few late ones do not count for more."""
    handed_over: int
    """How often people were asked to take a conversation over."""
    people_median: float | None
    """From there until a person of the business answered, of the one in the middle; None: nobody did in the period."""


@dataclass(frozen=True, slots=True)
class WaitingFigures:
    """The customers who wait for a person at this moment."""

    waiting: int
    longest_seconds: float | None
    """How long the one who waits longest has waited; None: nobody waits."""


MESSAGES: Final = """
with customers as materialized (select id from customer_conversations($1)),
received as (
    select m.conversation_id, count(*) as messages from messages m
    where m.organization_id = $1 and m.author = 'customer' and says_something(m.kind)
        and not is_before_pairing(m) and m.arrived_at >= $2 and m.arrived_at < $3
        and (m.conversation_id in (select v.id from customers v)) is true
    group by m.conversation_id
)
select
    (select coalesce(sum(r.messages), 0)::bigint from received r) as received,
    (select count(*) from messages m
        left join outbox o on o.organization_id = $1 and o.id = m.outbox_id
        where m.organization_id = $1 and m.author <> 'customer' and says_something(m.kind) and not m.command
            and is_by_person(m.source)
            and m.arrived_at >= $2 and m.arrived_at < $3 and (m.author = 'phone' or was_sent(o))
            and (m.conversation_id in (select v.id from customers v)) is true) as sent,
    (select count(*) from received) as conversations,
    (select count(*) from received r
        join conversations v on v.organization_id = $1 and v.id = r.conversation_id
        join instances i on i.organization_id = $1 and i.id = v.instance_id
        where (v.created_at >= $2 or v.created_at > clock_timestamp()
                - make_interval(days => (i.settings #>> '{retention,messages}')::integer)) is not false
            and not exists (
                select from messages m
                where m.organization_id = $1 and m.conversation_id = r.conversation_id and m.author = 'customer'
                    and says_something(m.kind) and m.arrived_at < $2
            )) as newcomers
"""
"""`is true`: each message of the period is looked up among the customers. The planner cannot tell how many those are,
takes them for one, and would otherwise look through the period for each."""

RESPONSES: Final = """
with customers as materialized (select id from customer_conversations($1)),
seconds as (
    select extract(epoch from o.closed_at - m.arrived_at)::double precision as value
    from turns t join customers v on v.id = t.conversation_id
    join outbox o on o.organization_id = $1 and o.turn_id = t.id and o.part in (0, 6) and o.piece = 0 and was_sent(o)
    join lateral (
        select min(i.arrived_at) as arrived_at from messages i where i.organization_id = $1 and i.turn_id = t.id
    ) m on true
    where t.organization_id = $1 and t.state = 'answered' and t.finished_at >= $2 and t.finished_at < $3
)
select avg(s.value) as response_seconds, percentile_cont(0.5) within group (order by s.value) as response_median
from seconds s
"""

PEOPLE: Final = """
with customers as materialized (select id from customer_conversations($1))
select
    (select count(*) from hand_overs h join customers v on v.id = h.conversation_id
        where h.organization_id = $1 and h.created_at >= $2 and h.created_at < $3) as handed_over,
    (select percentile_cont(0.5) within group (order by extract(epoch from h.ended_at - h.created_at)::double precision)
        from hand_overs h join customers v on v.id = h.conversation_id
        where h.organization_id = $1 and h.ended = 'answered' and h.ended_at >= $2 and h.ended_at < $3) as people_median
"""

WAITING: Final = """
select count(*) as waiting, extract(epoch from clock_timestamp() - min(w.since))::double precision as longest_seconds
from customer_conversations($1) c
join conversations v on v.organization_id = $1 and v.id = c.id
left join hand_overs h on h.organization_id = $1 and h.conversation_id = v.id and h.ended_at is null
cross join lateral waiting_since(v, h) w (since)
where w.since is not null
"""


async def read_conversation_figures(
    connection: Connection, organization: UUID, start: datetime, end: datetime
) -> ConversationFigures:
    """Return the figures from `start` (included) to `end` (not included)."""
    [messages] = await connection.fetch(MESSAGES, organization, start, end)
    [responses] = await connection.fetch(RESPONSES, organization, start, end)
    [people] = await connection.fetch(PEOPLE, organization, start, end)
    return ConversationFigures(**dict(messages), **dict(responses), **dict(people))


async def read_waiting(connection: Connection, organization: UUID) -> WaitingFigures:
    """Return who waits for a person now, by the database's clock."""
    [row] = await connection.fetch(WAITING, organization)
    return WaitingFigures(**dict(row))
