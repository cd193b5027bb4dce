"""Migrate the database to this version's schema: ``python -m oxy_ai.migrate``.

Waits until PostgreSQL is reachable. Several processes may run at once; a lock lets one migrate at a time. An older
version does not change a newer version's database. To return to an older version, stop the workers, run this version's
``python -m oxy_ai.migrate --back-to <revision>`` and then the older version's ``python -m oxy_ai.migrate``.
"""

if __name__ == "__main__":
    from oxy_core.early_signals import UNFINISHED, end_on_signals

    end_on_signals(UNFINISHED)  # PostgreSQL rolls back what is cut off

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy
import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import sql
from pydantic import Field, PostgresDsn, SecretStr
from sqlalchemy.engine import Connection

from oxy_ai.database import SCHEMA_VERSION
from oxy_ai.errors import AdministrationError
from oxy_ai.schema.apply import Connection as Driver
from oxy_ai.schema.apply import apply_functions, create_tables
from oxy_ai.schema.parts import SchemaPart
from oxy_ai.verticals import packages_of_verticals
from oxy_core.errors import SettingsError
from oxy_core.logs import configure_logging
from oxy_core.settings import ProcessSettings

RETRY_SECONDS: Final = 1.0
VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_MIGRATIONS: Final = VERSIONS.parent
_PARTS: Final = (
    "oxy_ai",
    "oxy_ai.erasures",
    "oxy_ai.events",
    "oxy_ai.jobs",
    "oxy_ai.scheduling",
    "oxy_ai.automations",
    "oxy_ai.campaigns",
    "oxy_ai.retention",
    "oxy_ai.schedules",
)
_ADVISORY_LOCK: Final = 0x6F7879  # "oxy"

log = structlog.get_logger()


class MigrationSettings(ProcessSettings):
    """Environment of ``python -m oxy_ai.migrate``."""

    database_admin_url: PostgresDsn = Field(description="URL of the database, for its owner, who can create roles.")
    database_app_password: SecretStr = Field(description="Password to set for the role oxy_app.")


def installed_parts() -> tuple[SchemaPart, ...]:
    """Return the schema parts of this installation; each may reference tables of earlier ones."""
    return tuple(map(SchemaPart.of, (*_PARTS, *packages_of_verticals())))


def _engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sqlalchemy.NullPool
    )


def _create_roles(connection: Driver, app_password: str | None) -> None:
    """Create missing roles and set the password of oxy_app, or, without one, let this owner act as it.

    Roles belong to the whole server: a password that is set here counts for other databases as well.

    Raises SettingsError if an existing role of that name bypasses row-level security.
    """
    for role, rights in (("oxy_app", "login"), ("oxy_scheduler", "nologin")):
        row = connection.execute("select rolsuper or rolbypassrls from pg_roles where rolname = %s", [role]).fetchone()
        if row is None:
            connection.execute(sql.SQL("create role {} " + rights).format(sql.Identifier(role)))
        elif row[0]:
            message = f"the role {role} exists and is a superuser or bypasses row-level security; alter or drop it"
            raise SettingsError(message)
    if app_password is None:
        connection.execute("grant oxy_app to current_user")
    else:
        connection.execute(sql.SQL("alter role oxy_app login password {}").format(sql.Literal(app_password)))
        # Row-level security has the planner expect many rows where there are few: to compile would take longest.
        connection.execute("alter role oxy_app set jit = off")
    # To make oxy_scheduler the owner of functions requires membership in it, and its right to create in the schema.
    connection.execute("grant oxy_scheduler to current_user")
    connection.execute("grant create, usage on schema public to oxy_scheduler")
    connection.execute("grant usage on schema public to oxy_app")


