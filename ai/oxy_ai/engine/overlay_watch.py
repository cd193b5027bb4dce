"""Ends what an owner has changed of the settings for a time only, when that is over: a pause until tomorrow morning."""

import asyncio
from collections.abc import Callable

import structlog
from pydantic import Field

from oxy_ai.database import organization_transaction
from oxy_ai.engine.returned_instances import wake_returned
from oxy_ai.engine.store import Engine
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class OverlaySettings(ProcessSettings):
    """How overlays of settings are watched."""

    overlays_check_seconds: float = Field(
        default=60, gt=0, description="How often a worker looks for changed settings whose time is over."
    )


async def watch_overlays(engine: Engine, settings: OverlaySettings, on_change: Callable[[], None]) -> None:
    """End overlays until cancelled, and call `on_change` after each; raises the error of an outage."""
    while True:
        rows = await engine.pool.fetch("select organization, instance from instances_with_overdue_overlays()")
        for organization, instance in rows:
            async with organization_transaction(engine.pool, organization) as connection:
                ended = await connection.fetchval("select refresh_settings($1, $2)", organization, instance)
            if ended:
                log.info("overlay_ended", organization_id=str(organization))
                await wake_returned(engine, organization)
                on_change()
        await asyncio.sleep(settings.overlays_check_seconds)
