"""Live states that runtimes report on the bus: which of them counts, and which is news. They only ever add detail."""

from datetime import datetime, timedelta
from typing import Final

from oxy_core.envelopes import LiveState
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.pod import Pod

HEARTBEAT_SECONDS: Final = 45.0
"""A live state older than this says nothing about now."""

ACTIVITY_STEP: Final = timedelta(minutes=5)
"""``lastActivityAt`` is written at most this often."""

_QUIET: Final = frozenset({"heartbeat_at", "session_bytes", "last_activity_at"})
"""Fields that change with every heartbeat."""


def current_live_state(
    reported: LiveState | None, pod: Pod | None, record: EpochRecord | None, now: datetime
) -> LiveState | None:
    """Return `reported` if it is about the current pod and epoch, and fresh; otherwise None."""
    if reported is None or pod is None or record is None:
        return None
    if (reported.pod_uid, reported.epoch) != (pod.uid, record.epoch):
        return None
    return reported if (now - reported.heartbeat_at).total_seconds() < HEARTBEAT_SECONDS else None


def is_news(announced: LiveState, now: LiveState) -> bool:
    """Whether a state says more than the one last acted upon, beyond that the instance is still there."""
    if announced.model_dump(exclude=set(_QUIET)) != now.model_dump(exclude=set(_QUIET)):
        return True
    return now.last_activity_at is not None and is_later_activity(now.last_activity_at, announced.last_activity_at)


def is_later_activity(latest: datetime, known: datetime | None) -> bool:
    """Whether activity is so much later than the one known that it is worth a write."""
    return known is None or latest - known >= ACTIVITY_STEP
