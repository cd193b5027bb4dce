"""Whether what WhatsApp's side gave to the tenant is on the bus: once, in its place, or among the losses. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from chaos.tenant.known import Evidence, overtaken, stages

from oxy_core.content import PlaceholderReason
from oxy_core.envelopes import MessageSeen
from oxy_core.files import FileArrived, FileFailed
from oxy_core.report_bodies import MessageLost
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.journals import SETTLED
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.replies import LineView

FRAME_SECONDS: Final = 20.0
"""How long after a fault of frames began the last of them may be hit."""


def numbering(evidence: Evidence, _: Counter[str]) -> Iterator[str]:
    """Check that no report of a journal is missing, and no place in a chat."""
    sequences: dict[UUID, list[int]] = {}
    places: dict[tuple[UUID, str], list[int]] = {}
    for report in evidence.reports:
        sequences.setdefault(report.journal_epoch, []).append(report.journal_sequence)
        if isinstance(report.body, MessageSeen):
            key = (report.journal_epoch, str(report.body.chat))
            places.setdefault(key, []).append(report.body.chat_sequence)
    for found in sequences.values():
        if found != list(range(1, len(found) + 1)):
            yield f"a journal's reports are numbered {_gaps(found)}"
    for (_, chat), found in places.items():
        if found != list(range(1, len(found) + 1)):
            yield f"the messages of {chat} are numbered {_gaps(found)}"


def _gaps(numbers: Sequence[int]) -> str:
    missing = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
    twice = sorted(number for number, count in Counter(numbers).items() if count > 1)
    return f"without {missing[:10]}, twice {twice[:10]}, in order: {list(numbers) == sorted(numbers)}"


def _is_readable(message: MessageSeen) -> bool:
    return message.placeholder_reason not in {PlaceholderReason.LOST, PlaceholderReason.UNDECRYPTABLE}


def messages(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Look for what became of everything that was given to the tenant's devices."""
    readable = Counter(message.whatsapp_id for message in evidence.messages() if _is_readable(message))
    unreadable = {message.whatsapp_id for message in evidence.messages() if not _is_readable(message)}
    given: dict[str, list[LineView]] = {}
    for line in evidence.lines:
        if line.direction == "inbound":
            given.setdefault(line.id, []).append(line)
    for whatsapp_id, lines in given.items():
        counts["said"] += 1
        if readable[whatsapp_id] > 1:
            yield f"{lines[0].text!r} ({whatsapp_id}) was reported {readable[whatsapp_id]} times"
        fate = "reported" if readable[whatsapp_id] else _fate(lines, evidence, unreadable)
        counts[fate] += 1
        if fate in {"missing", "never received"}:
            yield f"{lines[0].text!r} ({whatsapp_id}) is {fate}: {stages(lines)}"
    for whatsapp_id in sorted(set(readable) - set(given)):
        yield f"{whatsapp_id} was reported, and nobody said it"


def _fate(lines: Sequence[LineView], evidence: Evidence, unreadable: set[str]) -> str:
    """Return what became of a message that was not reported as itself."""
    whatsapp_id = lines[0].id
    if whatsapp_id in _reported_losses(evidence):
        return "lost"
    # Nobody says it again: the phone has given up, or the device that asked for it is no longer linked.
    given_up = any("abandoned" in line.stages for line in lines) or _is_gone(lines, evidence)
    if given_up and whatsapp_id in unreadable:
        return "undecryptable"
    if _was_not_noted(lines, evidence):
        return "undecryptable, then killed and unlinked"
    if all("dropped" in line.stages for line in lines):
        return "dropped by a fault"
    if any(SETTLED & line.stages.keys() for line in lines):
        return "missing"
    return "unlinked before it came" if _is_gone(lines, evidence) else "never received"


def _is_gone(lines: Sequence[LineView], evidence: Evidence) -> bool:
    """Whether none of the devices that a message was given to is linked any more."""
    return all(line.device not in evidence.linked for line in lines)


def _was_not_noted(lines: Sequence[LineView], evidence: Evidence) -> bool:
    """Whether a message was asked for again by a process that was killed, for a device that was unlinked.

    What the library could not read leaves nothing behind that the next process could find. It would come again, but
    not to a device that is gone.
    """
    asked = [line.stages["retried"] for line in lines if "retried" in line.stages]
    return bool(asked) and _is_gone(lines, evidence) and evidence.killed_after(max(asked))


