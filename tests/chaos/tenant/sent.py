"""Whether what the platform asked for is on contacts' phones: once, in its place, or reported as ambiguous. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from chaos.tenant.known import Evidence, overtaken, stages
from chaos.tenant.people import text_of

from oxy_core.envelopes import SendOutcome, SendRequest, SendResult
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.replies import LineView

REORDERING: Final = frozenset(
    {FaultKind.DELAY, FaultKind.REORDER, FaultKind.CORRUPT, FaultKind.FORGET_SESSIONS, FaultKind.DROP}
)
"""Faults after which a phone may get messages in another order than the server."""

REORDER_SECONDS: Final = 30.0
"""How long after its end such a fault may still show: a message waits for others, or is asked for again."""


def sends(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Check that each request has one result, and that the phone agrees with it."""
    results: dict[UUID, list[SendResult]] = {}
    for report in evidence.reports:
        if isinstance(report.body, SendResult):
            results.setdefault(report.body.request_id, []).append(report.body)
    lines = _sent_lines(evidence)
    for person in evidence.people:
        shown = Counter(message.text for message in evidence.inboxes.get(person.phone, ()))
        for request in person.asked:
            found = results.get(request.id, [])
            counts["asked"] += 1
            if request.id not in evidence.accepted or len(found) != 1:
                yield f"{text_of(request)!r} has {len(found)} results; accepted: {request.id in evidence.accepted}"
                continue
            counts[found[0].outcome.value] += 1
            # What a fault dropped nobody has read, so it is known by its id alone.
            known = lines.get(text_of(request)) or lines.get(found[0].whatsapp_id or "", [])
            times = shown.pop(text_of(request), 0)
            if not times and found[0].outcome is SendOutcome.SENT and _was_asked_for_in_vain(known, evidence):
                counts["asked for in vain"] += 1
            yield from _agrees(request, found[0], times, known, evidence)
        for text in shown:
            if text and text not in {one.text for one in person.attended}:
                yield f"{person.name}'s phone shows {text!r}, which nobody asked for"


def _sent_lines(evidence: Evidence) -> dict[str, list[LineView]]:
    """Return the life lines of everything that WhatsApp took, by text, or by id if nobody has read it.

    Each attempt that it refused has one too; those are left out.
    """
    lines: dict[str, list[LineView]] = {}
    for line in evidence.lines:
        if line.direction == "outbound" and "refused" not in line.stages:
            lines.setdefault(line.text or line.id, []).append(line)
    return lines


def is_unreadable(line: LineView) -> bool:
    """Whether a contact's phone got a message, and could never read it."""
    return "undecryptable" in line.stages and "decrypted" not in line.stages


def _was_asked_for_in_vain(lines: Sequence[LineView], evidence: Evidence) -> bool:
    """Whether a phone asked for what it could not read when the session that sent it was gone."""
    return any(is_unreadable(line) and evidence.forgot_after(line.stages["undecryptable"]) for line in lines)


def _agrees(
    request: SendRequest, result: SendResult, shown: int, lines: Sequence[LineView], evidence: Evidence
) -> Iterator[str]:
    text = text_of(request)
    if shown > 1 or len(lines) > 1:
        yield f"{text!r} is {shown} times on the phone, and was sent with {len(lines)} ids: {stages(lines)}"
    elif result.outcome is SendOutcome.SENT:
        lost_on_its_way = any({"dropped", "abandoned"} & line.stages.keys() for line in lines)
        if shown == 0 and not lost_on_its_way and not _was_asked_for_in_vain(lines, evidence):
            yield f"{text!r} was sent ({result.whatsapp_id}) and is on no phone: {stages(lines)}"
        if [line.id for line in lines] != [result.whatsapp_id]:
            yield f"{text!r} was sent as {result.whatsapp_id}, and WhatsApp knows it as {[line.id for line in lines]}"
    elif result.outcome is not SendOutcome.AMBIGUOUS:
        yield f"{text!r} is {result.outcome.value}: {result.error}"


def outbound_order(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Check that WhatsApp got each chat's texts in the order in which they were asked for, and that phones show it."""
    lines = {text: found[0] for text, found in _sent_lines(evidence).items()}
    for person in evidence.people:
        order = {text_of(request): number for number, request in enumerate(person.asked)}
        taken = [text for text in order if text in lines and "received" in lines[text].stages]
        taken.sort(key=lambda text: lines[text].stages["received"])
        for late, newest in overtaken(taken, order):
            yield f"{late!r} was sent after {newest!r}: {stages([lines[late], lines[newest]])}"
        shown = [message.text for message in evidence.inboxes.get(person.phone, ()) if message.text in order]
        for late, newest in overtaken(shown, order):
            if evidence.during(REORDERING, lines[late].stages["received"], REORDER_SECONDS):
                counts["reordered on its way"] += 1
            else:
                yield f"the phone shows {late!r} after {newest!r}: {stages([lines[late], lines[newest]])}"
