"""What is known at the end of a run with one tenant, and how it is compared. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chaos.breaking import Happened
from chaos.plan import Kind
from chaos.tenant.people import Contact
from chaos.tenant.plan import ENDS, LAST_ENDS, MISBEHAVIOUR, TENANT, TO_WHATSAPP

from oxy_core.envelopes import MessageSeen, Report
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.replies import LineView, Message

FORGETTING_SECONDS: Final = 60.0
"""How soon something must have ended a process or a connection that is to have forgotten what it knew at a moment. A
process that stands still does nothing with it meanwhile."""

_ENDS: Final = frozenset({*ENDS, *LAST_ENDS, *MISBEHAVIOUR})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at the end of a run."""

    people: Sequence[Contact]
    reports: Sequence[Report]
    """Each once, in the order that readers restore."""
    accepted: frozenset[UUID]
    """Requests that the tenant has accepted."""
    lines: Sequence[LineView]
    """The simulator's life lines."""
    lost: frozenset[str]
    """Ids of messages that the simulator says were acknowledged, and that are not among the reports."""
    inboxes: Mapping[str, Sequence[Message]]
    """By contact's phone: what it shows of the tenant's messages, without repetitions of an id."""
    linked: frozenset[int]
    """The devices that are linked at the end."""
    faults: Sequence[Happened] = ()

    def messages(self) -> Iterator[MessageSeen]:
        """Yield the messages that were reported."""
        yield from (report.body for report in self.reports if isinstance(report.body, MessageSeen))

    def during(self, kinds: frozenset[FaultKind], moment: float, after: float) -> bool:
        """Whether one of these faults of the simulator began before a moment, and ended at most `after` before it."""
        return any(
            isinstance(fault.kind, FaultKind) and fault.kind in kinds and fault.began <= moment <= fault.ended + after
            for fault in self.faults
        )

    def killed_after(self, moment: float) -> bool:
        """Whether the tenant was killed soon after a moment, so that it may have written down nothing of it."""
        return any(
            fault.kind is Kind.KILL and fault.target == TENANT and _is_soon(fault, moment) for fault in self.faults
        )

    def forgot_after(self, moment: float) -> bool:
        """Whether the library was replaced soon after a moment: a new session knows nothing of what the old one sent.

        Its process ended, or its connection did, or it was so slow that the runtime renewed it.
        """
        return any(
            fault.began <= moment + FORGETTING_SECONDS and fault.ended >= moment
            for fault in self.faults
            if (fault.target == TENANT and fault.kind in {Kind.KILL, Kind.TERMINATE})
            or fault.target == TO_WHATSAPP
            or fault.kind in _ENDS
        )


def _is_soon(fault: Happened, moment: float) -> bool:
    return moment <= fault.began <= moment + FORGETTING_SECONDS


def overtaken(got: Sequence[str], order: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield what came after something that belongs behind it, with the hindmost of these."""
    newest: str | None = None
    for one in got:
        if newest is not None and order[one] < order[newest]:
            yield one, newest
        else:
            newest = one


def stages(lines: Sequence[LineView]) -> str:
    """Return what WhatsApp's side knows of messages, for people to read."""
    shown = (
        f"{line.text!r} to device {line.device}: "
        + ", ".join(f"{stage} {at % 10_000:.2f}" for stage, at in sorted(line.stages.items(), key=lambda item: item[1]))
        for line in lines
    )
    return "; ".join(shown)
