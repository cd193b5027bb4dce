"""Bring the database to this version's schema: ``python -m oxy_ai.migrate``.

Waits for PostgreSQL as long as it takes; several may run at once, one works. Never goes back to an older schema.
"""

import sys
import time
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy
import structlog
from alembic import command
from alembic.config import Config
from psycopg import sql
from pydantic import Field, PostgresDsn, SecretStr
from sqlalchemy.engine import Connection

from oxy_ai.database import SCHEMA_VERSION
from oxy_core.errors import SettingsError
from oxy_core.logs import configure_logging
from oxy_core.settings import ProcessSettings

RETRY_SECONDS: Final = 1.0
_ADVISORY_LOCK: Final = 0x6F7879  # "oxy"

log = structlog.get_logger()


class MigrationSettings(ProcessSettings):
    """Environment of ``python -m oxy_ai.migrate``."""

    database_admin_url: PostgresDsn = Field(description="The database, as its owner with the right to create roles.")
    database_app_password: SecretStr = Field(description="Password that the role oxy_app is given.")


def _engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sqlalchemy.NullPool
    )


def _create_roles(connection: psycopg.Connection[tuple[object, ...]], app_password: str) -> None:
    """Create the roles that are missing and set the worker's password. Roles belong to the whole server.

    Raises SettingsError where a role of that name exists and may pass row-level security.
    """
    for role, rights in (("oxy_app", "login"), ("oxy_scheduler", "nologin")):
        row = connection.execute("select rolsuper or rolbypassrls from pg_roles where rolname = %s", [role]).fetchone()
        if row is None:
            connection.execute(sql.SQL("create role {} " + rights).format(sql.Identifier(role)))
        elif row[0]:
            message = f"the role {role} exists and is a superuser or bypasses row-level security; alter or drop it"
            raise SettingsError(message)
    connection.execute(sql.SQL("alter role oxy_app login password {}").format(sql.Literal(app_password)))
    # Handing functions over to oxy_scheduler takes membership, and the right to create in their schema.
    connection.execute("grant oxy_scheduler to current_user")
    connection.execute("grant create, usage on schema public to oxy_scheduler")
    connection.execute("grant usage on schema public to oxy_app")


def _revise(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def migrate(admin_url: str, app_password: str) -> None:
    """Create the roles and run every revision that is missing, in one transaction under an advisory lock.

    Raises sqlalchemy.exc.OperationalError where PostgreSQL is not there.
    """
    engine = _engine(admin_url)
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            if not isinstance(driver, psycopg.Connection):
                message = "migrations need psycopg"
                raise TypeError(message)
            driver.execute("select pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            _create_roles(driver, app_password)
            _revise(connection)
            driver.execute("revoke create on schema public from oxy_scheduler")
    finally:
        engine.dispose()


def migrate_when_reachable(admin_url: str, app_password: str) -> None:
    """Migrate, waiting for PostgreSQL for as long as it takes."""
    while True:
        try:
            migrate(admin_url, app_password)
        except sqlalchemy.exc.OperationalError as error:
            log.warning("database_unreachable", error=str(error.orig).strip(), retry_seconds=RETRY_SECONDS)
            time.sleep(RETRY_SECONDS)
        else:
            return


def main() -> int:
    """Run the command; returns its exit code."""
    try:
        settings = MigrationSettings.read()
    except SettingsError as error:
        return _complain(error)
    configure_logging("migrate", settings.log_level)
    try:
        migrate_when_reachable(str(settings.database_admin_url), settings.database_app_password.get_secret_value())
    except SettingsError as error:
        return _complain(error)
    log.info("schema_migrated", version=SCHEMA_VERSION)
    return 0


def _complain(error: SettingsError) -> int:
    print(error, file=sys.stderr)  # noqa: T201 a command line speaks on its standard error
    return 2


if __name__ == "__main__":
    sys.exit(main())
