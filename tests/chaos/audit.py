"""Compares what people said and got with what the ledger says became of it. Pure.

The phones are the truth about what was said and what arrived. Every message that was said must have exactly one final
state in the database; what the ledger calls answered must be on the phone, once and in order; what is on the phone must
be in the ledger.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chaos.breaking import Happened
from chaos.people import Person, Role, pet_of
from chaos.plan import Kind

from oxy_tenant.content.bounds import bounded_id

OVERLAP_SECONDS: Final = 60.0
"""How long an answer that was under way while a person answered may take, with every connection frozen."""
HOLD_SECONDS: Final = 8.0
"""How long a chat waits for missing messages (OXY_GAP_WAIT_SECONDS)."""
RECOVERY_SECONDS: Final = 15.0
"""Until what a fault has hit works again: a process starts, connections are made, a report is delivered again (5 s)."""
SENT: Final = frozenset({"sent", "delivered", "read"})
NOT_SENT: Final = frozenset({"failed", "expired", "superseded", "withheld"})
_NUMBER: Final = re.compile(r"^[a-z]+\d*-(\d+)\b")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message on a phone."""

    id: str
    text: str
    from_me: bool
    at: float
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the database."""

    whatsapp_id: str
    author: str
    state: str
    """Its final state, or open; empty for one that needs none."""
    reason: str
    turn: int | None
    placeholder: bool = False
    number: int = 0
    """Counts messages as they are stored, whatever a clock says."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of the outbox."""

    whatsapp_id: str
    turn: int | None
    part: int
    state: str
    body: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at the end of a run."""

    inboxes: Mapping[str, Sequence[Entry]]
    """By phone."""
    stored: Sequence[Stored]
    outbox: Sequence[Sent]
    bookings: Mapping[str, int]
    """Number of bookings by animal."""
    received: frozenset[str] = frozenset()
    """Ids of messages whose receipt a shop's client sent."""
    losses: frozenset[str] = frozenset()
    """Ids that pods found to be missing in their journals, and must have reported."""
    faults: Sequence[Happened] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on a phone that repeats one of the person's messages."""

    number: int
    """Of that message."""
    at: float
    row: Sent | None


@dataclass(slots=True)
class Verdict:
    """What is wrong, and counts by shop."""

    wrong: list[str] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)


def judge(people: Sequence[Person], evidence: Evidence) -> Verdict:
    """Return everything that disagrees."""
    verdict = Verdict()
    by_id: dict[str, list[Stored]] = {}
    for stored in evidence.stored:
        by_id.setdefault(stored.whatsapp_id, []).append(stored)
    for person in people:
        counts = verdict.counts.setdefault(person.shop.name, Counter())
        verdict.wrong += (f"{person.name}: {problem}" for problem in _said(person, by_id, evidence, counts))
        verdict.wrong += (f"{person.name}: {problem}" for problem in _got(person, by_id, evidence, counts))
        verdict.wrong += (f"{person.name}: {problem}" for problem in _effects(person, evidence))
    verdict.wrong += _outbox(people, evidence)
    return verdict


def _said(
    person: Person, by_id: Mapping[str, Sequence[Stored]], evidence: Evidence, counts: Counter[str]
) -> Iterator[str]:
    """Look for what became of everything that a person said, and that an attendant said to it."""
    places = {entry.id: place for place, entry in enumerate(evidence.inboxes.get(person.phone, ()))}
    last_by_person = max((places.get(line.id, -1) for line in person.answered_by_person), default=-1)
    for line in person.lines:
        rows = by_id.get(bounded_id(line.id), [])
        messages = [row for row in rows if not row.placeholder]
        counts["said"] += 1
        if len(messages) > 1:
            yield f"{line.text[:40]!r} is stored {len(messages)} times"
        state = messages[0].state if messages else _fate(line.id, rows, evidence)
        counts[state] += 1
        if state in {"missing", "lost unseen", "open", "never received"} or (
            state == "" and person.role is not Role.STRANGER
        ):
            yield f"{line.text[:40]!r} ({line.id[:24]}) is {state or 'not counted as inbound'}"
        if state in {"ignored", "dead"} and person.role is not Role.STRANGER:
            yield f"{line.text[:40]!r} is {state}: {messages[0].reason}"
        if state == "person" and places.get(line.id, 0) > last_by_person:
            yield f"{line.text[:40]!r} is said to be answered by a person, and nobody did"
    for line in person.answered_by_person:
        if len(by_id.get(line.id, [])) != 1 and line.id not in evidence.losses:
            yield f"an attendant's {line.text!r} is stored {len(by_id.get(line.id, []))} times"


