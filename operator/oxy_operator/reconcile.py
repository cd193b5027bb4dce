"""One look at one instance: what should be there, compared with what is, and the difference applied.

Level-triggered: a look needs no memory of what happened, only what is known now. It may be repeated at any time and
writes nothing when nothing differs.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from oxy_core.errors import BusError
from oxy_operator.accounts import Tenancy, tenancy
from oxy_operator.admission import Admission, session_problem
from oxy_operator.applier import Applier
from oxy_operator.bus import Bus
from oxy_operator.errors import ConflictError, InvalidError, MissingError
from oxy_operator.keys import PlatformKeys
from oxy_operator.kubernetes_api import (
    CLAIMS,
    CONFIG_MAPS,
    INSTANCES,
    NETWORK_POLICIES,
    SECRETS,
    STATEFUL_SETS,
    STATUS_MANAGER,
    Kubernetes,
    Object,
    Resource,
)
from oxy_operator.lifecycle import Memory, next_memory
from oxy_operator.metrics import WRITES, PhaseCount
from oxy_operator.resource import FINALIZER, Instance
from oxy_operator.specs.claim import session_claim
from oxy_operator.specs.names import claim_name, pairing_name, runtime_name
from oxy_operator.specs.network_policy import ingress_policy
from oxy_operator.specs.secret import credentials_secret, pairing_secret
from oxy_operator.specs.settings import instance_settings, settings_config_map
from oxy_operator.specs.stateful_set import runtime_stateful_set
from oxy_operator.status import (
    HEARTBEAT_SECONDS,
    LOST_AFTER,
    Facts,
    Problem,
    Status,
    counting,
    status_of,
    without_detail,
)
from oxy_operator.store import Pods, Resources
from oxy_operator.timezones import timezone_problem
from oxy_operator.workqueue import Key

DETAIL_SECONDS: Final = 15.0
"""Attempts to connect go to the status at most this often."""

RELEASE_AFTER: Final = timedelta(minutes=5)
"""How long a deleted instance waits for its pod to end and for NATS."""

CORRECTION_SECONDS: Final = 60.0
"""When to look again at what a person has to correct elsewhere."""

WAIT_SECONDS: Final = 5.0
"""When to look again at what another part is about to do."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deployment:
    """What all instances have in common."""

    namespace: str
    """The operator's own."""
    tenant_image: str
    tenant_nats_url: str
    access_mode: str
    rotation_seconds: int


