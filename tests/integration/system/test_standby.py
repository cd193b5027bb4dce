"""PostgreSQL with a synchronous standby: what was committed survives the loss of the primary and its disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oxy_dev.postgres import PostgresServer


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A primary and its standby."""
    primary, standby = PostgresServer(tmp_path / "primary"), PostgresServer(tmp_path / "standby")
    try:
        primary.start()
        standby.follow(primary)
        yield primary, standby
    finally:
        for server in (primary, standby):
            server.kill()


def run(server: PostgresServer, *queries: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url("oxy"), autocommit=True) as connection:
        for query in queries[:-1]:
            connection.execute(query)
        return connection.execute(queries[-1]).fetchall()


def test_a_standby_takes_over_everything_committed(pair: tuple[PostgresServer, PostgresServer]) -> None:
    primary, standby = pair
    assert run(primary, "create table kept (n int)", "insert into kept values (1) returning n") == [(1,)]
    primary.kill()
    shutil.rmtree(primary.folder)
    standby.promote()
    assert run(standby, "select n from kept") == [(1,)]
    assert run(standby, "insert into kept values (2) returning n") == [(2,)]


def test_the_new_primary_gets_a_standby_of_its_own(pair: tuple[PostgresServer, PostgresServer], tmp_path: Path) -> None:
    primary, standby = pair
    primary.kill()
    standby.promote()
    assert not standby.is_followed()
    third = PostgresServer(tmp_path / "third")
    try:
        third.follow(standby)
        assert standby.is_followed()
    finally:
        third.kill()
