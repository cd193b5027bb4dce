"""What each thing that happens in a business must come to at a phone, and whether it did. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.unasked.audit import ARRIVED, Entry, Row

SLACK_SECONDS: Final = 2.0
"""How long after something was called off a text of it may still be released: its transaction had begun before."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What somebody is to read, or not to read."""

    kind: str
    """What it shows, as the figures of a run name it."""
    phone: str
    words: str
    """A pattern that only the texts of this promise match."""
    least: int = 1
    most: int = 1
    not_after: float | None = None
    """In Unix time; what is released later is one too many. None: it does not matter."""
    alone: bool = True
    """Whether nobody else reads such words."""


def broken(promises: Sequence[Promise], rows: Sequence[Row], inboxes: Mapping[str, Sequence[Entry]]) -> Iterator[str]:
    """Yield what came too often, too late or to somebody else, and what did not come and was not reported ambiguous."""
    for promise in promises:
        said = re.compile(promise.words)
        came = {phone: sum(said.search(entry.text) is not None for entry in inbox) for phone, inbox in inboxes.items()}
        times = came.pop(promise.phone, 0)
        told = [row for row in rows if row.purpose and row.phone == promise.phone and said.search(row.said)]
        unclear = sum(row.state == "ambiguous" for row in told)
        if times > promise.most or times + unclear < promise.least:
            states = ", ".join(f"{row.state} {row.error or ''}".strip() for row in told) or "no text"
            yield f"{promise.kind}: {promise.phone} got {promise.words!r} {times} times ({states})"
        strangers = [phone for phone, count in came.items() if count and promise.alone]
        yield from (f"{promise.kind}: {phone} got {promise.words!r}" for phone in strangers)
        yield from _late(promise, told)


def _late(promise: Promise, told: Sequence[Row]) -> Iterator[str]:
    for row in told:
        if promise.not_after is None or row.released_at is None or row.state not in ARRIVED:
            continue
        late = row.released_at - promise.not_after
        if late > SLACK_SECONDS:
            yield f"{promise.kind}: {promise.words!r} left {late:.1f} s after it was called off"


def shown(promises: Sequence[Promise], inboxes: Mapping[str, Sequence[Entry]]) -> Counter[str]:
    """Return how many promises of each kind a phone shows; of those that nothing must come of, how many were made."""
    found: Counter[str] = Counter()
    for promise in promises:
        said = re.compile(promise.words)
        here = any(said.search(entry.text) for entry in inboxes.get(promise.phone, ()))
        found[promise.kind] += here or promise.least == 0
    return found
