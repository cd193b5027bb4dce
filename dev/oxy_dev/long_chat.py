"""A chat that was long before a measurement begins."""

from typing import Final

LENGTHEN: Final = """
insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, place, state,
    kind, body, sent_at, arrived_at, settled_at)
select m.organization_id, m.instance_id, m.conversation_id, m.chat, m.sender, 'earlier-' || n,
    case when n % 2 = 0 then 'customer' else 'phone' end,
    row((m.place).started_at - interval '30 days', (m.place).epoch, n)::place,
    case when n % 2 = 0 then 'person' end::message_state, 'text', 'Quanto custa o banho?',
    m.sent_at - interval '30 days', m.arrived_at - interval '30 days',
    case when n % 2 = 0 then m.arrived_at - interval '30 days' end
from messages m, generate_series(1, $2) n where m.chat = $1 and m.author = 'customer'
"""
"""Gives the chat $1, in which one customer's message is stored, $2 earlier messages that are settled."""
