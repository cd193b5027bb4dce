"""The plan for an instance that should exist: what to apply, remove, record and publish."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from oxy_core.envelopes import InstanceSettings
from oxy_core.instance.custom_resource import (
    ASKED_ANNOTATION,
    FINALIZER,
    PAIRING_UNTIL_ANNOTATION,
    pairing_secret_name,
    runtime_name,
)
from oxy_core.session_backups import key_id
from oxy_core.times import utc_text
from oxy_operator.decide.backups import surplus
from oxy_operator.decide.budget import budget_problem
from oxy_operator.decide.client import ClientRefusal, client_of, refusal_of, refusing
from oxy_operator.decide.endpoints import endpoint_problem
from oxy_operator.decide.epoch_record import EpochRecord, next_record
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.live_state import current_live_state, noticeable
from oxy_operator.decide.model_keys import KeysWanted
from oxy_operator.decide.observed import Deployment, Observed
from oxy_operator.decide.ownership_problems import session_problem
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.proxy import connects_past, keeps_pod, rules_direct_out
from oxy_operator.decide.situation import ModelProblems, Situation
from oxy_operator.decide.specs.claim import session_claim
from oxy_operator.decide.specs.config_map import settings_config_map
from oxy_operator.decide.specs.instance_settings import instance_settings
from oxy_operator.decide.specs.network_policy import ingress_policy
from oxy_operator.decide.specs.secrets import credentials_secret, pairing_secret
from oxy_operator.decide.specs.stateful_set import runtime_stateful_set
from oxy_operator.decide.stopping import NO_HALT, Halt
from oxy_operator.decide.timezones import timezone_problem
from oxy_operator.objects import CLAIMS, CONFIG_MAPS, NETWORK_POLICIES, SECRETS, STATEFUL_SETS, Kind, Object
from oxy_operator.problems import Problem


@dataclass(frozen=True, slots=True)
class Child:
    """An object to apply."""

    kind: Kind
    body: Object


@dataclass(frozen=True, slots=True)
class ChildName:
    """An object to remove, by its name in the instance's namespace."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class PodNotice:
    """An annotation of a running pod. A change of one makes the kubelet bring the pod's files up to date at once."""

    pod: str
    uid: str
    annotations: dict[str, str]


def no_children(_: str) -> tuple[Child, ...]:
    """Return none, whatever the claim."""
    return ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in the order of the fields. Whatever is empty or None is left unchanged."""

    situation: Situation
    """What the status is derived from; `conclude` adds how acting went."""
    adds_finalizer: bool = False
    claim: Child | None = None
    """Applied first: it holds the record, so without it there must be no pod."""
    record: EpochRecord | None = None
    """Written to the claim before anything that derives from it."""
    children: Callable[[str], tuple[Child, ...]] = no_children
    """Returns the objects for the claim with this uid, which is known only once the claim exists. Objects that the pod
    refers to come before its StatefulSet."""
    stop: Halt = NO_HALT
    """Heeded after everything is applied, for the pod that stayed as it was."""
    absent: tuple[ChildName, ...] = ()
    """Removed after everything is applied, so that one that cannot be removed keeps nothing else waiting."""
    keys: KeysWanted | None = None
    """Passed on before the settings, because the workers get them later."""
    notice: PodNotice | None = None
    """Written to the pod after its ConfigMap."""
    refusal: ClientRefusal | None = None
    """Told to all instances."""
    settings: InstanceSettings | None = None
    """Pushed to the bus, together with the account."""
    keeps_settings: bool = False
    """Whether the bus goes on with the settings that it has, which are only told of a freeze."""
    expired_backups: tuple[UUID, ...] = ()
    """Deleted on the bus."""


def plan_for(observed: Observed, deployment: Deployment) -> Plan:
    """Return the plan for an instance that is not being deleted."""
    if observed.refusal is not None:
        return _rejection(observed, observed.refusal)
    plan = _plan_for_owner(observed, deployment)
    return replace(plan, adds_finalizer=FINALIZER not in observed.instance.finalizers)


def _plan_for_owner(observed: Observed, deployment: Deployment) -> Plan:
    """Return the plan for an instance whose organization and number are its own."""
    instance, record = observed.instance, _record(observed)
    problem = session_problem(instance, record.number, _earlier_owner(observed))
    if problem is not None:
        return _rejection(observed, problem)
    problem = _unread_problem(instance) or timezone_problem(instance.spec.timezone)
    if problem is not None:
        if observed.workload is None or connects_past(instance, observed.workload):
            return _rejection(observed, _without_pod(problem, instance))
        return _continuation(observed, record, problem, deployment)
    return _provision(observed, record, deployment)


def _earlier_owner(observed: Observed) -> str | None:
    """Return whose the claim is that an earlier instance of this name left; None: this one's, or nobody knows."""
    serves = observed.record is not None and observed.record.incarnation == observed.instance.uid
    # A label that somebody has changed meanwhile is put right with the claim.
    return None if serves else observed.volume_owner