def _fate(message_id: str, rows: Sequence[Stored], evidence: Evidence) -> str:
    """Return what became of a message that is not in the database as itself."""
    if rows:
        return rows[0].state
    if message_id in evidence.losses:
        return "lost unseen"
    return "missing" if message_id in evidence.received else "never received"


def _got(
    person: Person, by_id: Mapping[str, Sequence[Stored]], evidence: Evidence, counts: Counter[str]
) -> Iterator[str]:
    """Check what arrived on a person's phone."""
    inbox = evidence.inboxes.get(person.phone, ())
    attendants = {line.id for line in person.answered_by_person}
    answers = [entry for entry in inbox if not entry.from_me and entry.id not in attendants]
    for message_id, times in Counter(entry.id for entry in answers).items():
        if times > 1:
            yield f"{message_id} arrived {times} times"
    sent = {row.whatsapp_id: row for row in evidence.outbox if row.whatsapp_id}
    ambiguous = {row.body for row in evidence.outbox if row.state == "ambiguous"}
    answered: list[Answer] = []
    for entry in answers:
        row = sent.get(entry.id)
        if row is None and entry.text not in ambiguous:
            yield f"{entry.text[:40]!r} ({entry.id}) arrived, and the ledger knows no such text"
        number = _NUMBER.match(entry.text) if entry.text.startswith(f"{person.name}-") else None
        if number is None:
            counts["other texts"] += 1
            continue
        answered.append(Answer(int(number[1]), entry.at, row))
        counts["answers"] += 1
        if row is not None:
            yield from _newest_input(person, int(number[1]), row, by_id)
    yield from _order(person, answered, evidence, counts)
    yield from _overtaken(person, inbox, counts)


def _newest_input(person: Person, number: int, row: Sent, by_id: Mapping[str, Sequence[Stored]]) -> Iterator[str]:
    """Check that an answer, which repeats what the model saw last, repeats the newest message of its turn."""
    inputs = [
        place
        for place, line in enumerate(person.lines)
        if any(stored.turn is not None and stored.turn == row.turn for stored in by_id.get(bounded_id(line.id), ()))
    ]
    if inputs and max(inputs) != number:
        yield f"the answer to message {number} had message {max(inputs)} among its inputs: the model saw another order"


