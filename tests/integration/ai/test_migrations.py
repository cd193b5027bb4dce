"""Any owner of the database can migrate it, any number of times."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from integration.ai.conftest import PASSWORD
from integration.ai.scene import Scene, settings_of, until

from oxy_ai.database import SCHEMA_VERSION, connected_pool
from oxy_ai.engine.store import Engine
from oxy_ai.migrate import migrate
from oxy_core.errors import SettingsError
from oxy_dev.postgres import PostgresServer


@pytest.fixture
def empty(own_postgres: PostgresServer) -> Iterator[str]:
    """The name of an empty database on this test's own server, owned by a role that is not a superuser."""
    with psycopg.connect(own_postgres.url(), autocommit=True) as connection:
        connection.execute("create role owner login createrole")
        connection.execute("grant oxy_app, oxy_scheduler to owner with admin option")
        connection.execute("create database owned owner owner")
    return "owned"


def test_an_owner_who_is_not_a_superuser_can_migrate_twice(own_postgres: PostgresServer, empty: str) -> None:
    for _ in range(2):
        migrate(own_postgres.url(empty, user="owner"), PASSWORD)
    with psycopg.connect(own_postgres.url(empty, user="oxy_app", password=PASSWORD)) as connection:
        assert connection.execute("select schema_version()").fetchone() == (SCHEMA_VERSION,)


def test_several_migrations_at_once_do_the_work_once(own_postgres: PostgresServer) -> None:
    name = f"shared_{uuid4().hex}"
    with psycopg.connect(own_postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: migrate(own_postgres.url(name), PASSWORD), range(3)))
    with psycopg.connect(own_postgres.url(name)) as connection:
        assert connection.execute("select count(*) from alembic_version").fetchone() == (1,)


def test_a_role_that_passes_row_level_security_is_refused(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url(), autocommit=True) as connection:
        connection.execute("alter role oxy_app bypassrls")
    with pytest.raises(SettingsError, match="oxy_app exists and is a superuser or bypasses"):
        migrate(own_postgres.url(), PASSWORD)


async def test_a_database_without_schema_has_version_0_and_keeps_a_worker_waiting(
    scene: Scene, postgres_server: PostgresServer
) -> None:
    name = f"bare_{uuid4().hex}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    scene.database_url = postgres_server.url(name, user="oxy_app", password=PASSWORD)
    async with connected_pool(scene.database_url, connections=1) as pool:
        assert await Engine(pool).schema_version() == 0
    worker = scene.process()
    worker.start()
    try:
        await until(worker.status, 60)
        assert await worker.status() == 503
        await asyncio.to_thread(migrate, postgres_server.url(name), PASSWORD)
        await until(worker.ready, 60)
        assert await asyncio.to_thread(worker.terminate) == 0
    finally:
        worker.kill()


async def test_functions_are_replaced_under_workers_that_answer(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(), asyncio.TaskGroup() as group:
        await pod.answer_to("Oi")
        migrating = group.create_task(asyncio.to_thread(migrate_often, scene.admin_url, 5))
        asked = 1
        while not migrating.done():
            asked += 1
            await pod.answer_to("Oi", f"+5511900{asked:06d}")
    assert asked > 1
    assert len(pod.sent) == asked
    assert await scene.value("select sum(attempts) from turns") == 0


def migrate_often(url: str, times: int) -> None:
    for _ in range(times):
        migrate(url, PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [((), 0, ""), (("--back-to", "0008"), 0, ""), (("--back-to", "0007"), 2, "cannot go back to revision '0007'")],
)
def test_the_command_migrates_or_goes_back(
    postgres_server: PostgresServer, database: str, arguments: tuple[str, ...], status: int, words: str
) -> None:
    environment = {
        "OXY_DATABASE_ADMIN_URL": postgres_server.url(database),
        "OXY_DATABASE_APP_PASSWORD": PASSWORD,
        "OXY_LOG_LEVEL": "error",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "oxy_ai.migrate", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == status, ended.stderr
    assert words in ended.stderr


def test_going_back_without_a_database_ends_in_one_line() -> None:
    environment = {
        "OXY_DATABASE_ADMIN_URL": "postgresql://nobody@127.0.0.1:1/oxy",
        "OXY_DATABASE_APP_PASSWORD": PASSWORD,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "oxy_ai.migrate", "--back-to", "0008"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("PostgreSQL is not reachable")
    assert "Traceback" not in ended.stderr
