"""The connection pool and transactions. What the engine does in the database is in `oxy_ai.engine.store`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from asyncpg import Pool, Record
from asyncpg.pool import PoolConnectionProxy
from pydantic import Field, PostgresDsn

from oxy_core.settings import ProcessSettings

Connection: TypeAlias = "PoolConnectionProxy[Record]"

SCHEMA_VERSION: Final = 8
"""Number of the newest revision: workers are not ready until the database has reached it."""

COMMAND_SECONDS: Final = 15.0
"""Timeout of one statement; a slower one means that the database is overloaded or gone."""

STATEMENTS: Final = 100
"""Statements that stay prepared in a connection: more than we have."""

CLOSE_SECONDS: Final = 3.0


class DatabaseSettings(ProcessSettings):
    """The database and the size of the connection pool."""

    database_url: PostgresDsn = Field(description="URL of the database, for the role oxy_app.")
    database_spare_connections: int = Field(
        default=8,
        ge=1,
        description="Connections beyond one per turn and job: ingest, settings, relays, leases.",
    )
    database_prepared_statements: bool = Field(
        default=True,
        description="Whether statements stay prepared in a connection. Off: the URL may be PgBouncer's in transaction "
        "mode, where the next statement may run in another one.",
    )


async def _leave_as_is(_: object) -> None:
    """Replace the reset that asyncpg sends at each release: nothing we set outlives its transaction.

    The reset would double the round trips of each engine step.
    """


@asynccontextmanager
async def connected_pool(
    url: str, *, connections: int, prepared_statements: bool = True
) -> AsyncIterator["Pool[Record]"]:
    """Open a connection pool. It connects lazily, so PostgreSQL need not be up yet."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=connections,
        command_timeout=COMMAND_SECONDS,
        timeout=5,
        max_inactive_connection_lifetime=300,
        reset=_leave_as_is,
        statement_cache_size=STATEMENTS if prepared_statements else 0,
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
            pool.terminate()  # the database is gone, and the connections with it


@asynccontextmanager
async def organization_transaction(pool: "Pool[Record]", organization: UUID) -> AsyncIterator[Connection]:
    """Open a transaction that sees the rows of one organization."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select enter_org($1)", organization)
        yield connection
