"""A turn reads no more of a long conversation than of a short one."""

import asyncpg
from integration.ai.journals import WrittenJournal, apply, ingest
from integration.ai.scene import CUSTOMER, Scene, settings_of

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import Engine
from oxy_ai.records import Answer, Claims, TurnEnding, TurnLimits
from oxy_core.identity import Jid, new_id
from oxy_dev.long_chat import LENGTHEN

MESSAGES = 100_000
TURNS = 8
"""From the sixth execution on, PostgreSQL may plan a statement without knowing its parameters."""
READ_AT_MOST = 200
LIMITS = TurnLimits(
    messages=50, characters_each=4_000, characters=24_000, characters_quoted=300, content_bytes=8_192, claims=5
)
READ = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'messages'"


async def test_a_turn_reads_as_much_of_a_long_conversation_as_of_a_short_one(scene: Scene) -> None:
    settings = settings_of("petshop")
    journal = WrittenJournal(settings)
    async with connected_pool(scene.database_url, connections=1) as pool:
        await apply(Engine(pool), settings)
        for turn in range(TURNS):
            await ingest(Engine(pool), settings.account, [journal.write(Jid.of_phone(CUSTOMER), "Oi")])
            if turn == 0:
                await scene.query(LENGTHEN, str(Jid.of_phone(CUSTOMER)), MESSAGES)
                await scene.query("analyze messages")
            async with pool.acquire() as connection, connection.transaction():
                assert await answer(connection) == "answered"
                assert await connection.fetchval(READ) < READ_AT_MOST, f"turn {turn}"


async def answer(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> str:
    """Claim the only due conversation and end its turn; return the turn's state."""
    limits = LIMITS.model_dump_json()
    found = await connection.fetchval("select claim_turns(5, '10 s', 0, 1, '5 ms', $1)", limits)
    [claimed] = Claims.model_validate_json(found).claimed
    claim, turn = claimed.claim, claimed.turn
    assert turn is not None
    ending = TurnEnding(
        state="answered", role="customer", answers=(Answer(id=new_id(), text="Olá!", keep_seconds=60),)
    ).model_dump_json()
    ended: str = await connection.fetchval(
        "select end_turn($1, $2, $3, $4, $5) ->> 'state'",
        claim.organization,
        claim.conversation,
        claim.fence,
        turn.turn,
        ending,
    )
    return ended