def _alembic(connection: Connection, versions: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, versions)))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _locked(admin_url: str) -> Iterator[tuple[Connection, Driver]]:
    """Open a transaction in which no other process migrates; yields it as SQLAlchemy's and psycopg's connection."""
    engine = _engine(admin_url)
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            if not isinstance(driver, psycopg.Connection):
                message = "migrations need psycopg"
                raise TypeError(message)
            driver.execute("select pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            yield connection, driver
    finally:
        engine.dispose()


def migrate(
    admin_url: str,
    app_password: str | None,
    *,
    parts: Sequence[SchemaPart] | None = None,
    versions: Sequence[Path] = (VERSIONS,),
) -> None:
    """Migrate tables, functions, grants and policies to this version, in one transaction under an advisory lock.

    A new database gets its tables from `parts` (default: all that are installed), an existing one from the revisions
    in the folders `versions`. A newer version's database is left unchanged: an older process must not downgrade its
    functions. Without a password for oxy_app, that role's is left alone, and the owner may act as it.
    Raises sqlalchemy.exc.OperationalError if PostgreSQL is unreachable, and AdministrationError if the database is
    older than the first release.
    """
    parts = installed_parts() if parts is None else parts
    with _locked(admin_url) as (connection, driver):
        config = _alembic(connection, versions)
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is not None and not _is_known(config, revision):
            log.warning("schema_newer", revision=revision, version=SCHEMA_VERSION)
            return
        _create_roles(driver, app_password)
        if revision is None:
            create_tables(driver, parts)
            command.stamp(config, "head")
        else:
            command.upgrade(config, "head")
            create_tables(driver, parts)  # of parts that were installed since
        apply_functions(driver, parts)
        # _create_roles granted it for the change of owners; at run time oxy_scheduler creates nothing.
        driver.execute("revoke create on schema public from oxy_scheduler")


def _is_known(config: Config, revision: str) -> bool:
    """Whether this version can upgrade from a revision; False: the revision is newer.

    Raises AdministrationError for a revision older than the first release.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known and revision < min(known):
        message = (
            f"the database has schema {revision} of a development version, which cannot be upgraded: "
            "use a new database, or empty this one (drop schema public cascade; create schema public)"
        )
        raise AdministrationError(message)
    return revision in known


def go_back(admin_url: str, revision: str, *, versions: Sequence[Path] = (VERSIONS,)) -> None:
    """Downgrade tables and data to an older revision; that version's `migrate` then restores its functions.

    Raises AdministrationError for a revision that does not exist.
    """
    with _locked(admin_url) as (connection, _):
        try:
            command.downgrade(_alembic(connection, versions), revision)
        except CommandError as error:
            message = f"cannot go back to revision {revision!r}: {error}"
            raise AdministrationError(message) from error


def migrate_when_reachable(admin_url: str, app_password: str) -> None:
    """Migrate, retrying until PostgreSQL is reachable."""
    while True:
        try:
            migrate(admin_url, app_password)
        except sqlalchemy.exc.OperationalError as error:
            log.warning("database_unreachable", error=str(error.orig).strip(), retry_seconds=RETRY_SECONDS)
            time.sleep(RETRY_SECONDS)
        else:
            return


def _back_to(arguments: Sequence[str] | None) -> str | None:
    parser = argparse.ArgumentParser(
        prog="python -m oxy_ai.migrate", description="Migrate the database to this version's schema."
    )
    parser.add_argument(
        "--back-to", metavar="REVISION", help="instead, downgrade tables and data to an older revision (0008 or later)"
    )
    revision: str | None = parser.parse_args(arguments).back_to
    return revision


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    revision = _back_to(arguments)
    try:
        settings = MigrationSettings.read()
    except SettingsError as error:
        return _complain(error)
    configure_logging("migrate", settings.log_level)
    try:
        if revision is not None:
            go_back(str(settings.database_admin_url), revision)
        else:
            migrate_when_reachable(str(settings.database_admin_url), settings.database_app_password.get_secret_value())
    except sqlalchemy.exc.OperationalError as error:
        return _complain(f"PostgreSQL is not reachable: {str(error.orig).strip()}")
    except (AdministrationError, SettingsError) as error:
        return _complain(error)
    log.info("schema_migrated", version=revision or SCHEMA_VERSION)
    return 0


def _complain(error: object) -> int:
    print(error, file=sys.stderr)  # noqa: T201 a command line speaks on its standard error
    return 2


if __name__ == "__main__":
    sys.exit(main())
