"""The condition ReachOutAllowed: whether WhatsApp lets the number write to people first, as its pod has met it. Pure.

The pod finds out: `oxy_tenant.sending.reach_out`.
"""

from datetime import UTC
from typing import Final

from oxy_core.envelopes import ConnectionState, LiveState
from oxy_operator.problems import Problem

CONDITION: Final = "ReachOutAllowed"

NOT_LOCKED: Final = Problem(
    "NotLocked", "WhatsApp has not refused to let the number write first, as far as its messages have met it."
)


def reach_out_problem(live: LiveState, place: str) -> Problem | None:
    """Return the problem that an instance's number may write to nobody first; None: it may, as far as its pod knows.

    `place` is that of the instance.
    """
    since = live.reachout_locked_since
    if since is None:
        return None
    # To the minute: estimates of a pod's clock differ by seconds.
    message = (
        f"Since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC, WhatsApp lets the number write to nobody first (error "
        "463). Whoever writes is answered as before; campaigns and automations are held back. WhatsApp ends such a "
        "lock by itself, after hours or days, and tells no time. Wait, send less that nobody asked for from then on "
        f"(spec.limits), and let the number go on, which finds out: oxy campaign resume {place} --instance"
    )
    return Problem("ReachOutLocked", message)


def is_settled(live: LiveState) -> bool:
    """Whether what a live state says of the lock counts: that there is none, only a pod that is connected knows."""
    return live.reachout_locked_since is not None or live.connection is ConnectionState.CONNECTED
