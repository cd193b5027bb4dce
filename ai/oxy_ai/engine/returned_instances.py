"""Has turns that wait for their instance tried as soon as it is back, not only at their next retry; likewise jobs.

Each conversation has a transaction of its own, after that of the settings: those hold the instance's row of the relays'
queue, which others lock after a conversation. So a worker may end in between; then another one that applies the same
settings wakes the turns, or the next reading of the settings.
"""

from uuid import UUID

import structlog

from oxy_ai.engine.store import Engine

log = structlog.get_logger()


async def wake_returned(engine: Engine, organization: UUID | None = None) -> int:
    """Make turns and jobs due whose instance is back, of one organization or of all; returns how many."""
    wanted = None if organization is None else [organization]
    jobs: int = await engine.pool.fetchval("select return_jobs($1)", wanted)
    if jobs:
        log.info("held_jobs_returned", jobs=jobs)
    rows = await engine.pool.fetch("select organization, conversation from returned_turns($1)", wanted)
    woken = sum([await wake_if_returned(engine, row["organization"], row["conversation"]) for row in rows])
    if woken:
        log.info("waiting_turns_woken", turns=woken)
    return woken + jobs


async def wake_if_returned(engine: Engine, organization: UUID, conversation: int) -> bool:
    """Make a conversation's turn due if it waits for an instance that is back; False: it does not."""
    woken: bool = await engine.pool.fetchval("select wake_if_returned($1, $2)", organization, conversation)
    return woken
