"""Dead letters: what they have in common, and turns that failed for good, in the database.

Ids are ``turn:<organization>:<number>`` and ``bus:<sequence>`` (`oxy_ai.engine.dead_report_letters`).
"""

import re
from collections.abc import Sequence
from datetime import UTC
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from asyncpg import Record
from pydantic import AwareDatetime, BaseModel

from oxy_ai.database import organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id
from oxy_core.identity import mask

_ACTOR: Final = "administrator"

NUMBER: Final = re.compile("[1-9][0-9]{0,17}")
"""A number in an id: it fits into PostgreSQL's bigint and a stream's sequence."""


class DeadLetter(BaseModel):
    """One entry of the list."""

    id: str
    kind: str
    organization: str | None = None
    instance: str | None = None
    reason: str
    at: AwareDatetime | None = None
    attempts: int | None = None
    contact: str | None = None
    """Masked."""


class Action(BaseModel):
    """What was done to a dead letter."""

    id: str
    outcome: str
    message: str
    """What happened and what happens next, in a sentence for the administrator."""


class Detail(DeadLetter):
    """Everything about one dead letter. Contains customers' messages: shown to administrators only."""

    inputs: list[str | None] = []
    steps: int | None = None
    history: list[str] = []
    """What was done to it, oldest first."""
    subject: str | None = None
    data: str | None = None
    """The report as it was published; in base64 if it is not UTF-8."""


class Source(Protocol):
    """A place where dead letters are kept."""

    async def letters(self) -> Sequence[DeadLetter]:
        """Return all, in any order."""
        ...

    async def show(self, key: str) -> Detail:
        """Return one; raises AdministrationError."""
        ...

    async def replay(self, key: str, *, unless_answered: bool = False) -> Action:
        """Give it another chance; raises AdministrationError.

        `unless_answered`: not if a person has taken care of it since.
        """
        ...

    async def drop(self, key: str) -> Action:
        """Discard it; raises AdministrationError."""
        ...


class _TurnKey(NamedTuple):
    name: str
    organization: UUID
    number: int


def _turn_key(key: str) -> _TurnKey:
    organization, _, number = key.partition(":")
    if not organization or NUMBER.fullmatch(number) is None:
        raise AdministrationError(unknown_letter(f"turn:{key}"))
    return _TurnKey(organization, organization_id(organization), int(number))


def unknown_letter(letter: str) -> str:
    """Return what to say about an id that no dead letter has."""
    return f"there is no dead letter {letter!r}; `oxy dlq ls` lists all"


_LETTER: Final = """
select o.name as organization, i.name as instance, t.id, t.reason, t.attempts, t.finished_at, c.phone, c.name,
    (select count(*) from turn_steps s where s.organization_id = t.organization_id and s.turn_id = t.id) as steps
from turns t
join organizations o on o.id = t.organization_id
join instances i on i.organization_id = t.organization_id and i.id = t.instance_id
join conversations v on v.organization_id = t.organization_id and v.id = t.conversation_id
join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
where t.organization_id = $1 and t.id = $2 and t.state = 'dead'
"""


class DeadTurns:
    """Turns whose attempts are used up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def letters(self) -> list[DeadLetter]:
        """Return all, organization by organization."""
        found = []
        for row in await self._engine.pool.fetch("select organization, turn from dead_turns()"):
            async with organization_transaction(self._engine.pool, row["organization"]) as connection:
                letter = await connection.fetchrow(_LETTER, row["organization"], row["turn"])
            if letter is not None:
                found.append(_letter(letter))
        return found

    async def show(self, key: str) -> Detail:
        """Return one with its inputs and what was done to it."""
        turn = _turn_key(key)
        async with organization_transaction(self._engine.pool, turn.organization) as connection:
            row = await connection.fetchrow(_LETTER, turn.organization, turn.number)
            if row is None:
                raise AdministrationError(unknown_letter(f"turn:{key}"))
            inputs = await connection.fetch(
                """
                select body from messages where organization_id = $1 and turn_id = $2 order by place, id
                """,
                turn.organization,
                turn.number,
            )
            history = await connection.fetch(
                """
                select at, actor, action, detail from audit_log where organization_id = $1 and turn_id = $2 order by id
                """,
                turn.organization,
                turn.number,
            )
        return Detail(
            **_letter(row).model_dump(),
            inputs=[item["body"] for item in inputs],
            steps=row["steps"],
            history=[_line(item) for item in history],
        )

    async def replay(self, key: str, *, unless_answered: bool = False) -> Action:
        """Give a turn new attempts; a worker claims it like any other.

        `unless_answered`: not if a person of the business has written to the customer since.
        """
        turn = _turn_key(key)
        document = await self._engine.pool.fetchval(
            "select replay_turn($1, $2, $3, $4)", turn.organization, turn.number, _ACTOR, unless_answered
        )
        replayed = Replayed.model_validate_json(document)
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
        if self.due is not None:
            at = self.due.astimezone(UTC)
            return f"is due at {at:%Y-%m-%dT%H:%M:%SZ}: a person is writing to the customer, so it waits until then"
        return "is due again; a worker will claim it now"


def _done(key: str, outcome: str, happened: str) -> Action:
    if outcome == "missing":
        raise AdministrationError(unknown_letter(f"turn:{key}"))
    if outcome == "busy":
        message = f"the conversation of turn:{key} is being answered right now; try again in a moment"
        raise AdministrationError(message)
    return Action(id=f"turn:{key}", outcome=outcome, message=f"turn:{key} {happened}.")


def _letter(row: Record) -> DeadLetter:
    return DeadLetter(
        id=f"turn:{row['organization']}:{row['id']}",
        kind="turn",
        organization=row["organization"],
        instance=row["instance"],
        reason=row["reason"],
        at=row["finished_at"],
        attempts=row["attempts"],
        contact=None if row["phone"] is None else mask(row["phone"]),
    )


def _line(row: Record) -> str:
    detail = f": {row['detail']}" if row["detail"] else ""
    return f"{row['at']:%Y-%m-%dT%H:%M:%SZ} {row['actor']} {row['action']}{detail}"


async def replay_all(sources: Sequence[Source], organization: str | None, instance: str | None) -> list[Action]:
    """Replay all dead letters, or those of an organization or instance, the oldest first.

    What a person has answered is left alone, and so is what cannot be replayed now; the actions say so.
    """
    found = [(letter, source) for source in sources for letter in await source.letters()]
    wanted = [
        (letter, source)
        for letter, source in found
        if organization in {None, letter.organization} and instance in {None, letter.instance}
    ]
    wanted.sort(key=lambda item: item[0].at.timestamp() if item[0].at else 0)
    return [await _replay_if_possible(letter, source) for letter, source in wanted]


async def _replay_if_possible(letter: DeadLetter, source: Source) -> Action:
    try:
        return await source.replay(letter.id.partition(":")[2], unless_answered=True)
    except AdministrationError as error:
        return Action(id=letter.id, outcome="refused", message=str(error))
