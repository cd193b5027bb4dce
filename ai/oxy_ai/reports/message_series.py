"""How many messages customers wrote and got in each part of a period: what `ConversationFigures` sums up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """The messages of one part of a period."""

    received: int
    sent: int


SERIES: Final = """
with customers as materialized (select id from customer_conversations($1))
select date_trunc($4, m.arrived_at at time zone $5) as part,
    count(*) filter (where m.author = 'customer' and not is_before_pairing(m)) as received,
    count(*) filter (
        where m.author = 'phone' and not m.command and is_by_person(m.source)
            or m.author = 'assistant' and not m.command and is_by_person(m.source) and was_sent(o)
    ) as sent
from messages m
left join outbox o on o.organization_id = $1 and o.id = m.outbox_id
where m.organization_id = $1 and says_something(m.kind) and m.arrived_at >= $2 and m.arrived_at < $3
    and (m.conversation_id in (select v.id from customers v)) is true
group by 1
"""
"""Customers are looked up as in `conversation_figures.MESSAGES`."""


async def read_message_series(
    connection: Connection, organization: UUID, between: tuple[datetime, datetime], part: str, timezone: str
) -> Mapping[datetime, MessageCounts]:
    """Return the messages of each part that has any, by its beginning in local time (without a time zone).

    `between`: start (included) and end (not included); `part`: hour, day, week, month or year.
    """
    rows = await connection.fetch(SERIES, organization, *between, part, timezone)
    return {row["part"]: MessageCounts(row["received"], row["sent"]) for row in rows}
