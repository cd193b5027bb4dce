"""What follows from acting on a plan: the status to show, and when to reconcile again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from oxy_operator.decide.live_state import HEARTBEAT_SECONDS
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.plan import Plan
from oxy_operator.decide.situation import Situation
from oxy_operator.decide.status import Status, status_of, without_detail
from oxy_operator.decide.verdicts import LOST_AFTER
from oxy_operator.problems import Problem

DETAIL_SECONDS: Final = 15.0
"""Attempts to connect are written to the status at most this often."""

CORRECTION_SECONDS: Final = 60.0
"""When to reconcile again where a person has to correct something elsewhere."""

WAIT_SECONDS: Final = 5.0
"""When to reconcile again where another component is about to act."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How acting on a plan went; if it failed altogether, it raised an error instead."""

    refused: Problem | None = None
    """The first object that the API server refused; the others were applied all the same."""
    recorded: bool = False
    """Whether the claim holds the plan's record."""
    account_pushed: bool = False
    """Whether NATS has the account."""
    bus_failed: bool = False
    """Whether NATS, though connected, did not accept account and settings."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What to show and when to reconcile again."""

    status: Status
    writes_status: bool
    """False if nothing differs, or if detail alone differs and is held back for now."""
    requeue_after: float | None
    """Seconds; None if only after a change."""


def conclude(observed: Observed, plan: Plan, outcome: Outcome) -> Conclusion:
    """Return the status to show once a plan was acted upon, and when to reconcile again."""
    situation = _concluded(observed, plan, outcome)
    status, old = status_of(situation), observed.instance.status
    held_back = _held_back_seconds(observed, status)
    if situation.rejected is not None:
        requeue_after: float | None = CORRECTION_SECONDS
    else:
        requeue_after = min(_deadlines(observed, situation, outcome, held_back), default=None)
    return Conclusion(status, writes_status=status != old and held_back is None, requeue_after=requeue_after)


def _concluded(observed: Observed, plan: Plan, outcome: Outcome) -> Situation:
    if plan.claim is None:
        return replace(plan.situation, account_pushed=outcome.account_pushed)
    unprovisioned = outcome.refused or observed.missing_reference
    return replace(plan.situation, unprovisioned=unprovisioned, account_pushed=outcome.account_pushed)


def _held_back_seconds(observed: Observed, status: Status) -> float | None:
    """Return for how long a status that differs in detail alone is not written; None if it need not wait."""
    old = observed.instance.status
    if status == old or without_detail(status) != without_detail(old) or observed.status_written_at is None:
        return None
    rest = DETAIL_SECONDS - (observed.now - observed.status_written_at).total_seconds()
    return rest if rest > 0 else None


def _deadlines(observed: Observed, situation: Situation, outcome: Outcome, held_back: float | None) -> Iterator[float]:
    """Yield after how many seconds something changes by time alone."""
    yield max(observed.tenancy.validity.renewed_at - observed.now.timestamp(), 1.0)
    if held_back is not None:
        yield held_back
    if outcome.bus_failed:
        yield WAIT_SECONDS
    if situation.unprovisioned is not None:
        yield CORRECTION_SECONDS
    window_end = _open_window_end(situation)
    if window_end is not None:
        yield (window_end - situation.now).total_seconds() + 1.0
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
    if situation.live is not None and not pod.ready:
        yield HEARTBEAT_SECONDS