def _order(person: Person, answered: Sequence[Answer], evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Check that each message was answered once, and in order, except where a fault explains what came too late."""
    numbers = [answer.number for answer in answered]
    for number, times in Counter(numbers).items():
        if times > 1:
            yield f"message {number} was answered {times} times"
    for earlier, answer in itertools.pairwise(answered):
        if answer.number >= earlier.number:
            continue
        said = _said_at(person, answer.number, evidence)
        faults = [fault for fault in evidence.faults if is_on_the_way(fault, person.shop.name)]
        if not _is_stored_later(person.lines[answer.number].id, earlier, evidence):
            yield f"answers arrived out of order: {numbers}"
        elif explains(faults, said, earlier.at):
            counts["late"] += 1
        else:
            around = [str(fault) for fault in faults if fault.began < earlier.at and fault.ended > said - HOLD_SECONDS]
            yield (
                f"message {answer.number}, said at {said:.1f}, was overtaken by the answer to message {earlier.number} "
                f"at {earlier.at:.1f}, and no fault explains it: {'; '.join(around) or 'none was near'}"
            )


def _said_at(person: Person, number: int, evidence: Evidence) -> float:
    inbox = evidence.inboxes.get(person.phone, ())
    return next((entry.at for entry in inbox if entry.id == person.lines[number].id), 0.0)


def _is_stored_later(message_id: str, answer: Answer, evidence: Evidence) -> bool:
    """Whether a message was stored only after the turn of an answer had been opened, and its inputs fixed."""
    turn = None if answer.row is None else answer.row.turn
    inputs = [row.number for row in evidence.stored if turn is not None and row.turn == turn]
    own = [row.number for row in evidence.stored if row.whatsapp_id == bounded_id(message_id)]
    return bool(inputs and own) and min(own) > max(inputs)


def is_on_the_way(fault: Happened, shop: str) -> bool:
    """Whether a fault hits what a shop's message passes until it is stored."""
    part, _, server = fault.target.partition(">")
    if fault.kind is Kind.CLOCK:
        return part == "postgres"
    return part in {"nats", "postgres", shop} or (part.startswith("worker") and server != "model")


def explains(faults: Sequence[Happened], said: float, overtaken: float) -> bool:
    """Whether a message that was said then may have been overtaken: faults delayed it for longer than its chat waits.

    A clock of PostgreSQL that is moved ends the wait at once.
    """
    if any(said <= moment <= overtaken for fault in faults if fault.moved for moment in (fault.began, fault.ended)):
        return True
    return covered([(fault.began, fault.ended + RECOVERY_SECONDS) for fault in faults], said, overtaken) > HOLD_SECONDS


def covered(windows: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Return for how many seconds between two moments at least one of the windows was open."""
    total, until = 0.0, begin
    for opened, closed in sorted(windows):
        total += max(min(closed, end) - max(opened, until), 0.0)
        until = max(until, closed)
    return total


def _overtaken(person: Person, inbox: Sequence[Entry], counts: Counter[str]) -> Iterator[str]:
    """Look for answers that came long after a person had answered the same."""
    places = {entry.id: place for place, entry in enumerate(inbox)}
    by_person = [places[line.id] for line in person.answered_by_person if line.id in places]
    for place, entry in enumerate(inbox):
        number = _NUMBER.match(entry.text) if not entry.from_me else None
        if number is None or not entry.text.startswith(f"{person.name}-") or int(number[1]) >= len(person.lines):
            continue
        asked = places.get(person.lines[int(number[1])].id, place)
        between = [inbox[other] for other in by_person if asked < other < place]
        if between:
            late = entry.at - between[0].at
            counts["overlaps"] += 1
            if late > OVERLAP_SECONDS:
                yield f"message {number[1]} was answered {late:.0f} s after a person had answered it"


def _effects(person: Person, evidence: Evidence) -> Iterator[str]:
    """Check that an order was booked once, and as its answer says."""
    if person.role is not Role.CUSTOMER:
        return
    booked = evidence.bookings.get(pet_of(person), 0)
    inbox = evidence.inboxes.get(person.phone, ())
    texts = [entry.text.partition("\n\n🤖")[0] for entry in inbox if not entry.from_me]  # without the introduction
    confirmed = any(text.endswith("agendado") for text in texts)
    if booked > 1:
        yield f"{booked} bookings for one order"
    if confirmed and booked != 1:
        yield "a booking was confirmed that is not there"
    if booked and any(text.endswith("recusado") for text in texts):
        yield "an order was booked, and its answer says that it was not"


def _outbox(people: Sequence[Person], evidence: Evidence) -> Iterator[str]:
    """Check that every outbound row is final, and on a phone if and only if it says so."""
    arrived = Counter(entry.id for inbox in evidence.inboxes.values() for entry in inbox)
    texts = {entry.text for person in people for entry in evidence.inboxes.get(person.phone, ()) if not entry.from_me}
    for row in evidence.outbox:
        name = f"the text {row.body[:40]!r} of turn {row.turn}"
        if row.state in SENT and row.whatsapp_id and arrived[row.whatsapp_id] == 0:
            yield f"{name} is {row.state} ({row.whatsapp_id}) and on no phone"
        elif row.state in NOT_SENT and row.part == 0 and _NUMBER.match(row.body) and row.body in texts:
            yield f"{name} is {row.state} and arrived"
        elif row.state in {"pending", "accepted"}:
            yield f"{name} is still {row.state}"
        elif row.state in {"failed", "expired"}:
            yield f"{name} is {row.state}"


_COLUMNS: Final = ("said", "answered", "person", "ignored", "dead", "lost", "open", "missing", "never received")
_MORE: Final = ("answers", "late", "overlaps", "other texts")


def table(verdict: Verdict) -> str:
    """Return the counts by shop for people to read."""
    header = f"{'':<8}" + "".join(f"{name:>16}" for name in (*_COLUMNS, *_MORE))
    rows = [
        f"{shop:<8}" + "".join(f"{counts[name]:>16}" for name in (*_COLUMNS, *_MORE))
        for shop, counts in sorted(verdict.counts.items())
    ]
    return "\n".join([header, *rows])
