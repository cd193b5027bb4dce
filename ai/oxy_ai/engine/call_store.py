"""What calls of models were and cost, in PostgreSQL (`oxy_ai/schema/money.sql`)."""

from typing import TYPE_CHECKING
from uuid import UUID

from asyncpg import Record

from oxy_ai.database import organization_transaction
from oxy_ai.records import NewCall, NoticeKind

if TYPE_CHECKING:
    from asyncpg import Pool


class CallStore:
    """Stores calls by themselves; those of a turn's steps are stored with the steps (`Engine.keep_step`)."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self._pool = pool

    async def record_call(self, organization: UUID, call: NewCall) -> None:
        """Store a call of a model by itself, or settle it, once."""
        async with organization_transaction(self._pool, organization) as connection:
            await connection.execute("select record_call($1, $2)", organization, call.model_dump_json())

    async def reserve_call(self, organization: UUID, call: NewCall, share: float) -> bool:
        """Reserve what a call may cost; False: its month's budget has no room for it.

        The owner is told of that, and warned once `share` of the budget is used.
        """
        reserved: bool = await self._pool.fetchval(
            "select reserve_call($1, $2, $3)", organization, call.model_dump_json(), share
        )
        return reserved

    async def release_call(self, organization: UUID, call: UUID) -> None:
        """Forget a call that was reserved, because no endpoint took it."""
        async with organization_transaction(self._pool, organization) as connection:
            await connection.execute("select release_call($1, $2)", organization, call)

    async def note_unknown_price(self, organization: UUID, call: NewCall) -> None:
        """Tell the owner, once in the call's month, that nobody knows what its model costs."""
        async with organization_transaction(self._pool, organization) as connection:
            await connection.execute(
                "select note_for_owner($1, $2, $3, 'month:' || $4::date)",
                organization,
                call.instance_id,
                NoticeKind.PRICE_UNKNOWN,
                call.month,
            )
