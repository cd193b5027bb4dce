"""Real servers for the AI worker's tests: a template database is migrated once and cloned for each test."""

import os
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import EntryPoints, entry_points

import httpx2
import psycopg
import pytest
from integration.ai.engine_database import TEMPLATE, Database, new_database
from integration.ai.scene import SCHEDULES_BEGIN, Scene, admin_connections, running_model

from oxy_ai.migrate import migrate
from oxy_core.bus import connected
from oxy_core.jetstream import ensure_streams
from oxy_core.tasks import end_tasks
from oxy_dev.postgres import PostgresServer, running_postgres
from oxy_dev.servers import NatsServer

PASSWORD = "app-password"


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Read the trusted certificates and the packages' metadata once, not for each of hundreds of workers."""
    create = httpx2.create_ssl_context

    @cache
    def created(_: tuple[str | None, ...]) -> ssl.SSLContext:
        return create()

    @cache
    def found(_: tuple[str, ...], group: str) -> EntryPoints:
        return entry_points(group=group)

    with pytest.MonkeyPatch.context() as patch:
        named = "SSL_CERT_FILE", "SSL_CERT_DIR"
        patch.setattr(httpx2, "create_ssl_context", lambda: created(tuple(os.environ.get(name) for name in named)))
        patch.setattr("oxy_ai.verticals.entry_points", lambda *, group: found(tuple(sys.path), group))
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with running_postgres(tmp_path_factory.mktemp("postgres"), flushing=False) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"create database {TEMPLATE}")
        migrate(server.url(TEMPLATE), PASSWORD)
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of this test's own migrated database."""
    with new_database(postgres_server) as name:
        yield name


@pytest.fixture(scope="module")
def engine_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database that the tests of one file share; each undoes what it did."""
    with new_database(postgres_server) as name:
        yield postgres_server.url(name)


@pytest.fixture
def engine(engine_url: str) -> Iterator[Database]:
    """One organization and one instance, in a transaction that is rolled back."""
    with psycopg.connect(engine_url) as connection:
        yield Database(connection)
        connection.rollback()


@asynccontextmanager
async def staged(
    nats: NatsServer, postgres: PostgresServer, database: str, *, fragile: bool = False
) -> AsyncIterator[Scene]:
    async with (
        connected(nats.url, name="stage") as client,
        running_model() as model,
        admin_connections(postgres.url(database), kept=not fragile) as admin,
    ):
        await ensure_streams(client.jetstream())
        url = postgres.url(database, user="oxy_app", password=PASSWORD)
        built = Scene(nats.url, url, postgres.url(database), model, client, admin)
        await built.query(SCHEDULES_BEGIN.format("'infinity'"))
        try:
            yield built
        finally:
            await end_tasks(*built.tasks)


@pytest.fixture
async def scene(nats_server: NatsServer, postgres_server: PostgresServer, database: str) -> AsyncIterator[Scene]:
    async with staged(nats_server, postgres_server, database) as built:
        yield built


@pytest.fixture
async def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """This test's own PostgreSQL, to be killed."""
    with running_postgres(tmp_path_factory.mktemp("own-postgres"), flushing=False) as server:
        migrate(server.url(), PASSWORD)
        yield server


@pytest.fixture
async def fragile_scene(nats_server: NatsServer, own_postgres: PostgresServer) -> AsyncIterator[Scene]:
    """A scene whose servers the test may kill."""
    async with staged(nats_server, own_postgres, "postgres", fragile=True) as built:
        yield built
