"""When to reconcile an instance again even if no event arrives.

The back-off after a failed reconcile is in `oxy_operator.workqueue`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from oxy_operator.decide.client import ageing_seconds
from oxy_operator.decide.live_state import HEARTBEAT_SECONDS
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.session_status import awaits_pod, backup_overdue_at
from oxy_operator.decide.situation import Situation
from oxy_operator.decide.verdicts import LOST_AFTER

CORRECTION_SECONDS: Final = 60.0
"""Interval while a person has to correct something elsewhere."""

WAIT_SECONDS: Final = 5.0
"""Interval while another component is about to act."""


def requeue_seconds(observed: Observed, situation: Situation, outcome: Outcome, held_back: float | None) -> float:
    """Return after how many seconds to reconcile again; `held_back` is how long a status is held back."""
    if situation.rejected is not None:
        return CORRECTION_SECONDS
    return min(_deadlines(observed, situation, outcome, held_back))


def _deadlines(observed: Observed, situation: Situation, outcome: Outcome, held_back: float | None) -> Iterator[float]:
    yield max(observed.tenancy.validity.renewed_at - observed.now.timestamp(), 1.0)
    if held_back is not None:
        yield held_back
    if outcome.bus_failed:
        yield WAIT_SECONDS
    if situation.unprovisioned is not None or outcome.keys_refused is not None:
        yield CORRECTION_SECONDS
    if observed.backups_unlisted:
        yield WAIT_SECONDS
    if situation.record is not None and situation.record.lacks_backup(situation.instance):
        # It may yet be made, by an instance whose events are not this one's.
        yield CORRECTION_SECONDS
    ageing = ageing_seconds(situation.client, situation.now)
    if ageing is not None:
        yield ageing + 1.0
    window_end = _open_window_end(situation)
    if window_end is not None:
        yield (window_end - situation.now).total_seconds() + 1.0
    overdue_at = backup_overdue_at(situation)
    if overdue_at is not None and overdue_at > situation.now:
        yield (overdue_at - situation.now).total_seconds() + 1.0
    yield from _pod_deadlines(situation)


def _open_window_end(situation: Situation) -> datetime | None:
    record = situation.record
    if record is None or record.paired or not record.window_open(situation.now):
        return None
    return record.pairing_until


def _pod_deadlines(situation: Situation) -> Iterator[float]:
    pod = situation.pod
    if pod is None:
        return
    if pod.waiting is not None:
        yield WAIT_SECONDS
    if pod.deleted_at is not None:
        yield max((pod.deleted_at + LOST_AFTER - situation.now).total_seconds(), 0.0) + 1.0
    if situation.live is not None and (not pod.ready or awaits_pod(situation)):
        # If heartbeats stop, the live state becomes stale, and no event reports that.
        yield HEARTBEAT_SECONDS
