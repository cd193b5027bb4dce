"""Transcripts: who said what to whom and what became of it, with faults and violations in between, one line each.

20:31:07.120  Ana → Clínica: oi  ✓✓
20:31:07.350  Clínica → Ana: Olá! Como posso ajudar?  ✓✓ read
20:31:08.002  · #1 fault abort on +5511900000001
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oxy_simulator.contents import Reaction
from oxy_simulator.replies import LineView, Message, PacketView


@dataclass(frozen=True, slots=True)
class Record:
    """What a transcript is made of: names and inboxes by phone (digits), life lines, and notes of the packet log."""

    names: Mapping[str, str]
    inboxes: Mapping[str, Sequence[Message]]
    lines: Sequence[LineView] = ()
    notes: Sequence[PacketView] = ()


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    at: float
    text: str = field(compare=False)


def transcript(record: Record) -> str:
    """Write a transcript in the order of time; times are in UTC."""
    entries = sorted([*_messages(record), *_unseen(record), *_notes(record.notes)])
    return "".join(f"{clock(entry.at)}  {entry.text}\n" for entry in entries)


def clock(at: float) -> str:
    """Write a moment (Unix seconds) as a time of day in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def visible(message: Message) -> bool:
    """Tell whether a phone shows that a message came: of a reaction that is taken back it shows nothing."""
    return not (isinstance(message.content, Reaction) and not message.content.emoji)


def shown(message: Message) -> str:
    """Write a message's content on one line."""
    content = message.text.replace("\n", " ⏎ ")
    if message.kind != "text":
        content = f"[{message.kind}] {content}".rstrip()
    return content + ("  (repeated id)" if message.duplicate else "")


def ticks(stages: Iterable[str]) -> str:
    """Write how far a message came as phones show it: ✓ sent, ✓✓ delivered, and whether it was read."""
    reached = set(stages)
    if "key_reused" in reached and "decrypted" not in reached:
        return "✗ never shown: its key was used before"
    if "abandoned" in reached and not reached & {"decrypted", "receipted"}:
        return "✗ never read: given up after retries"
    if "read" in reached:
        return "✓✓ read"
    if "receipted" in reached:
        return "✓✓"
    return "✓" if reached & {"relayed", "acked"} else "waiting" if "queued" in reached else ""


def _messages(record: Record) -> Iterator[_Entry]:
    """Yield what phones show; of a chat between two phones the recipient's side, where it arrived."""
    stages: dict[str, set[str]] = {}
    for line in record.lines:
        stages.setdefault(line.id, set()).update(line.stages)
    arrived = {message.id for inbox in record.inboxes.values() for message in inbox if not message.from_me}
    for phone, inbox in record.inboxes.items():
        for message in inbox:
            if message.from_me and message.id in arrived:
                continue
            to = message.chat if message.from_me else phone
            said = f"{_name(record, message.sender)} → {_name(record, to)}: {shown(message)}"
            yield _Entry(message.at, f"{said}  {ticks(stages.get(message.id, ()))}".rstrip())


def _unseen(record: Record) -> Iterator[_Entry]:
    """Yield what no phone shows: notes to self, and what never became readable."""
    seen = {message.id for inbox in record.inboxes.values() for message in inbox}
    for line in record.lines:
        if line.id in seen or not line.stages:
            continue
        to = line.chat if line.sender == line.account else line.account
        said = line.text if line.text is not None else f"(never read by the phone: {', '.join(line.stages)})"
        text = f"{_name(record, line.sender)} → {_name(record, to)}: {said}  {ticks(line.stages)}"
        yield _Entry(min(line.stages.values()), text.rstrip())


def _notes(notes: Sequence[PacketView]) -> Iterator[_Entry]:
    for note in notes:
        who = f"#{note.connection} {note.device} " if note.connection else ""
        yield _Entry(note.at, f"· {who}{note.text}")


def _name(record: Record, phone: str) -> str:
    name = record.names.get(phone, phone)
    return phone if name == phone else f"{name} ({phone[-4:]})"
