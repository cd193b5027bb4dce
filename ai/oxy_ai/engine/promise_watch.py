"""Watches that no promise of a person is forgotten: whoever waits in silence for one, too long, is brought to mind.

A customer who writes again is answered, and the owner hears of it then. One who waits politely nobody would find.
"""

import asyncio

import structlog
from pydantic import Field

from oxy_ai.database import organization_transaction
from oxy_ai.engine.store import Engine
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class PromiseSettings(ProcessSettings):
    """How promises are watched."""

    promises_check_seconds: float = Field(
        default=60, gt=0, description="How often a worker looks for customers for whom nobody had time."
    )


async def watch_promises(engine: Engine, settings: PromiseSettings) -> None:
    """Remind owners until cancelled; raises the error of an outage."""
    while True:
        for row in await engine.pool.fetch("select * from organizations_with_forgotten_promises() as o (id)"):
            async with organization_transaction(engine.pool, row["id"]) as connection:
                reminded = await connection.fetchval("select remind_of_promises($1)", row["id"])
            log.warning("promises_reminded_of", organization_id=str(row["id"]), promises=reminded)
        await asyncio.sleep(settings.promises_check_seconds)
