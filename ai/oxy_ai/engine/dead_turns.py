"""Turns that failed for good, as dead letters. Their ids are ``turn:<organization>:<number>``."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from asyncpg import Record
from pydantic import AwareDatetime, BaseModel

from oxy_ai.database import organization_transaction
from oxy_ai.engine.dead_letters import NUMBER, PAGE, Action, DeadLetter, Detail, Wanted, unknown_letter
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id
from oxy_core.identity import mask

_ACTOR: Final = "administrator"
_BEFORE_ALL: Final = (datetime.min.replace(tzinfo=UTC), 0)


class _TurnKey(NamedTuple):
    name: str
    organization: UUID
    number: int


def _turn_key(key: str) -> _TurnKey:
    organization, _, number = key.rpartition(":")
    if not organization or NUMBER.fullmatch(number) is None:
        raise AdministrationError(unknown_letter(f"turn:{key}"))
    return _TurnKey(organization, organization_id(organization), int(number))


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
        organization = None if wanted.organization is None else organization_id(wanted.organization)
        now = await self._engine.pool.fetchval("select clock_timestamp()")
        last = _BEFORE_ALL
        while True:
            rows = await self._engine.pool.fetch(_PAGE_OF_TURNS, organization, wanted.instance, *last, now, PAGE)
            for row in rows:
                yield _letter(row)
            if len(rows) < PAGE:
                return
            last = rows[-1]["at"], rows[-1]["turn"]

    async def show(self, key: str) -> Detail:
        """Return one with its inputs and what was done to it."""
        turn = _turn_key(key)
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
            history=[_line(item) for item in history],
        )

    async def replay(self, key: str, *, unless_answered: bool = False) -> Action:
        """Give a turn new attempts; a worker claims it like any other.

        `unless_answered`: not if a person of the business has written to the customer since.
        """
        turn = _turn_key(key)
        replayed = await replay_turn(self._engine, turn.organization, turn.number, unless_answered=unless_answered)
        return _done(key, replayed.outcome, replayed.sentence)

    async def drop(self, key: str) -> Action:
        """Discard a turn; the apology has already promised the customer that a person will answer."""
        turn = _turn_key(key)
        outcome = await self._engine.pool.fetchval(
            "select drop_turn($1, $2, $3)", turn.organization, turn.number, _ACTOR
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
        "select replay_turn($1, $2, $3, $4)", organization, turn, _ACTOR, unless_answered
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


def _line(row: Record) -> str:
    detail = f": {row['detail']}" if row["detail"] else ""
    return f"{row['at']:%Y-%m-%dT%H:%M:%SZ} {row['actor']} {row['action']}{detail}"
