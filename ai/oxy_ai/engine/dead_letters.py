"""Dead letters of all kinds: what they have in common, and what is done to many of them.

They are never held all at once: each source reads its letters in pages, the first death first, and goes on after the
last one (`Source.letters`). So thousands are listed, replayed or dropped in the memory of a few pages, and what dies
again meanwhile comes later than the moment at which the reading began, so it is not met twice.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heapify, heappop, heapreplace
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from asyncpg import Record
from pydantic import AwareDatetime, BaseModel

from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id

ACTOR: Final = "administrator"
"""Who replays and drops dead letters, for the audit log."""

NUMBER: Final = re.compile("[1-9][0-9]{0,17}")
"""A number in an id: it fits into PostgreSQL's bigint and a stream's sequence."""

PAGE: Final = 500
"""Letters that a source reads at once."""

_BEFORE_ALL: Final = (datetime.min.replace(tzinfo=UTC), 0)


class DeadLetter(BaseModel):
    """One entry of the list."""

    id: str
    kind: str
    organization: str | None = None
    instance: str | None = None
    at: AwareDatetime | None = None
    attempts: int | None = None
    contact: str | None = None
    """Masked."""
    replay: str | None = None
    """``queued``: a person has asked for it, and it is replayed once its conversation is free."""
    reason: str


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
    """A report as it was published, in base64 if it is not UTF-8; a job's payload."""
    key: str | None = None
    """What tells a job from others of its kind."""
    lane: str | None = None
    planned_at: AwareDatetime | None = None
    """When a job was to be done."""
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters; None: of any."""

    kind: str | None = None
    organization: str | None = None
    instance: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a letter is among them."""
        return self.organization in {None, letter.organization} and self.instance in {None, letter.instance}


class LetterKey(NamedTuple):
    """Names a dead letter that an organization has under a number."""

    name: str
    """Of the organization."""
    organization: UUID
    number: int


def numbered(start: str, key: str) -> LetterKey:
    """Return what an id names that begins so; raises AdministrationError."""
    organization, _, number = key.rpartition(":")
    if not organization or NUMBER.fullmatch(number) is None:
        raise AdministrationError(unknown_letter(f"{start}:{key}"))
    return LetterKey(organization, organization_id(organization), int(number))


class Source(Protocol):
    """A place where dead letters are kept."""

    def letters(self, wanted: Wanted) -> AsyncIterator[DeadLetter]:
        """Yield those that there are now, the first death first, a page at a time."""
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


Sources = Mapping[str, Source]
"""By the beginning of their letters' ids."""

KINDS: Final[Mapping[str, str]] = {"turn": "turn", "report": "bus", "job": "job"}
"""The kinds of dead letters, each with the beginning of its ids."""


def unknown_letter(letter: str) -> str:
    """Return what to say about an id that no dead letter has."""
    return f"there is no dead letter {letter!r}; `oxy dlq ls` lists all"


def one_source(sources: Sources, letter: str) -> tuple[Source, str]:
    """Return who keeps a letter, and its key there; raises AdministrationError."""
    start, _, key = letter.partition(":")
    if start not in sources:
        known = ", ".join(f"{name}:…" for name in sources)
        message = f"{letter!r} is not the id of a dead letter; `oxy dlq ls` lists them ({known})"
        raise AdministrationError(message)
    return sources[start], key


async def letter_pages(engine: Engine, query: str, wanted: Wanted) -> AsyncIterator[Record]:
    """Yield the rows of the database's dead letters that there are now, the first death first, a page at a time.

    `query` calls a function for a page: of an organization, of instances of a name, after a death and a number, up to a
    moment, so many. Its rows have their number as first column and the moment as ``at``.
    """
    organization = None if wanted.organization is None else organization_id(wanted.organization)
    now = await engine.pool.fetchval("select clock_timestamp()")
    last = _BEFORE_ALL
    while True:
        rows = await engine.pool.fetch(query, organization, wanted.instance, *last, now, PAGE)
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        last = rows[-1]["at"], rows[-1][0]


def history_line(row: Record) -> str:
    """Return what was done to a dead letter, as a line."""
    detail = f": {row['detail']}" if row["detail"] else ""
    return f"{row['at']:%Y-%m-%dT%H:%M:%SZ} {row['actor']} {row['action']}{detail}"


async def all_letters(sources: Sources, wanted: Wanted) -> AsyncIterator[DeadLetter]:
    """Yield the letters of all sources, the first death first."""
    kinds = KINDS if wanted.kind is None else {wanted.kind: KINDS[wanted.kind]}
    async for letter in _merged([sources[start].letters(wanted) for start in kinds.values()]):
        yield letter


async def _merged(streams: Sequence[AsyncIterator[DeadLetter]]) -> AsyncIterator[DeadLetter]:
    """Merge what comes in the order of time, of which one letter each is held."""
    heads = [(_moment(letter), n, letter) for n, stream in enumerate(streams) if (letter := await anext(stream, None))]
    heapify(heads)
    while heads:
        _, n, letter = heads[0]
        yield letter
        following = await anext(streams[n], None)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (_moment(following), n, following))


def _moment(letter: DeadLetter) -> float:
    return letter.at.timestamp() if letter.at else 0.0


async def replay_all(sources: Sources, wanted: Wanted) -> AsyncIterator[Action]:
    """Replay many, the first death first, and yield what became of each.

    What a person has answered is left alone, and so is what cannot be replayed now; the actions say so.
    """

    async def replay(source: Source, key: str) -> Action:
        return await source.replay(key, unless_answered=True)

    async for letter in all_letters(sources, wanted):
        yield await _done_if_possible(sources, letter, replay)


async def drop_all(sources: Sources, wanted: Wanted) -> AsyncIterator[Action]:
    """Drop many, the first death first, and yield what became of each."""

    async def drop(source: Source, key: str) -> Action:
        return await source.drop(key)

    async for letter in all_letters(sources, wanted):
        yield await _done_if_possible(sources, letter, drop)


async def _done_if_possible(
    sources: Sources, letter: DeadLetter, act: Callable[[Source, str], Awaitable[Action]]
) -> Action:
    source, key = one_source(sources, letter.id)
    try:
        return await act(source, key)
    except AdministrationError as error:
        return Action(id=letter.id, outcome="refused", message=str(error))
