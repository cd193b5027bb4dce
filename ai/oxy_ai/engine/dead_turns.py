"""Turns that failed for good, as dead letters. Their ids are ``turn:<organization>:<number>``."""

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Final
from uuid import UUID

from asyncpg import Record
from pydantic import AwareDatetime, BaseModel

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

_PAGE_OF_TURNS: Final = "select * from dead_turns($1, $2, $3, $4, $5, $6)"
_STEPS: Final = "select count(*) from turn_steps where organization_id = $1 and turn_id = $2"
_INPUTS: Final = "select body from messages where organization_id = $1 and turn_id = $2 order by place, id"
_HISTORY: Final = """
select at, actor, action, detail from audit_log where organization_id = $1 and turn_id = $2 order by id
"""


class DeadTurns:
    """Turns whose attempts are used up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def letters(self, wanted: Wanted) -> AsyncIterator[DeadLetter]:
        """Yield those that have died until now, the first death first."""
        async for row in letter_pages(self._engine, _PAGE_OF_TURNS, wanted):
            yield _letter(row)

    async def show(self, key: str) -> Detail:
        """Return one with its inputs and what was done to it."""
        turn = numbered("turn", key)
        named = (turn.organization, turn.number)
        async with organization_transaction(self._engine.pool, turn.organization) as connection:
            row = await connection.fetchrow("select * from dead_turn_of($1, $2)", *named)
            if row is None:
                raise AdministrationError(unknown_letter(f"turn:{key}"))
            steps = await connection.fetchval(_STEPS, *named)
            inputs = await connection.fetch(_INPUTS, *named)
            history = await connection.fetch(_HISTORY, *named)
        return Detail(
            **_letter(row).model_dump(),
            inputs=[item["body"] for item in inputs],
            steps=steps,
            history=[history_line(item) for item in history],
        )

    async def replay(self, key: str, *, unless_answered: bool = False) -> Action:
        """Give a turn new attempts; a worker claims it like any other.

        `unless_answered`: not if a person of the business has written to the customer since.
        """
        turn = numbered("turn", key)
        replayed = await replay_turn(self._engine, turn.organization, turn.number, unless_answered=unless_answered)
        return _done(key, replayed.outcome, replayed.sentence)

    async def drop(self, key: str) -> Action:
        """Discard a turn; the apology has already promised the customer that a person will answer."""
        turn = numbered("turn", key)
        outcome = await self._engine.pool.fetchval(
            "select drop_turn($1, $2, $3)", turn.organization, turn.number, ACTOR
        )
        return _done(key, outcome, "is dropped; it will not run again")


class Replayed(BaseModel):
    """What `replay_turn` did."""

    outcome: str
    due: AwareDatetime | None = None
    """When a takeover ends that it waits for."""

    @property
    def sentence(self) -> str:
        """What happens next."""
        if self.outcome == "answered":
            return "is not replayed: a person has written to the customer since; replay it by its id if it is needed"
        if self.outcome == "queued":
            return "keeps its place: the conversation has something else to answer first, and then it is due again"
        if self.due is not None:
            at = self.due.astimezone(UTC)
            return f"is due at {at:%Y-%m-%dT%H:%M:%SZ}: a person is writing to the customer, so it waits until then"
        return "is due again; a worker will claim it now"


async def replay_turn(engine: Engine, organization: UUID, turn: int, *, unless_answered: bool) -> Replayed:
    """Reopen a dead turn, or queue it behind what its conversation answers now."""
    document = await engine.pool.fetchval(
        "select replay_turn($1, $2, $3, $4)", organization, turn, ACTOR, unless_answered
    )
    return Replayed.model_validate_json(document)


def _done(key: str, outcome: str, happened: str) -> Action:
    if outcome == "missing":
        raise AdministrationError(unknown_letter(f"turn:{key}"))
    return Action(id=f"turn:{key}", outcome=outcome, message=f"turn:{key} {happened}.")


def _letter(row: Record) -> DeadLetter:
    return DeadLetter(
        id=f"turn:{row['organization']}:{row['turn']}",
        kind="turn",
        organization=row["organization"],
        instance=row["instance"],
        reason=row["reason"],
        at=row["at"],
        attempts=row["attempts"],
        contact=None if row["phone"] is None else mask(row["phone"]),
        replay="queued" if row["asked"] else None,
    )
