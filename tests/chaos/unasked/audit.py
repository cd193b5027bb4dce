"""What a business sends without being asked, counted at the phones and in the database. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60.0
ON_THE_WAY_SECONDS: Final = 3.0
"""How long a text that left in time may take to the phone."""
ARRIVED: Final = frozenset({"sent", "delivered", "read"})
ENDED: Final = ARRIVED | {"held", "ambiguous"}
"""States in which a text may be left: of an ambiguous one the business is told, and nobody sends it again."""
CALLED_OFF: Final = frozenset({"Outdated", "CampaignCancelled", "OptedOut"})
"""Why a text was withheld whose booking, campaign or customer was no more what it was queued for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A text of the outbox."""

    phone: str
    state: str
    whatsapp_id: str | None
    purpose: str | None
    reference: str | None
    position: int
    said: str
    released_at: float | None
    error: str | None
    queued_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that the business has sent to a phone."""

    id: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What the number may do."""

    per_minute: int
    per_day: int
    quiet: tuple[float, float] | None
    """Beginning and end of the quiet hours that fall into the run."""


def complaints(rows: Sequence[Row], inboxes: Mapping[str, Sequence[Entry]], budget: Budget) -> list[str]:
    """Return everything that must not be."""
    return [
        *_sent_twice(rows, inboxes),
        *_not_arrived(rows, inboxes),
        *_beyond_the_budget([row for row in rows if row.purpose is not None], budget),
        *_in_quiet_hours(rows, inboxes, budget),
    ]


def _sent_twice(rows: Sequence[Row], inboxes: Mapping[str, Sequence[Entry]]) -> Iterator[str]:
    known = Counter(row.whatsapp_id for row in rows if row.whatsapp_id is not None)
    for phone, inbox in inboxes.items():
        for message, times in Counter(entry.id for entry in inbox).items():
            if times > 1:
                yield f"{phone} got {message} {times} times"
            if known[message] != 1:
                yield f"{phone} got {message}, which {known[message]} texts of the outbox claim to be"
    asked = [(row.phone, row.reference, row.said) for row in rows if row.purpose and row.state in ARRIVED]
    for (phone, reference, _), times in Counter(asked).items():
        if times > 1:
            yield f"{phone} was told {times} times of {reference}"


def _not_arrived(rows: Sequence[Row], inboxes: Mapping[str, Sequence[Entry]]) -> Iterator[str]:
    for row in rows:
        here = row.whatsapp_id in {entry.id for entry in inboxes.get(row.phone, ())}
        if row.state in ARRIVED and not here:
            yield f"{row.phone} did not get {row.whatsapp_id} of {row.reference}, which is {row.state}"
        if row.state not in ENDED and not (row.state in {"withheld", "expired"} and row.error in CALLED_OFF):
            yield f"a text of {row.reference} to {row.phone} is {row.state}: {row.error}"


def _beyond_the_budget(rows: Sequence[Row], budget: Budget) -> Iterator[str]:
    released = sorted(row.released_at for row in rows if row.released_at is not None)
    for number, moment in enumerate(released):
        within = sum(moment <= other < moment + MINUTE for other in released[number:])
        if within > budget.per_minute:
            yield f"{within} texts left within a minute"
    promoted = Counter(row.phone for row in rows if row.purpose == "promotion" and row.state in ARRIVED)
    if promoted.total() > budget.per_day:
        yield f"{promoted.total()} promotions left in a day"
    yield from (f"{phone} got {times} promotions in a week" for phone, times in promoted.items() if times > 1)


def _in_quiet_hours(rows: Sequence[Row], inboxes: Mapping[str, Sequence[Entry]], budget: Budget) -> Iterator[str]:
    if budget.quiet is None:
        return
    begin, end = budget.quiet
    unasked = {row.whatsapp_id for row in rows if row.purpose is not None}
    for phone, inbox in inboxes.items():
        for entry in inbox:
            if entry.id in unasked and begin + ON_THE_WAY_SECONDS < entry.at < end:
                yield f"{phone} got {entry.id} in the quiet hours, {entry.at - begin:.1f} s after they had begun"
