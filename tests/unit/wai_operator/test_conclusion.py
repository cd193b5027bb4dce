"""The status, and when to reconcile next, from what was observed, planned and done."""

from datetime import timedelta
from typing import Any

import pytest
from unit.wai_operator.making import NOW, Json, deployment, instance, live, observed, pod, record, waiting

from oxy_operator.decide.conclusion import Conclusion, conclude
from oxy_operator.decide.live_state import HEARTBEAT_SECONDS
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.requeue import CORRECTION_SECONDS, WAIT_SECONDS
from oxy_operator.decide.status import DETAIL_SECONDS
from oxy_operator.problems import Problem

DONE = Outcome(account_pushed=True)
ROTATION = 1_000_000.0
PROBLEM = Problem("ConfigMapRefused", "no")


def concluded(outcome: Outcome = DONE, **changes: Json) -> Conclusion:
    seen = observed(**changes)
    return conclude(seen, plan_for(seen, deployment()), outcome)


def condition(made: Conclusion, kind: str) -> Any:  # noqa: ANN401 any JSON value
    return next(item for item in made.status["conditions"] if item["type"] == kind)


@pytest.mark.parametrize(
    ("outcome", "changes", "seconds"),
    [
        (DONE, {}, ROTATION),
        (DONE, {"pod": None}, ROTATION),
        (Outcome(bus_failed=True), {}, WAIT_SECONDS),
        (Outcome(), {}, ROTATION),
        (Outcome(PROBLEM, account_pushed=True), {}, CORRECTION_SECONDS),
        (
            Outcome(missing_reference=PROBLEM, account_pushed=True),
            {"pod": pod(state=waiting("ContainerCreating"))},
            WAIT_SECONDS,
        ),
        (DONE, {"refusal": PROBLEM}, CORRECTION_SECONDS),
        (DONE, {"backups_unlisted": True}, WAIT_SECONDS),
        (DONE, {"record": record(paired=False, pairing_until=NOW + timedelta(seconds=9)), "pod": None}, 10.0),
        (DONE, {"pod": pod(deleted_at=NOW)}, 61.0),
        (DONE, {"reported": live()}, HEARTBEAT_SECONDS),
        (DONE, {"reported": live(), "pod": pod(ready=True)}, ROTATION),
    ],
    ids=[
        "credentials are renewed",
        "no pod yet",
        "the bus refused",
        "the bus is down",
        "a child is refused",
        "a reference is missing",
        "the number is taken",
        "backups were not listed",
        "the window closes",
        "a node may be lost",
        "a heartbeat may stop",
        "connected",
    ],
)
def test_an_instance_is_reconciled_again_when_time_alone_changes_something(
    outcome: Outcome,
    changes: Any,  # noqa: ANN401 a table's column
    seconds: float,
) -> None:
    assert concluded(outcome, **changes).requeue_after == seconds


def test_a_refused_object_takes_precedence_over_a_missing_reference() -> None:
    missing = Problem("ReferenceMissing", "create it")
    assert condition(concluded(Outcome(missing_reference=missing)), "Provisioned")["reason"] == "ReferenceMissing"
    refused = concluded(Outcome(PROBLEM, missing))
    assert condition(refused, "Provisioned")["reason"] == "ConfigMapRefused"


def test_credentials_are_ready_once_the_account_was_pushed() -> None:
    assert condition(concluded(), "CredentialsReady")["status"] == "True"
    assert condition(concluded(Outcome()), "CredentialsReady")["reason"] == "BusUnavailable"


def test_a_status_that_does_not_differ_is_not_written() -> None:
    first = concluded()
    assert first.writes_status
    assert not concluded(instance=instance(status=first.status)).writes_status


@pytest.mark.parametrize(("ago", "writes"), [(None, True), (DETAIL_SECONDS - 1, False), (DETAIL_SECONDS, True)])
def test_attempts_alone_are_written_at_a_bounded_rate(ago: float | None, writes: bool) -> None:  # noqa: FBT001 a table's column
    before = concluded(reported=live(attempts=1, last_reason="ConnectionLost")).status
    written_at = None if ago is None else NOW - timedelta(seconds=ago)
    made = concluded(
        instance=instance(status=before),
        reported=live(attempts=2, last_reason="ConnectionLost"),
        status_written_at=written_at,
    )
    assert made.writes_status is writes
    assert made.status["reconnect"]["attempts"] == 2
    assert made.requeue_after == (HEARTBEAT_SECONDS if writes else 1.0)


def test_anything_else_is_written_at_once() -> None:
    before = concluded(reported=live(attempts=1)).status
    made = concluded(instance=instance(status=before), pod=pod(ready=True), status_written_at=NOW)
    assert made.writes_status