def _unread_problem(instance: Instance) -> Problem | None:
    if not instance.unread:
        return None
    fields = ", ".join(instance.unread)
    remedy = "Correct it, or install the version of Oxy that it was written for."
    return Problem("SpecUnreadable", f"{fields}: this version of Oxy cannot use what is there. {remedy}")


def _record(observed: Observed) -> EpochRecord:
    # The live state is checked twice: here against the epoch recorded so far, in `_situation` against the next record,
    # which may just have ended the epoch that the live state is about.
    live = current_live_state(observed.reported, observed.pod, observed.record, observed.now)
    return next_record(
        observed.instance,
        observed.record,
        known_epoch=observed.known_epoch,
        pod=observed.pod,
        live=live,
        now=observed.now,
        backups=observed.source_backups,
    )


def _situation(observed: Observed, record: EpochRecord, deployment: Deployment) -> Situation:
    live = current_live_state(observed.reported, observed.pod, record, observed.now)
    client = client_of(observed.instance, observed.pod, live, deployment.tenant_image)
    fault = observed.proxy.fault
    return Situation(
        observed.instance,
        record,
        observed.pod,
        live,
        unprovisioned=fault.problem(pod_kept=_keeps_pod(observed, record)) if fault is not None else None,
        models=_model_problems(observed, deployment),
        client=client,
        client_refusal=refusing(client, observed.refusals),
        backups=observed.backups,
        source_backups=observed.source_backups,
        backups_refused=observed.backups_refused,
        freeze=observed.freeze_in_force,
        freeze_recorded=observed.freeze == observed.freeze_in_force,
        bus_away=observed.bus_away,
        now=observed.now,
    )


def _model_problems(observed: Observed, deployment: Deployment) -> ModelProblems:
    return ModelProblems(
        key=observed.keys.problem,
        endpoint=endpoint_problem(observed.instance, deployment.endpoints),
        budget=budget_problem(observed.instance),
    )


def _rejection(observed: Observed, problem: Problem) -> Plan:
    """Return the plan for an instance that is refused: it has no pod, and its status says why."""
    return Plan(
        Situation(observed.instance, None, None, None, rejected=problem, now=observed.now),
        absent=(ChildName(STATEFUL_SETS, runtime_name(observed.instance.name)),),
    )


def _without_pod(problem: Problem, instance: Instance) -> Problem:
    """Return why a spec cannot be used, and that no pod runs meanwhile; the same before and after one has ended."""
    why = ": one that an earlier spec made may connect past the proxy of this one" if rules_direct_out(instance) else ""
    return Problem(problem.reason, f"{problem.message} Until it is corrected, no pod runs{why}.")


def _continuation(observed: Observed, record: EpochRecord, problem: Problem, deployment: Deployment) -> Plan:
    """Return the plan for a spec that cannot be applied: objects of an earlier spec stay unchanged."""
    situation = replace(_situation(observed, record, deployment), unusable=problem)
    return Plan(situation, record=record, stop=Halt.of(observed.instance), keeps_settings=True)


