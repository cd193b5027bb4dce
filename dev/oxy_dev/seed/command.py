"""``python -m oxy_dev seed``: fills a migrated database with organizations, customers and their conversations."""

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime

import asyncpg

from oxy_core.errors import OxyError
from oxy_dev.seed.loading import load, seeded
from oxy_dev.seed.plan import Numbers


class SeedError(OxyError):
    """The database cannot be seeded; the message says what to do."""


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m oxy_dev seed", description=__doc__)
    parser.add_argument("--organizations", type=_positive, default=50, help="how many (default: %(default)s)")
    parser.add_argument("--messages", type=_positive, default=1_000_000, help="of all together (default: %(default)s)")
    parser.add_argument("--database", default=os.environ.get("OXY_DATABASE_ADMIN_URL"), help="URL, for a superuser")
    options = parser.parse_args()
    try:
        print(asyncio.run(seed(options.database, Numbers(options.organizations, options.messages))))  # noqa: T201 the result
    except SeedError as error:
        sys.stderr.write(f"seed: {error}\n")
        return 1
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "must be at least 1"
        raise argparse.ArgumentTypeError(message)
    return number


async def seed(url: str | None, numbers: Numbers) -> str:
    """Fill the database and say what was done; raises SeedError. What is there already is left as it is."""
    if url is None:
        message = "which database? Set OXY_DATABASE_ADMIN_URL, or give --database"
        raise SeedError(message)
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        message = f"the database cannot be reached ({error}); start it, or correct the URL"
        raise SeedError(message) from error
    try:
        return await _seed(connection, numbers)
    except asyncpg.UndefinedTableError as error:
        message = "the database has no tables; run: python -m oxy_ai.migrate"
        raise SeedError(message) from error
    except asyncpg.InsufficientPrivilegeError as error:
        message = f"the URL must be a superuser's ({error}); give that of the database's administrator"
        raise SeedError(message) from error
    finally:
        await connection.close()


async def _seed(connection: "asyncpg.Connection[asyncpg.Record]", numbers: Numbers) -> str:
    there = await seeded(connection)
    if there == numbers:
        return "nothing to do: the database is seeded with these numbers already"
    if there.organizations:
        message = (
            f"the database is seeded with {there.organizations:,} organizations and {there.messages:,} messages, not "
            f"with {numbers.organizations:,} and {numbers.messages:,}; ask for the same numbers, or use a new database"
        )
        raise SeedError(message)
    began = time.monotonic()
    await load(connection, numbers, datetime.now(UTC))
    spent = time.monotonic() - began
    return f"{numbers.organizations:,} organizations with {numbers.messages:,} messages in {spent:.0f} s"
