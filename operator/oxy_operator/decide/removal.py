"""The plan for an instance that is being deleted: what the finalizer waits for, and what is deleted with it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from oxy_core.identity import number_digest
from oxy_core.instance.custom_resource import FINALIZER, claim_name, runtime_name
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.plan import ChildName
from oxy_operator.decide.pod import Pod
from oxy_operator.objects import CLAIMS, STATEFUL_SETS

RELEASE_AFTER: Final = timedelta(minutes=5)
"""How long a deletion waits for the pod to end and for NATS; then the finalizer is removed anyway."""


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What to do, in the order of the fields, before the finalizer is removed.

    Until the workload is deleted, a pod may appear at any time. So what depends on the pod is asked with the pod known
    at that moment, not with the one observed before.
    """

    workload: ChildName
    claim: ChildName | None
    """None if the deletion policy retains it, or the instance never used it."""
    overdue: bool
    """Whether neither the pod nor NATS is waited for any longer."""

    def awaits_pod(self, pod: Pod | None) -> bool:
        """Whether to wait until the pod has ended, before NATS removes the account: it may have reports to deliver."""
        return pod is not None and not self.overdue

    def releases_number(self, pod: Pod | None) -> bool:
        """Whether another instance may have the number: no pod is left that may answer the number's customers.

        A pod on an unreachable node may still be running.
        """
        return pod is None


def removal_plan(observed: Observed) -> RemovalPlan | None:
    """Return how to remove a deleted instance; None if it lacks the operator's finalizer."""
    instance = observed.instance
    if FINALIZER not in instance.finalizers or instance.deleted_at is None:
        return None
    overdue = observed.now - instance.deleted_at > RELEASE_AFTER
    deletes_claim = instance.spec.session.deletion_policy == "Delete" and _used_claim(instance, observed.record)
    return RemovalPlan(
        workload=ChildName(STATEFUL_SETS, runtime_name(instance.name)),
        claim=ChildName(CLAIMS, claim_name(instance.name)) if deletes_claim else None,
        overdue=overdue,
    )


def _used_claim(instance: Instance, record: EpochRecord | None) -> bool:
    """Whether the claim serves this instance, and not an earlier one of its name, because of which it was refused."""
    return (
        record is not None
        and record.incarnation == instance.uid
        and record.number == number_digest(instance.spec.phone_number)
    )
