"""The database that an evaluation creates, migrates, uses and drops beside those of a PostgreSQL server."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from oxy_ai.errors import AdministrationError
from oxy_ai.migrate import migrate

PREFIX: Final = "oxy_evaluation_"
"""Of scratch databases."""

_STAMP: Final = "%Y%m%d%H%M%S"
_LEFT: Final = timedelta(hours=12)
"""Age of a scratch database that nobody is connected to, from which on it was left behind by a run that was killed."""


@contextmanager
def scratch_database(owner_url: str) -> Iterator[str]:
    """Create and migrate a database below an owner's URL, and drop it in the end; yields its URL, for that owner.

    The owner must be allowed to create databases and roles. No other database of the server is touched, and of its
    roles only missing ones are created. Raises AdministrationError if the server refuses.
    """
    url = make_url(owner_url).set(drivername="postgresql")
    name = f"{PREFIX}{datetime.now(UTC):{_STAMP}}_{secrets.token_hex(4)}"
    scratch = url.set(database=name).render_as_string(hide_password=False)
    with _server(url) as server:
        _drop_left(server)
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        with _explained():
            migrate(scratch, None)
        yield scratch
    finally:
        with _server(url) as server:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def _server(url: URL) -> Iterator["psycopg.Connection[tuple[str]]"]:
    with _explained(), psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        yield connection


@contextmanager
def _explained() -> Iterator[None]:
    """Say what to do where the server refuses."""
    try:
        yield
    except psycopg.Error as error:
        message = (
            f"PostgreSQL refuses ({str(error).strip()}): give --database-url the URL of a role that may create "
            "databases and roles, as postgresql://postgres:…@localhost:5432/postgres"
        )
        raise AdministrationError(message) from error


def _drop_left(server: "psycopg.Connection[tuple[str]]") -> None:
    """Drop what runs that were killed have left."""
    rows = server.execute(
        "select datname from pg_database d where datname like %s "
        "and not exists (select from pg_stat_activity a where a.datid = d.oid)",
        [f"{PREFIX}%"],
    ).fetchall()
    for (name,) in rows:
        if _is_left(name):
            server.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def _is_left(name: str) -> bool:
    """Whether a run of long ago has left a database; one of another name is somebody's."""
    try:
        made = datetime.strptime(name.removeprefix(PREFIX).partition("_")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return datetime.now(UTC) - made > _LEFT


@asynccontextmanager
async def worker_pool(url: str, connections: int) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Open a pool whose connections have the rights of workers, no more: row-level security holds here, too."""

    async def become_worker(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.execute("set role oxy_app")

    async def leave_as_is(_: object) -> None:
        """Keep the role, which asyncpg would reset with everything else."""

    pool = asyncpg.create_pool(
        url, min_size=0, max_size=connections, init=become_worker, reset=leave_as_is, command_timeout=60
    )
    await pool
    try:
        yield pool
    finally:
        await pool.close()
