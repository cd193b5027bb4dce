"""The plan for an instance that is being deleted: what the finalizer waits for, and what is deleted with it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from oxy_core.identity import number_digest
from oxy_core.instance.custom_resource import FINALIZER, claim_name, runtime_name
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.leaving import Farewell, farewell
from oxy_operator.decide.live_state import current_live_state, noticeable
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.plan import ChildName, PodNotice, session_notice
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.situation import Situation
from oxy_operator.decide.specs.config_map import settings_config_map
from oxy_operator.decide.status import Status, status_of
from oxy_operator.decide.warnings import Warned
from oxy_operator.objects import CLAIMS, STATEFUL_SETS, Object

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
    """None if the deletion policy retains it, the instance never used it, or no backup replaces it."""
    settings: Object | None
    """The pod's settings, which tell it to give its session up; the rest waits until it has. None: it need not."""
    notice: PodNotice | None
    """Written to the pod after its settings."""
    starts_pod: bool
    """Whether a pod is started to read them."""
    status: Status | None
    """What to show meanwhile."""
    record: EpochRecord | None
    """Written to the claim before anything else; None: it stays as it is."""
    overdue: bool
    """Whether neither the pod nor NATS is waited for any longer."""
    remark: Warned | None
    """What people must see once the instance is gone."""

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
    leaves = None
    if instance.spec.session.deletion_policy == "Delete" and _used_claim(instance, observed.record):
        leaves = farewell(observed, overdue=overdue)
    return RemovalPlan(
        workload=ChildName(STATEFUL_SETS, runtime_name(instance.name)),
        claim=ChildName(CLAIMS, claim_name(instance.name)) if leaves and leaves.deletes_claim else None,
        settings=_last_settings(observed, leaves) if leaves else None,
        notice=_notice(observed, leaves) if leaves else None,
        starts_pod=leaves is not None and leaves.starts_pod,
        status=_status(observed, leaves) if leaves else None,
        record=leaves.record if leaves else None,
        overdue=overdue,
        remark=Warned(leaves.remark.reason, leaves.remark.message) if leaves and leaves.remark else None,
    )


def _last_settings(observed: Observed, leaves: Farewell) -> Object | None:
    if observed.record is None or not leaves.asks:
        return None
    ahead = noticeable(observed.clock_ahead)
    instance, record = observed.instance, observed.record
    return settings_config_map(
        instance, record, observed.bus_state, clock_ahead=ahead, leave=leaves.wish, freeze=observed.freeze_in_force
    )


def _notice(observed: Observed, leaves: Farewell) -> PodNotice | None:
    if observed.record is None or not leaves.asks:
        return None
    return session_notice(observed, observed.record, leaves.wish.id)


def _status(observed: Observed, leaves: Farewell) -> Status | None:
    record = observed.record
    if record is None or not leaves.asks:
        return None
    live = current_live_state(observed.reported, observed.pod, record, observed.now)
    situation = Situation(
        observed.instance,
        record,
        observed.pod,
        live,
        backups=observed.backups,
        leaving=leaves.waits_for,
        account_pushed=observed.account_held,
        freeze=observed.freeze_in_force,
        freeze_recorded=observed.freeze == observed.freeze_in_force,
        now=observed.now,
    )
    return status_of(situation)


def _used_claim(instance: Instance, record: EpochRecord | None) -> bool:
    """Whether the claim serves this instance, and not an earlier one of its name, because of which it was refused."""
    return (
        record is not None
        and record.incarnation == instance.uid
        and record.number == number_digest(instance.spec.phone_number)
    )