def _reported_losses(evidence: Evidence) -> set[str]:
    return {report.body.whatsapp_id for report in evidence.reports if isinstance(report.body, MessageLost)}


def losses(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Compare the losses that the tenant found with those that the simulator knows of."""
    reported = _reported_losses(evidence)
    arrived = {message.whatsapp_id for message in evidence.messages() if _is_readable(message)}
    counts["lost, then found"] = len(reported & arrived)
    not_noted = {line.id for line in evidence.lines if _was_not_noted([line], evidence)}
    for whatsapp_id in sorted(evidence.lost - reported - not_noted):
        yield f"{whatsapp_id} was lost, and the tenant does not know"
    unlinked = _unlinked(evidence)
    for whatsapp_id in sorted(reported - arrived - evidence.lost):
        if whatsapp_id in unlinked:
            counts["lost with its device"] += 1
        else:
            yield f"{whatsapp_id} is said to be lost, and was not acknowledged"


def _unlinked(evidence: Evidence) -> set[str]:
    """Return what was given to devices that were unlinked before they could acknowledge it, so nobody gets it again."""
    waiting = {line.id for line in evidence.lines if line.device in evidence.linked or SETTLED & line.stages.keys()}
    return {line.id for line in evidence.lines if "relayed" in line.stages} - waiting


def inbound_order(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Check that each sender's messages in a chat have the places in which they were said."""
    places = {message.whatsapp_id: place for place, message in enumerate(evidence.messages()) if _is_readable(message)}
    lines = {line.id: line for line in evidence.lines if line.direction == "inbound"}
    for person in evidence.people:
        for said in (person.said, person.attended):
            order = {one.id: number for number, one in enumerate(said)}
            got = sorted((one.id for one in said if one.id in places), key=places.__getitem__)
            for late, newest in overtaken(got, order):
                if _came_later(lines[late], lines[newest], evidence):
                    counts["reordered by a fault"] += 1
                else:
                    yield (
                        f"{said[order[late]].text!r} was reported after {said[order[newest]].text!r}: "
                        f"{stages([lines[late], lines[newest]])}"
                    )


def _came_later(late: LineView, newest: LineView, evidence: Evidence) -> bool:
    """Whether WhatsApp's side gave the tenant the one message after the other, or had to give it again.

    What could not be read at first was reported so, in its place, and follows once it can be.
    """
    if any(message.whatsapp_id == late.id and not _is_readable(message) for message in evidence.messages()):
        return True
    relayed, other = late.stages.get("relayed", 0.0), newest.stages.get("relayed", 0.0)
    if "retried" in late.stages or relayed > other:
        return True
    again = late.stages.get("redelivered", 0.0) > other
    return again and evidence.during(frozenset({FaultKind.CORRUPT_FRAME, FaultKind.GARBAGE}), relayed, FRAME_SECONDS)


def files(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Check that each file that was announced arrived as it was sent, or failed for a reason that a fault explains."""
    sent = {one.id: one for person in evidence.people for one in person.said if one.sha256 is not None}
    outcomes = _outcomes(evidence)
    for message in evidence.messages():
        if message.file is None or message.whatsapp_id not in sent:
            continue
        match outcomes.get(message.file.id):
            case FileArrived(sha256=digest) if digest == sent[message.whatsapp_id].sha256:
                counts["files arrived"] += 1
            case FileArrived():
                yield f"the file of {message.whatsapp_id} arrived, and is another"
            case FileFailed():
                counts["files failed"] += 1
            case None:
                yield f"nothing is known of the file of {message.whatsapp_id}"
    broken = sum(isinstance(fault.kind, MediaFaultKind) for fault in evidence.faults)
    if counts["files failed"] > broken:
        yield f"{counts['files failed']} files failed, and {broken} were broken"


def _outcomes(evidence: Evidence) -> dict[UUID, FileArrived | FileFailed]:
    bodies = (report.body for report in evidence.reports)
    return {body.media_id: body for body in bodies if isinstance(body, FileArrived | FileFailed)}