class Reconciler:
    """Looks at instances; holds what is known of them."""

    def __init__(  # noqa: PLR0913 the outside world, part by part
        self,
        api: Kubernetes,
        bus: Bus,
        keys: PlatformKeys,
        deployment: Deployment,
        *,
        enqueue: Callable[[Key], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._bus = bus
        self._keys = keys
        self._deployment = deployment
        self._enqueue = enqueue
        self._clock = clock
        self._tenancies: dict[Key, Tenancy] = {}
        self._memories: dict[Key, Memory] = {}
        self._detailed_at: dict[Key, float] = {}
        self._phases = PhaseCount()
        self.resources = Resources()
        self.applier = Applier(api)
        self.pods = Pods()
        self._admission = Admission(api, deployment.namespace, self.resources, self.pods)

    async def load(self) -> None:
        """Read what a look must know of other instances than its own. Raises ApiError."""
        async for resource in self._api.all(INSTANCES):
            self.resources.put(resource)
        await self._admission.load()

    async def look(self, key: Key) -> float | None:
        """Look at an instance; return after how many seconds to look again, None if only after a change.

        Raises ApiError or ResourceError where it has to be tried again.
        """
        resource = self.resources.get(key)
        if resource is None:
            return await self._let_go(key)
        instance = Instance.of(resource)
        if instance.deleted_at is not None:
            return await self._remove(key, instance)
        return await self._keep(key, instance)

    async def _let_go(self, key: Key) -> float | None:
        """Forget an instance that is gone, however it went, and have the bus forget it.

        A finalizer does not always hold: someone may take it away, and one that is added while the API server deletes
        the object comes too late. Children go by their owner.
        """
        self._drop(key)
        try:
            await self._bus.forget_gone(key)
        except BusError as error:
            log.warning("bus_still_knows", namespace=key.namespace, instance=key.name, error=str(error))
            return WAIT_SECONDS
        return None

    def _drop(self, key: Key) -> None:
        """Forget an instance that is gone."""
        self._tenancies.pop(key, None)
        self._memories.pop(key, None)
        self._detailed_at.pop(key, None)
        self._phases.drop(key)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    # -- an instance that is to be there

    async def _keep(self, key: Key, instance: Instance) -> float | None:
        problem = await self._admission.problem(key, instance)
        if problem is not None:
            return await self._reject(key, instance, problem)
        if FINALIZER not in instance.finalizers:
            await self._set_finalizers(key, instance, [FINALIZER])
        facts = self._facts(key, instance)
        problem = session_problem(instance, facts.memory) if facts.memory else None
        if problem is not None:
            return await self._reject(key, instance, problem)
        unusable = timezone_problem(instance.spec.timezone)
        if unusable is not None:
            return await self._leave_as_is(key, facts, unusable)
        problem = await self._provision(key, facts) or await self._missing_reference(facts)
        settled = await self._settled(key, instance)
        facts = replace(facts, unprovisioned=problem, account_pushed=settled)
        wait = await self._report(key, facts)
        if self.resources.get(key) is None:
            return await self._let_go(key)
        return min(self._deadlines(key, facts, settled=settled, report=wait), default=None)

    async def _reject(self, key: Key, instance: Instance, problem: Problem) -> float:
        """Say why an instance is not acted upon, and see that it has no pod."""
        await self.applier.ensure_absent(STATEFUL_SETS, key.namespace, runtime_name(key.name))
        await self._report(key, Facts(instance, None, None, None, rejected=problem, now=self._now()))
        return CORRECTION_SECONDS

    async def _leave_as_is(self, key: Key, facts: Facts, problem: Problem) -> float | None:
        """Say why a spec is not taken up; what an earlier one brought up goes on as it is."""
        if self.applier.child(STATEFUL_SETS, key.namespace, runtime_name(key.name)) is None or facts.memory is None:
            return await self._reject(key, facts.instance, problem)
        await self._remember(key, facts.instance, facts.memory)
        pushed = self._bus.holds(self._tenancy(key, facts.instance).account)
        facts = replace(facts, unusable=problem, account_pushed=pushed)
        report = await self._report(key, facts)
        if self.resources.get(key) is None:
            return await self._let_go(key)
        return min(self._deadlines(key, facts, settled=True, report=report), default=None)

    def _facts(self, key: Key, instance: Instance) -> Facts:
        now, pod = self._now(), self.pods.of(key)
        claim = self.applier.child(CLAIMS, key.namespace, claim_name(key.name))
        held = self._memories.get(key)
        before = (Memory.of(claim.annotations) or held) if claim else None
        workload = self.applier.child(STATEFUL_SETS, key.namespace, runtime_name(key.name))
        known_epoch = max(workload.epoch if workload else 0, held.epoch if held else 0)
        told = self._bus.live(self._tenancy(key, instance).account)
        live = counting(told, pod, before, now) if before else None
        memory = next_memory(instance, before, known_epoch=known_epoch, pod=pod, live=live, now=now)
        return Facts(instance, memory, pod, counting(told, pod, memory, now), now=now)

    def _tenancy(self, key: Key, instance: Instance) -> Tenancy:
        """Return account and credentials, made anew once a rotation period or for another incarnation."""
        now = self._clock()
        held = self._tenancies.get(key)
        if held is None or now >= held.validity.renewed_at or held.incarnation != instance.uid:
            organization = instance.spec.organization_id
            held = tenancy(
                self._keys,
                organization,
                instance.name,
                now=now,
                incarnation=instance.uid,
                rotation=self._deployment.rotation_seconds,
            )
            self._tenancies[key] = held
        return held

    async def _provision(self, key: Key, facts: Facts) -> Problem | None:
        """Apply all children; return the first one that the API server refuses, after applying the others."""
        instance, memory = facts.instance, facts.memory
        if memory is None:
            return None
        refused = await self._ensure(CLAIMS, session_claim(instance, self._deployment.access_mode))
        if self.applier.child(CLAIMS, key.namespace, claim_name(key.name)) is None:
            return refused
        await self._remember(key, instance, memory)
        problems = [refused]
        for resource, body in self._children(key, instance, memory):
            problems.append(await self._ensure(resource, body))
        await self._offer_pairing(facts, memory)
        return next((problem for problem in problems if problem), None)

    async def _remember(self, key: Key, instance: Instance, memory: Memory) -> None:
        await self.applier.remember(instance, memory)
        self._memories[key] = memory

    def _children(self, key: Key, instance: Instance, memory: Memory) -> Iterator[tuple[Resource, Object]]:
        """Yield the children: what the pod refers to first, the pod last."""
        rights = self._tenancy(key, instance)
        yield CONFIG_MAPS, settings_config_map(instance, memory)
        yield SECRETS, credentials_secret(instance, rights.credentials)
        yield NETWORK_POLICIES, ingress_policy(instance)
        stopped = instance.spec.suspend or memory.end is not None
        yield (
            STATEFUL_SETS,
            runtime_stateful_set(
                instance,
                memory,
                account=rights.account,
                image=self._deployment.tenant_image,
                nats_url=self._deployment.tenant_nats_url,
                replicas=0 if stopped else 1,
            ),
        )

    async def _ensure(self, resource: Resource, body: Object) -> Problem | None:
        try:
            await self.applier.ensure(resource, body)
        except InvalidError as error:
            name = body["metadata"]["name"]
            message = f"The API server refuses {resource.kind} {name}: {error}. Correct the spec, or undo the change."
            return Problem(f"{resource.kind}Refused", message)
        return None

    async def _offer_pairing(self, facts: Facts, memory: Memory) -> None:
        """Keep the pairing Secret: the current code while the phone is to be linked, nothing otherwise."""
        instance = facts.instance
        wanted = not memory.paired and memory.end is None and memory.window_open(facts.now)
        offered = facts.live.pairing if facts.live else None
        if wanted and offered is not None:
            await self.applier.ensure(SECRETS, pairing_secret(instance, offered))
        elif not wanted:
            await self.applier.ensure_absent(SECRETS, instance.namespace, pairing_name(instance.name))

    async def _missing_reference(self, facts: Facts) -> Problem | None:
        """Return what the spec refers to and is not there: the kubelet says so for none that is mounted."""
        pod, network = facts.pod, facts.instance.spec.network
        if pod is None or pod.waiting is None:
            return None
        references = (
            (CONFIG_MAPS, "spec.network.caBundleConfigMapRef", network.ca_bundle_config_map_ref),
            (SECRETS, "spec.network.proxySecretRef", network.proxy_secret_ref),
        )
        for resource, field, reference in references:
            if reference is not None and not await self._exists(resource, facts.instance.namespace, reference.name):
                message = f"{resource.kind} {reference.name} of {field} does not exist. Create it, or correct the spec."
                return Problem("ReferenceMissing", message)
        return None

    async def _exists(self, resource: Resource, namespace: str, name: str) -> bool:
        try:
            await self._api.get(resource, namespace, name)
        except MissingError:
            return False
        return True

    async def _settled(self, key: Key, instance: Instance) -> bool:
        """Bring account and settings to the bus; tell whether it has them."""
        rights = self._tenancy(key, instance)
        try:
            await self._bus.settle(key, rights, instance_settings(instance, rights.account))
        except BusError as error:
            if self._bus.present:
                log.warning("instance_not_settled", namespace=key.namespace, instance=key.name, error=str(error))
            return False
        return True

    def _deadlines(self, key: Key, facts: Facts, *, settled: bool, report: float | None) -> Iterable[float]:
        """After how many seconds something changes by time alone."""
        memory, pod = facts.memory, facts.pod
        yield max(self._tenancies[key].validity.renewed_at - self._clock(), 1.0)
        if report is not None:
            yield report
        if self._bus.present and not settled:
            yield WAIT_SECONDS
        if facts.unprovisioned is not None:
            yield CORRECTION_SECONDS
        if memory is not None and not memory.paired and memory.pairing_until and memory.window_open(facts.now):
            yield (memory.pairing_until - facts.now).total_seconds() + 1.0
        if pod is None:
            return
        if pod.waiting is not None:
            yield WAIT_SECONDS
        if pod.deleted_at is not None:
            yield max((pod.deleted_at + LOST_AFTER - facts.now).total_seconds(), 0.0) + 1.0
        if facts.live is not None and not pod.ready:
            yield HEARTBEAT_SECONDS

    # -- status

    async def _report(self, key: Key, facts: Facts) -> float | None:
        """Write the status if it differs; return when to write what is held back, if anything is."""
        status, old = status_of(facts), facts.instance.status
        self._phases.set(key, status["phase"])
        if status == old:
            return None
        if without_detail(status) == without_detail(old):
            rest = self._detailed_at.get(key, 0.0) + DETAIL_SECONDS - self._clock()
            if rest > 0:
                return rest
        await self._write_status(key, facts.instance, status)
        self._detailed_at[key] = self._clock()
        return None

    async def _write_status(self, key: Key, instance: Instance, status: Status) -> None:
        body = {"metadata": _identity(instance), "status": status}
        try:
            await self._api.apply(INSTANCES, body, manager=STATUS_MANAGER, subresource="status")
        except (ConflictError, MissingError):
            await self._refresh(key, instance)
            return
        WRITES.labels(INSTANCES.kind).inc()
        held = self.resources.get(key)
        if held is not None:
            self.resources.put({**held, "status": status})
        if status["phase"] != instance.status.get("phase"):
            log.info("phase_changed", namespace=key.namespace, instance=key.name, phase=status["phase"])

    async def _refresh(self, key: Key, instance: Instance) -> None:
        """Look up a resource that is not the one we knew: its deletion can be missed by the watch."""
        try:
            self.resources.put(await self._api.get(INSTANCES, key.namespace, key.name))
        except MissingError:
            self.resources.drop(key)
        log.info("instance_refreshed", namespace=key.namespace, instance=instance.name)

    # -- an instance that is to go

    async def _remove(self, key: Key, instance: Instance) -> float | None:
        """Let the pod end, have the bus forget the instance, treat the claim by its policy, then let go."""
        if FINALIZER not in instance.finalizers or instance.deleted_at is None:
            return None
        await self.applier.ensure_absent(STATEFUL_SETS, key.namespace, runtime_name(key.name))
        overdue = self._now() - instance.deleted_at > RELEASE_AFTER
        if self.pods.of(key) is not None and not overdue:
            return WAIT_SECONDS
        try:
            account = self._tenancy(key, instance).account
            await self._bus.forget(account, instance.spec.organization_id, instance.name)
        except BusError as error:
            log.warning("bus_still_knows", namespace=key.namespace, instance=key.name, error=str(error))
            if not overdue:
                return WAIT_SECONDS
        if instance.spec.session.deletion_policy == "Delete":
            await self.applier.ensure_absent(CLAIMS, key.namespace, claim_name(key.name))
        # While its pod may still be there, on a node that does not answer, the number stays taken.
        waiting = await self._admission.leave(key, instance) if self.pods.of(key) is None else []
        await self._set_finalizers(key, instance, [])
        self._drop(key)
        for other in waiting:
            self._enqueue(other)
        log.info("instance_removed", namespace=key.namespace, instance=key.name)
        return None

    async def _set_finalizers(self, key: Key, instance: Instance, finalizers: list[str]) -> None:
        body = {"metadata": {**_identity(instance), "finalizers": finalizers}}
        try:
            await self._api.apply(INSTANCES, body)
        except (ConflictError, MissingError):
            await self._refresh(key, instance)
            raise
        WRITES.labels(INSTANCES.kind).inc()


def _identity(instance: Instance) -> Object:
    return {"name": instance.name, "namespace": instance.namespace, "uid": instance.uid}
