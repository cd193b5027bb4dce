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


_FIGURES: Final = """
with customers as materialized (select id from customer_conversations($1)),
received as (
    select m.conversation_id, count(*) as messages
    from messages m join customers v on v.id = m.conversation_id
    where m.organization_id = $1 and m.author = 'customer' and says_something(m.kind)
        and not is_before_pairing(m) and m.arrived_at >= $2 and m.arrived_at < $3
    group by m.conversation_id
)
select
    (select coalesce(sum(r.messages), 0)::bigint from received r) as received,
    (select count(*) from messages m join customers v on v.id = m.conversation_id
        left join outbox o on o.organization_id = $1 and o.id = m.outbox_id
        where m.organization_id = $1 and m.author <> 'customer' and says_something(m.kind) and not m.command
            and is_by_person(m.source)
            and m.arrived_at >= $2 and m.arrived_at < $3 and (m.author = 'phone' or was_sent(o))) as sent,
    (select count(*) from received) as conversations,
    (select count(*) from received r where not exists (
        select from messages m
        where m.organization_id = $1 and m.conversation_id = r.conversation_id and m.author = 'customer'
            and says_something(m.kind) and m.arrived_at < $2
    )) as newcomers,
    (select avg(extract(epoch from o.closed_at - m.arrived_at))::double precision
        from turns t join customers v on v.id = t.conversation_id
        join outbox o on o.organization_id = $1 and o.turn_id = t.id and o.part in (0, 6) and was_sent(o)
        join lateral (
            select min(i.arrived_at) as arrived_at from messages i where i.organization_id = $1 and i.turn_id = t.id
        ) m on true
        where t.organization_id = $1 and t.state = 'answered'
            and t.finished_at >= $2 and t.finished_at < $3) as response_seconds
"""


async def read_conversation_figures(
    connection: Connection, organization: UUID, start: datetime, end: datetime
) -> ConversationFigures:
    """Return the figures from `start` (included) to `end` (not included)."""
    [row] = await connection.fetch(_FIGURES, organization, start, end)
    return ConversationFigures(**dict(row))
