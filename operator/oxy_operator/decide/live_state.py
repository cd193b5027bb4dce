"""Live states that runtimes report on the bus: which are current, and which are news. They only add detail."""

from datetime import datetime, timedelta
from typing import Final

from oxy_core.envelopes import LiveState
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.pod import Pod

HEARTBEAT_SECONDS: Final = 45.0
"""A live state older than this is stale."""

ACTIVITY_STEP: Final = timedelta(minutes=5)
"""``lastActivityAt`` is written at most this often."""

_QUIET: Final = frozenset({"heartbeat_at", "pairing_seconds_left", "session_bytes", "last_activity_at"})
"""Fields whose change alone is no news."""


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
    """Whether `now` differs from `announced`, the state last acted upon, by more than a heartbeat."""
    if announced.model_dump(exclude=set(_QUIET)) != now.model_dump(exclude=set(_QUIET)):
        return True
    return now.last_activity_at is not None and is_later_activity(now.last_activity_at, announced.last_activity_at)


def is_later_activity(latest: datetime, known: datetime | None) -> bool:
    """Whether the latest activity is late enough after the known one to be worth a write."""
    return known is None or latest - known >= ACTIVITY_STEP
