"""Which of the violations that the simulator counts are the tenant's. Pure."""

from collections.abc import Iterator, Sequence

from chaos.tenant.sent import is_unreadable

from oxy_simulator.replies import LineView, ViolationView


def breaches(violations: Sequence[ViolationView], lines: Sequence[LineView]) -> Iterator[str]:
    """Yield how the tenant broke the protocol.

    To refer to a message that a fault dropped, that the phone could not read, or that a fault carried only after what
    refers to it, is no fault of its own.
    """
    for violation in violations:
        named = [line for line in lines if line.id in violation.detail]
        excused = any("dropped" in line.stages or is_unreadable(line) for line in named) or any(
            _was_overtaken(line, other) for line in named for other in named
        )
        if violation.rule != "unknown-target" or not excused:
            yield str(violation)


def _was_overtaken(line: LineView, by: LineView) -> bool:
    """Whether the server took a message before another, and carried it later."""
    if "received" not in line.stages or not {"received", "delivered"} <= by.stages.keys():
        return False
    is_late = line.stages.get("delivered", float("inf")) > by.stages["delivered"]
    return is_late and line.stages["received"] < by.stages["received"]
