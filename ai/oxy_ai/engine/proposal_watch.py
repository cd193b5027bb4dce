"""Tells an owner who has not answered a question about an act that nothing was done."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from pydantic import Field

from oxy_ai.assistants.proposals import PATIENCE, expiry_of
from oxy_ai.engine.store import Engine
from oxy_ai.records import Answer, RelayTarget
from oxy_core.identity import new_id
from oxy_core.settings import ProcessSettings

_AFTERWARDS: Final = 1_000
"""Piece of the text among those of the turn that has asked: after them all."""

log = structlog.get_logger()


class ProposalSettings(ProcessSettings):
    """How questions to owners are watched."""

    proposals_check_seconds: float = Field(
        default=60, gt=0, description="How often a worker looks for questions to owners that were not answered in time."
    )


async def watch_proposals(engine: Engine, settings: ProposalSettings, on_text: Callable[[RelayTarget], None]) -> None:
    """Tell owners until cancelled; raises the error of an outage."""
    while True:
        rows = await engine.pool.fetch(
            "select organization, instance, proposal, intent from unanswered_proposals($1)", PATIENCE
        )
        for organization, instance, proposal, intent in rows:
            text = expiry_of(intent)
            message = Answer(id=new_id(), piece=_AFTERWARDS, text=text, keep_seconds=PATIENCE.total_seconds())
            if await engine.pool.fetchval(
                "select expire_proposal($1, $2, $3)", organization, proposal, message.model_dump_json()
            ):
                log.info("proposal_expired", organization_id=str(organization))
                on_text(RelayTarget(organization, instance))
        await asyncio.sleep(settings.proposals_check_seconds)