def _provision(observed: Observed, record: EpochRecord, deployment: Deployment) -> Plan:
    instance, situation = observed.instance, _situation(observed, record, deployment)
    shows_codes = _wants_pairing(situation, record)
    return Plan(
        situation,
        claim=Child(CLAIMS, session_claim(instance, deployment.access_mode)),
        record=record,
        children=lambda volume: tuple(_children(observed, situation, record, deployment, volume)),
        stop=Halt.of(instance),
        absent=() if shows_codes else (ChildName(SECRETS, pairing_secret_name(instance.name)),),
        keys=observed.keys,
        notice=_notice(observed.pod, record)
        if shows_codes
        else session_notice(observed, record, instance.backup_nonce),
        refusal=refusal_of(record, observed.now, deployment.tenant_image),
        expired_backups=_expired(instance, record, observed),
        settings=instance_settings(instance, observed.tenancy.account, observed.freeze_in_force),
    )


def _wants_pairing(situation: Situation, record: EpochRecord) -> bool:
    return not record.paired and record.end is None and record.window_open(situation.now)


def _notice(pod: Pod | None, record: EpochRecord) -> PodNotice | None:
    """Return what tells a pod that runs of a new pairing window, which it reads from its settings file.

    Without it the kubelet takes up to a minute and a half to update that file.
    """
    if pod is None or not pod.running or pod.epoch != record.epoch or record.pairing_until is None:
        return None
    until = utc_text(record.pairing_until)
    return None if pod.noticed == until else PodNotice(pod.name, pod.uid, {PAIRING_UNTIL_ANNOTATION: until})


def session_notice(observed: Observed, record: EpochRecord, request: str | None) -> PodNotice | None:
    """Return what tells a pod that runs of a request about its session, likewise."""
    pod = observed.pod
    if request is None or pod is None or not pod.running or pod.epoch != record.epoch or pod.asked == request:
        return None
    return PodNotice(pod.name, pod.uid, {ASKED_ANNOTATION: request})


def _backup_keys(observed: Observed, record: EpochRecord) -> dict[str, bytes]:
    """Return the key of the instance's backups, then that of another one's if that one's backup is restored."""
    own, pin = observed.instance.name, record.restore
    keys = [observed.backup_key(name) for name in (own, pin.wish.manifest.instance if pin else own)]
    return {key_id(key): key for key in keys}


def _expired(instance: Instance, record: EpochRecord, observed: Observed) -> tuple[UUID, ...]:
    """Return the backups that the spec no longer keeps; what is to be restored, here or by another instance, stays."""
    held, keep = observed.backups or (), instance.spec.session.backup.keep
    if len(held) <= keep:
        return ()
    own = () if record.restoring is None else (record.restoring,)
    return surplus(held, keep, {*observed.restoring(), *own})


def _is_stopped(instance: Instance, record: EpochRecord) -> bool:
    return instance.spec.suspend or record.end is not None or record.awaits_backup(instance)


def _keeps_pod(observed: Observed, record: EpochRecord) -> bool:
    kept = keeps_pod(observed.proxy, observed.workload, record.epoch, observed.volume)
    return kept and not _is_stopped(observed.instance, record)


def _children(
    observed: Observed, situation: Situation, record: EpochRecord, deployment: Deployment, volume: str
) -> Iterator[Child]:
    instance, tenancy = observed.instance, observed.tenancy
    ahead = noticeable(observed.clock_ahead) if situation.live else timedelta()
    settings = settings_config_map(
        instance, record, observed.bus_state, clock_ahead=ahead, freeze=observed.freeze_in_force
    )
    yield Child(CONFIG_MAPS, settings)
    yield Child(SECRETS, credentials_secret(instance, tenancy.credentials, _backup_keys(observed, record)))
    yield Child(NETWORK_POLICIES, ingress_policy(instance))
    if not _keeps_pod(observed, record):
        stateful_set = runtime_stateful_set(
            instance,
            record,
            account=tenancy.account,
            image=deployment.tenant_image,
            nats_url=deployment.tenant_nats_url,
            volume=volume,
            proxy=observed.proxy.digest,
            replicas=0 if observed.proxy.fault is not None or _is_stopped(instance, record) else 1,
        )
        yield Child(STATEFUL_SETS, stateful_set)
    offer = situation.live.pairing if situation.live else None
    if offer is not None and _wants_pairing(situation, record):
        yield Child(SECRETS, pairing_secret(instance, offer))
