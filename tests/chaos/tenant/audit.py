"""Compares what one tenant reported and sent with what WhatsApp's side knows. Pure.

The simulator is the truth about what was said, acknowledged and shown on phones. Whatever it gave to a device that is
still linked must be on the bus once, in its place in its chat, or among the losses that the tenant reported. Whatever
the platform asked for and the tenant accepted must be on the contact's phone once, in its place, or reported as
ambiguous.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos.tenant import received, sent
from chaos.tenant.known import Evidence


@dataclass(slots=True)
class Verdict:
    """What is wrong, and counts."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def judge(evidence: Evidence) -> Verdict:
    """Return everything that disagrees."""
    checks = (
        received.numbering,
        received.messages,
        received.losses,
        received.inbound_order,
        received.files,
        sent.sends,
        sent.outbound_order,
    )
    counts: Counter[str] = Counter()
    return Verdict([problem for check in checks for problem in check(evidence, counts)], counts)


def table(counts: Mapping[str, int]) -> str:
    """Return the counts for people to read."""
    return "\n".join(f"{name:<28}{count:>7}" for name, count in counts.items())
