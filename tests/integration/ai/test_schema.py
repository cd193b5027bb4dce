"""Every database has the same schema: new or upgraded, up or back, with data, by old and new processes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from integration.ai.conftest import PASSWORD, TEMPLATE
from integration.ai.schema_catalog import schema_of

from oxy_ai import schema
from oxy_ai.database import SCHEMA_VERSION
from oxy_ai.errors import AdministrationError
from oxy_ai.migrate import VERSIONS, go_back, installed_parts, migrate
from oxy_ai.schema.parts import SchemaPart
from oxy_dev.postgres import PostgresServer

PARTS = installed_parts()
ENGINE = Path(schema.__file__).parent

REVISION = '''
"""A made-up revision of the future: the contact's name in two columns."""

from alembic import op

revision = "0999"
down_revision = "{head}"


def upgrade() -> None:
    op.execute("alter table contacts add column first_name text")
    op.execute("update contacts set first_name = split_part(name, ' ', 1), name = split_part(name, ' ', 2)")
    {upgrade}


def downgrade() -> None:
    op.execute("update contacts set name = first_name || ' ' || name")
    op.execute("alter table contacts drop column first_name")
'''
COLUMN = "    first_name text,\n    primary key (organization_id, id),\n    foreign key (organization_id, instance_id)"
"""The end of the table contacts, as the made-up version's `tables.sql` has it."""

CONTACT = """
insert into organizations (id, name) values ('11111111-1111-4111-8111-111111111111', 'petshop');
insert into instances (organization_id, id, name, settings)
select id, '22222222-2222-4222-8222-222222222222', 'main', '{}' from organizations;
insert into contacts (organization_id, instance_id, name)
select organization_id, id, 'Ana Souza' from instances;
"""


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[[str | None], str]]:
    """Creates databases, empty ones or as the template is, and returns their owner's URL."""
    names: list[str] = []

    def create(template: str | None = None) -> str:
        names.append(f"schema_{uuid4().hex}")
        copied = f"template {template}" if template else ""
        with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
            connection.execute(f"create database {names[-1]} {copied}".encode())
        return postgres_server.url(names[-1])

    yield create
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def future(tmp_path: Path) -> Callable[..., list[Path]]:
    """Writes a made-up newest revision and returns the folders of all revisions."""

    def write(upgrade: str = "pass") -> list[Path]:
        (tmp_path / "r0999_names.py").write_text(REVISION.format(head=head(), upgrade=upgrade))
        return [VERSIONS, tmp_path]

    return write


def head() -> str:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    found = ScriptDirectory.from_config(config).get_current_head()
    assert found is not None
    return found


def changed_engine(*, tables: Callable[[str], str] = str, functions: Callable[[str], str] = str) -> list[SchemaPart]:
    """The parts of a made-up version."""
    engine, *others = PARTS
    return [replace(engine, tables=tables(engine.tables), functions=tuple(map(functions, engine.functions))), *others]


def with_first_name(tables: str) -> str:
    changed = tables.replace(
        "    primary key (organization_id, id),\n    foreign key (organization_id, instance_id)", COLUMN, 1
    )
    assert changed != tables
    return changed


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_workers_wait_for_the_newest_revision() -> None:
    assert int(head()) == SCHEMA_VERSION


def test_a_new_database_and_an_upgraded_one_are_the_same(
    new_database: Callable[..., str], future: Callable[..., list[Path]]
) -> None:
    new, upgraded = new_database(), new_database(TEMPLATE)
    parts = changed_engine(tables=with_first_name)
    for url in (new, upgraded):
        migrate(url, PASSWORD, parts=parts, versions=future())
    assert schema_of(new) == schema_of(upgraded)
    assert any(line.startswith("column contacts.first_name text") for line in schema_of(upgraded))


@pytest.mark.parametrize(
    ("forgotten", "statement"),
    [
        ("column contacts.first_name", "alter table contacts alter column first_name set not null"),
        ("index CREATE INDEX forgotten", "create index forgotten on contacts (first_name)"),
        ("relation r forgotten", "create table forgotten (id bigint primary key)"),
        ("trigger CREATE TRIGGER forgotten", "create trigger forgotten before update on contacts execute function f()"),
        ("enum forgotten", "create type forgotten as enum (''a'')"),
        ("function forgotten()", "create function forgotten() returns integer language sql as ''select 1''"),
    ],
)
def test_a_revision_that_differs_from_the_files_is_found(
    new_database: Callable[..., str], future: Callable[..., list[Path]], forgotten: str, statement: str
) -> None:
    new, upgraded = new_database(), new_database(TEMPLATE)
    parts = changed_engine(tables=with_first_name)
    migrate(new, PASSWORD, parts=parts, versions=future())
    statement = statement.replace("''", "'")
    if "trigger" in statement:
        execute(upgraded, "create function f() returns trigger language plpgsql as 'begin return new; end'")
        execute(upgraded, "grant execute on function f() to public")
    migrate(upgraded, PASSWORD, parts=parts, versions=future(f'op.execute("{statement}")'))
    assert any(line.startswith(forgotten) for line in schema_of(upgraded) ^ schema_of(new))


TAMPERED = {
    "a function's body": (
        "create or replace function gcra(arrival timestamptz, moment timestamptz, per_second double precision, "
        "burst integer, out next_arrival timestamptz, out next_open timestamptz) language sql immutable "
        "as 'select now(), now()'"
    ),
    "a function's owner": "alter function wake_relay(uuid) owner to current_user",
    "a function's right": "grant execute on function enter_org(uuid) to public",
    "a table's right": "grant select on org_queue to oxy_app",
    "a column's right": "grant select (name) on contacts to oxy_scheduler",
    "a missing right": "revoke select on messages from oxy_app",
    "row security": "alter table bookings disable row level security",
    "a policy": "alter policy organization on messages using (true)",
    "a second policy": "create policy open on contacts using (true)",
    "a missing policy": "drop policy organization on catalogs",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED.keys())
def test_each_run_restores_functions_grants_and_policies(new_database: Callable[..., str], statement: str) -> None:
    url = new_database(TEMPLATE)
    before = schema_of(url)
    execute(url, statement)
    assert schema_of(url) != before
    migrate(url, PASSWORD)
    assert schema_of(url) == before


def test_a_run_on_a_current_database_waits_for_no_worker(new_database: Callable[..., str]) -> None:
    url = new_database(TEMPLATE)
    with psycopg.connect(url) as worker:
        for (table,) in worker.execute(
            "select relname from pg_class where relkind = 'r' and relrowsecurity"
        ).fetchall():
            worker.execute(f"lock table {table} in row exclusive mode".encode())  # as every write does
        with psycopg.connect(url, autocommit=True) as connection:
            database = connection.info.dbname
            connection.execute(f"alter database {database} set lock_timeout = '5s'".encode())
        migrate(url, PASSWORD)


def test_functions_that_no_file_defines_any_more_are_dropped_and_foreign_ones_stay(
    new_database: Callable[..., str],
) -> None:
    url = new_database()
    execute(url, "create function theirs() returns integer language sql as 'select 1'")
    old = "create function {} returns integer language sql as 'select 1';"
    engine, *others = PARTS
    was = replace(engine, functions=(*engine.functions, old.format("of_old()"), old.format("wake_relay(x integer)")))
    migrate(url, PASSWORD, parts=[was, *others])
    assert any(line.startswith("function of_old()") for line in schema_of(url))
    migrate(url, PASSWORD)
    functions = {match[1] for line in schema_of(url) if (match := re.match(r"function (\S+\(.*?\)) owner", line))}
    assert "theirs()" in functions
    assert "wake_relay(uuid)" in functions
    assert functions.isdisjoint({"of_old()", "wake_relay(integer)"})


def test_a_function_whose_body_is_wrong_changes_nothing(new_database: Callable[..., str]) -> None:
    url = new_database(TEMPLATE)
    before = schema_of(url)
    wrong = "create function wrong() returns integer language sql as 'select count(*)::integer from nowhere';"
    with pytest.raises(psycopg.errors.UndefinedTable, match="nowhere"):
        migrate(url, PASSWORD, parts=[replace(PARTS[0], functions=(*PARTS[0].functions, wrong)), *PARTS[1:]])
    assert schema_of(url) == before


def test_a_revision_goes_up_and_back_with_its_data(
    new_database: Callable[..., str], future: Callable[..., list[Path]]
) -> None:
    url = new_database(TEMPLATE)
    before = schema_of(url)
    execute(url, CONTACT)
    versions = future()
    migrate(url, PASSWORD, parts=changed_engine(tables=with_first_name), versions=versions)
    assert execute(url, "select first_name, name from contacts") == [("Ana", "Souza")]
    go_back(url, head(), versions=versions)
    assert execute(url, "select name from contacts") == [("Ana Souza",)]
    migrate(url, PASSWORD)
    assert schema_of(url) == before


def test_every_revision_since_the_first_release_goes_back_and_up_again(new_database: Callable[..., str]) -> None:
    url = new_database(TEMPLATE)
    before = schema_of(url)
    execute(url, CONTACT)
    go_back(url, "0008")
    migrate(url, PASSWORD)
    assert schema_of(url) == before
    assert execute(url, "select name from contacts") == [("Ana Souza",)]


def test_an_older_process_leaves_the_database_of_a_newer_one_alone(
    new_database: Callable[..., str], future: Callable[..., list[Path]]
) -> None:
    url = new_database(TEMPLATE)
    parts = changed_engine(tables=with_first_name, functions=lambda text: text.replace("burst - 1", "burst - 2"))
    migrate(url, PASSWORD, parts=parts, versions=future())
    newer = schema_of(url)
    migrate(url, PASSWORD)
    assert schema_of(url) == newer


def test_a_part_that_is_installed_later_gets_its_tables(new_database: Callable[..., str]) -> None:
    late, complete = new_database(), new_database(TEMPLATE)
    migrate(late, PASSWORD, parts=PARTS[:2])
    assert not execute(late, "select from pg_class where relname = 'catalogs'")
    migrate(late, PASSWORD)
    assert schema_of(late) == schema_of(complete)


@pytest.mark.parametrize("revision", ["0001", "0007"])
def test_a_database_older_than_the_first_release_is_refused_with_advice(
    new_database: Callable[..., str], revision: str
) -> None:
    url = new_database()
    execute(url, f"create table alembic_version as select '{revision}' as version_num")
    with pytest.raises(
        AdministrationError, match="of a development version, which cannot be upgraded: use a new database"
    ):
        migrate(url, PASSWORD)


def test_going_back_beyond_the_first_release_is_refused(new_database: Callable[..., str]) -> None:
    with pytest.raises(AdministrationError, match="cannot go back to revision '0007'"):
        go_back(new_database(TEMPLATE), "0007")


LINE_OF_BUSINESS = re.compile(
    r"\b(pets?(shop)?|bookings?|appointments?|services?|catalog(ue)?s?|holidays?)\b", re.IGNORECASE
)


PURPOSE = re.compile(r"'booking'|\breport,booking,promotion\b")
"""What a text is about that nobody asked for: `oxy_ai.reputation.Purpose`."""


def test_the_engine_mentions_no_line_of_business() -> None:
    files = [*ENGINE.glob("*.sql"), *(ENGINE.parent / "engine").glob("*.py")]
    texts = [(file.name, PURPOSE.sub("", file.read_text())) for file in files]
    assert [f"{name}: {match[0]}" for name, text in texts for match in LINE_OF_BUSINESS.finditer(text)] == []
