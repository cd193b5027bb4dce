"""Time that passes between two exchanges: what is stored becomes older, because PostgreSQL's clock cannot be set."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from oxy_ai.database import organization_transaction
from oxy_ai.engine.store import Engine

_OLDER: Final = """
select format('update %I set %s where organization_id = $1', a.attrelid::regclass, string_agg(
    format('%1$I = %1$I - $2::interval', a.attname), ', '
)) as statement
from pg_attribute a
join pg_class c on c.oid = a.attrelid and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
where a.atttypid = 'timestamptz'::regtype and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and c.relname = any ($1) and has_table_privilege(c.oid, 'update')
    and exists (
        select from pg_attribute k
        where k.attrelid = a.attrelid and k.attname = 'organization_id' and not k.attisdropped
    )
group by a.attrelid
"""
_EXCHANGES: Final = """
update conversations set exchanges = jsonb_set(
    exchanges, '{ended_at}', to_jsonb((exchanges ->> 'ended_at')::timestamptz - $2::interval)
) where organization_id = $1 and exchanges ->> 'ended_at' is not null
"""

OLD: Final = (
    "contacts",
    "conversations",
    "chat_journals",
    "turns",
    "hand_overs",
    "turn_steps",
    "outbox",
    "model_outages",
    "owner_notices",
    "messages",
    "ai_interactions",
    "proposals",
)
"""Tables of the engine whose times are of PostgreSQL's clock; an agenda's are of the dialogue's."""


async def let_pass(engine: Engine, organization: UUID, span: timedelta) -> None:
    """Make everything of an organization older by a span."""
    if not span:
        return
    async with organization_transaction(engine.pool, organization) as connection:
        statements = await connection.fetch(_OLDER, list(OLD))
        for row in statements:
            await connection.execute(row["statement"], organization, span)
        await connection.execute(_EXCHANGES, organization, span)
