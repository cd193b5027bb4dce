"""Dead letters of all kinds: what they have in common, and what is done to many of them.

They are never held all at once: each source reads its letters in pages, the first death first, and goes on after the
last one (`Source.letters`). So thousands are listed, replayed or dropped in the memory of a few pages, and what dies
again meanwhile comes later than the moment at which the reading began, so it is not met twice.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import Final, Protocol

from pydantic import AwareDatetime, BaseModel

from oxy_ai.errors import AdministrationError

NUMBER: Final = re.compile("[1-9][0-9]{0,17}")
"""A number in an id: it fits into PostgreSQL's bigint and a stream's sequence."""

PAGE: Final = 500
"""Letters that a source reads at once."""


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
    """The report as it was published; in base64 if it is not UTF-8."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters; None: of any."""

    kind: str | None = None
    organization: str | None = None
    instance: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a letter is among them."""
        return self.organization in {None, letter.organization} and self.instance in {None, letter.instance}


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

KINDS: Final[Mapping[str, str]] = {"turn": "turn", "report": "bus"}
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
