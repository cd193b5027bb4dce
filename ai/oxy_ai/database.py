"""The engine's steps in PostgreSQL: one method a SQL function, one round trip each.

What asyncpg raises passes through; `oxy_ai.engine.outages.is_outage` tells an unreachable database from a wrong query.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from asyncpg import Pool, Record
from asyncpg.pool import PoolConnectionProxy

from oxy_ai.errors import FenceLostError
from oxy_ai.records import Claim, Claims, Ended, Ending, Failure, NewStep, RelayStep, RelayTarget, Turn, UnopenedTurn
from oxy_core.envelopes import InstanceSettings

Connection: TypeAlias = "PoolConnectionProxy[Record]"

SCHEMA_VERSION: Final = 8
"""Number of the newest revision: workers become ready only when the database has at least this."""

COMMAND_SECONDS: Final = 15.0
"""A statement that takes longer is given up: the database is overloaded or gone."""

CLOSE_SECONDS: Final = 3.0


async def _leave_as_is(_: object) -> None:
    """Skip the reset that asyncpg sends at each release: nothing we set outlives its transaction.

    It would be a second round trip for each step of the engine.
    """


@asynccontextmanager
async def connected_pool(url: str, *, connections: int) -> AsyncIterator["Pool[Record]"]:
    """Open a pool of connections, lazily: it may be entered before PostgreSQL is there."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=connections,
        command_timeout=COMMAND_SECONDS,
        timeout=5,
        max_inactive_connection_lifetime=300,
        reset=_leave_as_is,
        server_settings={"application_name": "oxy-ai"},
    )
    await pool
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()  # the database is gone: so are the connections


