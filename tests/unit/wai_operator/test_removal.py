"""The second kind of plan: for an instance that is being deleted."""

from datetime import timedelta

import pytest
from unit.wai_operator.making import NOW, Json, instance, observed, pod, record

from oxy_core.identity import number_digest
from oxy_core.instance.custom_resource import FINALIZER
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.plan import ChildName
from oxy_operator.decide.removal import RELEASE_AFTER, RemovalPlan, removal_plan
from oxy_operator.objects import CLAIMS, STATEFUL_SETS

SOON = NOW - timedelta(seconds=10)
LATE = NOW - RELEASE_AFTER - timedelta(seconds=1)


def deleted(**fields: Json) -> Instance:
    return instance(**({"finalizers": [FINALIZER], "deleted_at": SOON} | fields))


def removal(of: Instance, **changes: Json) -> RemovalPlan:
    made = removal_plan(observed(instance=of, **changes))
    assert made is not None
    return made


@pytest.mark.parametrize("of", [deleted(finalizers=[]), deleted(finalizers=["other"]), deleted(deleted_at=None)])
def test_an_instance_without_the_finalizer_is_not_removed(of: Instance) -> None:
    assert removal_plan(observed(instance=of)) is None


@pytest.mark.parametrize(
    ("since", "running", "waits", "overdue", "number"),
    [
        (SOON, True, True, False, False),
        (SOON, False, False, False, True),
        (LATE, True, False, True, False),
        (LATE, False, False, True, True),
    ],
)
def test_it_waits_for_pod_and_bus_for_a_while_and_keeps_the_number_of_a_pod_that_may_run(
    since: Json,
    running: bool,  # noqa: FBT001 a table's column
    waits: bool,  # noqa: FBT001 as above
    overdue: bool,  # noqa: FBT001 as above
    number: bool,  # noqa: FBT001 as above
) -> None:
    made = removal(deleted(deleted_at=since))
    present = pod() if running else None
    assert (made.awaits_pod(present), made.overdue, made.releases_number(present)) == (waits, overdue, number)
    assert made.workload == ChildName(STATEFUL_SETS, "wai-petshop")


def test_the_claim_is_deleted_only_if_the_policy_says_so() -> None:
    assert removal(deleted()).claim is None
    made = removal(deleted(session={"deletionPolicy": "Delete"}), record=record(paired=False))
    assert made.claim == ChildName(CLAIMS, "wai-petshop-session")


@pytest.mark.parametrize(
    "kept",
    [
        None,
        record(incarnation="an earlier instance of this name"),
        record(incarnation=""),
        record(number=number_digest("+5511987650001")),
        record(number=""),
    ],
)
def test_the_claim_of_an_instance_that_never_used_it_stays(kept: EpochRecord | None) -> None:
    assert removal(deleted(session={"deletionPolicy": "Delete"}), record=kept).claim is None
