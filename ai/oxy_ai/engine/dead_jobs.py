"""Jobs that failed for good, as dead letters. Their ids are ``job:<organization>:<number>``."""

from collections.abc import AsyncIterator
from typing import Final

from asyncpg import Record

from oxy_ai.database import organization_transaction
from oxy_ai.engine.dead_letters import (
    ACTOR,
    Action,
    DeadLetter,
    Detail,
    Wanted,
    history_line,
    letter_pages,
    numbered,
    unknown_letter,
)
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_core.identity import mask

_PAGE_OF_JOBS: Final = "select * from dead_jobs($1, $2, $3, $4, $5, $6)"
_HISTORY: Final = (
    "select at, actor, action, detail from audit_log where organization_id = $1 and detail = $2 order by id"
)


class DeadJobs:
    """Jobs whose attempts are used up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def letters(self, wanted: Wanted) -> AsyncIterator[DeadLetter]:
        """Yield those that have died until now, the first death first."""
        async for row in letter_pages(self._engine, _PAGE_OF_JOBS, wanted):
            yield _letter(row)

    async def show(self, key: str) -> Detail:
        """Return one with its payload and what was done to it."""
        job = numbered("job", key)
        async with organization_transaction(self._engine.pool, job.organization) as connection:
            row = await connection.fetchrow("select * from dead_job_of($1, $2)", job.organization, job.number)
            if row is None:
                raise AdministrationError(unknown_letter(f"job:{key}"))
            history = await connection.fetch(_HISTORY, job.organization, f"job:{job.number}")
        return Detail(
            **_letter(row).model_dump(),
            data=row["payload"],
            key=row["key"],
            lane=row["lane"],
            planned_at=row["planned_at"],
            trace=row["trace"],
            history=[history_line(item) for item in history],
        )

    async def replay(self, key: str, *, unless_answered: bool = False) -> Action:  # noqa: ARG002 a job reads again what there is to do
        """Give a job new attempts; it takes its old place among the others of its organization."""
        await self._settle("replay_job", key)
        happened = f"job:{key} is due again, in its old place; a worker will claim it now."
        return Action(id=f"job:{key}", outcome="replayed", message=happened)

    async def drop(self, key: str) -> Action:
        """Give a job up."""
        await self._settle("drop_job", key)
        return Action(id=f"job:{key}", outcome="dropped", message=f"job:{key} is dropped; it will not run again.")

    async def _settle(self, function: str, key: str) -> None:
        job = numbered("job", key)
        query = f"select {function}($1, $2, $3)"
        if not await self._engine.pool.fetchval(query, job.organization, job.number, ACTOR):
            raise AdministrationError(unknown_letter(f"job:{key}"))


def _letter(row: Record) -> DeadLetter:
    return DeadLetter(
        id=f"job:{row['organization']}:{row['job']}",
        kind="job",
        organization=row["organization"],
        instance=row["instance"],
        reason=f"{row['kind']}: {row['reason']}",
        at=row["at"],
        attempts=row["attempts"],
        contact=None if row["phone"] is None else mask(row["phone"]),
    )
