"""Dead reports on the bus: what cannot be stored is kept whole, in parts that always fit.

Each part is a message on ``oxy.dlq.<reason>.<account>`` with the headers below. A part is small, so that one tenant's
share of the stream is bounded in bytes too, and no server's limit is in the way.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nats.js import JetStreamContext

from oxy_core import subjects
from oxy_core.envelopes import WAITED_HEADER

PART_BYTES: Final = 64 << 10
"""Most bytes of a report in one part; nearly every report has one part."""

MAX_ERROR: Final = 500
"""Most characters of an error: it is a header of each part."""

SUBJECT_HEADER: Final = "Oxy-Subject"
"""Where the report was published."""

ERROR_HEADER: Final = "Oxy-Error"
"""Why it cannot be stored."""

PART_HEADER: Final = "Oxy-Part"
"""Which part this is and of how many: ``2/3``."""

WHOLE_HEADER: Final = "Oxy-Whole"
"""SHA-256 of the whole report: the same for all its parts."""


@dataclass(frozen=True, slots=True)
class DeadReport:
    """A report that cannot be stored."""

    reason: str
    """One word."""
    error: str
    subject: str
    """Where it was published."""
    data: bytes
    waited_seconds: float
    """How long it has waited in the journal and on the bus."""

    @property
    def dead_letter_subject(self) -> str:
        """Where its parts are published."""
        return subjects.dead_letter(self.reason, subjects.sender_of(self.subject).account)


@dataclass(frozen=True, slots=True)
class LetterPart:
    """One message of a dead report."""

    headers: dict[str, str]
    data: bytes


def parts_of(report: DeadReport) -> list[LetterPart]:
    """Return the messages to publish, in order; at least one."""
    whole = hashlib.sha256(report.data).hexdigest()
    chunks = [report.data[start : start + PART_BYTES] for start in range(0, max(len(report.data), 1), PART_BYTES)]
    return [
        LetterPart(
            {
                SUBJECT_HEADER: report.subject,
                ERROR_HEADER: " ".join(report.error.split())[:MAX_ERROR],
                WAITED_HEADER: f"{report.waited_seconds:.3f}",
                PART_HEADER: f"{number}/{len(chunks)}",
                WHOLE_HEADER: whole,
            },
            chunk,
        )
        for number, chunk in enumerate(chunks, 1)
    ]


def part_number(headers: Mapping[str, str]) -> tuple[int, int]:
    """Return which part a message is, and of how many; a message of another kind is a whole one."""
    number, _, count = headers.get(PART_HEADER, "1/1").partition("/")
    return int(number), int(count)


def joined(parts: Sequence[LetterPart]) -> bytes | None:
    """Return the report that the parts form; None if some are missing."""
    data = b"".join(part.data for part in parts)
    wanted = parts[0].headers.get(WHOLE_HEADER)
    return data if wanted in {None, hashlib.sha256(data).hexdigest()} else None


async def publish_dead_report(jetstream: JetStreamContext, report: DeadReport) -> int:
    """Publish all parts of a report; raises a NATS error, and may then be repeated. Returns the first's sequence."""
    acks = [
        await jetstream.publish(report.dead_letter_subject, part.data, headers=dict(part.headers))
        for part in parts_of(report)
    ]
    return acks[0].seq