@asynccontextmanager
async def organization_transaction(pool: "Pool[Record]", organization: UUID) -> AsyncIterator[Connection]:
    """Open a transaction that sees the rows of one organization."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select enter_org($1)", organization)
        yield connection


class Engine:
    """The turn engine's state, in PostgreSQL."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self.pool = pool

    async def schema_version(self) -> int:
        """Return the database's schema version; 0 where it has none yet."""
        try:
            return await self.pool.fetchval("select schema_version()") or 0
        except asyncpg.UndefinedFunctionError:
            return 0

    async def apply_instance(
        self, organization: UUID, instance: UUID, settings: InstanceSettings, revision: int
    ) -> bool:
        """Take over an instance's settings; False: they were known already."""
        changed: bool = await self.pool.fetchval(
            "select apply_instance($1, $2, $3, $4)", organization, instance, settings.model_dump_json(), revision
        )
        return changed

    async def instance_timezone(self, organization: UUID, instance: UUID) -> str | None:
        """Return the time zone that an instance has had so far; None: it is not known yet."""
        async with organization_transaction(self.pool, organization) as connection:
            timezone: str | None = await connection.fetchval(
                "select settings ->> 'timezone' from instances where organization_id = $1 and id = $2",
                organization,
                instance,
            )
        return timezone

    async def close_instance(self, organization: UUID, instance: UUID, revision: int) -> bool:
        """Mark a deleted instance closed; False: it was already, or is not known."""
        closed: bool = await self.pool.fetchval("select close_instance($1, $2, $3)", organization, instance, revision)
        return closed

    async def ingest(self, batch: str) -> list[str]:
        """Store a JSON array of reports, given in journal order, in one transaction; returns one outcome each."""
        outcomes: list[str] = await self.pool.fetchval("select ingest($1)", batch)
        return outcomes

    async def claim(self, how_many: int, lease: timedelta, per_second: float, burst: int) -> Claims:
        """Claim due conversations and open their turns."""
        document = await self.pool.fetchval("select take_turns($1, $2, $3, $4)", how_many, lease, per_second, burst)
        return Claims.model_validate_json(document)

    async def renew(self, claims: Sequence[Claim], lease: timedelta) -> None:
        """Prolong the leases of claims that still hold."""
        await self.pool.execute(
            "select renew_leases($1, $2, $3, $4)",
            [claim.organization for claim in claims],
            [claim.conversation for claim in claims],
            [claim.fence for claim in claims],
            lease,
        )

    async def open_turn(self, claim: Claim) -> Turn | None:
        """Open or resume the claimed conversation's turn; None: there is nothing to do."""
        document = await self.pool.fetchval(
            "select open_turn($1, $2, $3)", claim.organization, claim.conversation, claim.fence
        )
        return None if document is None else Turn.model_validate_json(document)

    async def unopened_turn(self, claim: Claim) -> UnopenedTurn:
        """Return what is known of a turn that `open_turn` fails on; raises FenceLostError."""
        document = await self.pool.fetchval(
            "select unopened_turn($1, $2, $3)", claim.organization, claim.conversation, claim.fence
        )
        if document is None:
            raise FenceLostError
        return UnopenedTurn.model_validate_json(document)

    async def store_step(self, claim: Claim, turn: int, step: NewStep) -> None:
        """Keep a model response; raises FenceLostError."""
        usage = step.usage
        kept = await self.pool.fetchval(
            "select store_step($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            claim.organization,
            claim.conversation,
            claim.fence,
            turn,
            step.round,
            usage.model,
            step.response.model_dump_json(),
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens,
            usage.cost_microdollars,
            usage.latency_ms,
        )
        if not kept:
            raise FenceLostError

    @asynccontextmanager
    async def tool_transaction(self, claim: Claim) -> AsyncIterator[Connection]:
        """Open a transaction in which a tool may write; raises FenceLostError."""
        async with self.pool.acquire() as connection, connection.transaction():
            held = await connection.fetchval(
                "select hold_turn($1, $2, $3)", claim.organization, claim.conversation, claim.fence
            )
            if not held:
                raise FenceLostError
            yield connection

    async def finish(self, claim: Claim, turn: int, ending: Ending) -> Ended:
        """End a turn; returns what became of it; raises FenceLostError."""
        document: str | None = await self.pool.fetchval(
            "select end_turn($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            claim.organization,
            claim.conversation,
            claim.fence,
            turn,
            ending.state,
            ending.reason,
            ending.role,
            f"[{','.join(answer.model_dump_json() for answer in ending.answers)}]",
            None if ending.last_step is None else _step_row(ending.last_step),
        )
        if document is None:
            raise FenceLostError
        return Ended.model_validate_json(document)

    async def fail(self, claim: Claim, turn: int, failure: Failure, attempts: int, delay: timedelta) -> str:
        """Count a failed attempt; returns ``retry`` or ``dead``; raises FenceLostError."""
        verdict: str | None = await self.pool.fetchval(
            "select fail_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            claim.organization,
            claim.conversation,
            claim.fence,
            turn,
            failure.reason,
            failure.role,
            attempts,
            delay,
            None if failure.apology is None else failure.apology.model_dump_json(),
            failure.notice.model_dump_json(),
        )
        if verdict is None:
            raise FenceLostError
        return verdict

    async def relay_due(self, how_many: int) -> list[RelayTarget]:
        """Return the instances that wait longest for a relay."""
        rows = await self.pool.fetch("select organization, instance from relay_due($1)", how_many)
        return [RelayTarget(row["organization"], row["instance"]) for row in rows]

    async def relay_step(  # noqa: PLR0913 one function of the database
        self,
        target: RelayTarget,
        relay: UUID,
        lease: timedelta,
        accepted: Sequence[UUID],
        *,
        failed: bool,
        how_many: int,
    ) -> RelayStep | None:
        """Mark what was accepted and return what comes next; None: another relay has the instance."""
        document = await self.pool.fetchval(
            "select relay_step($1, $2, $3, $4, $5, $6, $7)",
            target.organization,
            target.instance,
            relay,
            lease,
            accepted,
            failed,
            how_many,
        )
        return None if document is None else RelayStep.model_validate_json(document)


def _step_row(step: NewStep) -> str:
    """Return a step as a row of the table turn_steps, in JSON."""
    response, usage = step.response.model_dump_json(), step.usage.model_dump_json()
    return f'{{"round": {step.round}, "response": {response}, {usage[1:]}'
