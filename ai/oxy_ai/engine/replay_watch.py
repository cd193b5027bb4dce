"""Replays dead turns that a person has asked for while their conversations had something else to answer.

Of one conversation, one after the other: its oldest first. The dead letter says how long that takes (`oxy dlq ls`).
"""

import asyncio
from collections.abc import Callable

import structlog
from pydantic import Field

from oxy_ai.engine.dead_turns import replay_turn
from oxy_ai.engine.store import Engine
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class ReplaySettings(ProcessSettings):
    """How queued replays are watched."""

    replays_check_seconds: float = Field(
        default=5, gt=0, description="How often a worker looks for queued replays whose conversations are free."
    )


async def watch_replays(engine: Engine, settings: ReplaySettings, on_replay: Callable[[], None]) -> None:
    """Replay until cancelled, and call `on_replay` when a turn has become due; raises the error of an outage."""
    while True:
        for organization, turn, unless_answered in await engine.pool.fetch("select * from asked_replays()"):
            replayed = await replay_turn(engine, organization, turn, unless_answered=unless_answered)
            log.info("replay_resumed", organization_id=str(organization), turn=turn, outcome=replayed.outcome)
            on_replay()
        await asyncio.sleep(settings.replays_check_seconds)
