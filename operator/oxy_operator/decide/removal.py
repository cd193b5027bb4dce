"""The plan for an instance that is being deleted: what the finalizer waits for, and what is deleted with it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from oxy_core.instance.custom_resource import FINALIZER, claim_name, runtime_name
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.plan import ChildName
from oxy_operator.objects import CLAIMS, STATEFUL_SETS

RELEASE_AFTER: Final = timedelta(minutes=5)
"""How long a deletion waits for the pod to end and for NATS; then the finalizer is removed anyway."""


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What to do, in the order of the fields, before the finalizer is removed."""

    workload: ChildName
    awaits_pod: bool
    """Whether to wait first until the pod has ended: it may still have reports to deliver."""
    awaits_bus: bool
    """Whether to wait until NATS has removed the account."""
    claim: ChildName | None
    """None if the deletion policy retains it."""
    releases_number: bool
    """False while the pod may still be running on an unreachable node, answering the number's customers."""


def removal_plan(observed: Observed) -> RemovalPlan | None:
    """Return how to remove a deleted instance; None if it lacks the operator's finalizer."""
    instance = observed.instance
    if FINALIZER not in instance.finalizers or instance.deleted_at is None:
        return None
    overdue = observed.now - instance.deleted_at > RELEASE_AFTER
    deletes_claim = instance.spec.session.deletion_policy == "Delete"
    return RemovalPlan(
        workload=ChildName(STATEFUL_SETS, runtime_name(instance.name)),
        awaits_pod=observed.pod is not None and not overdue,
        awaits_bus=not overdue,
        claim=ChildName(CLAIMS, claim_name(instance.name)) if deletes_claim else None,
        releases_number=observed.pod is None,
    )
