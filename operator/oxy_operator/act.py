"""Carries out plans: applies, removes, records, publishes. Decides nothing."""

from collections.abc import Callable

import structlog

from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import BusError
from oxy_core.instance.custom_resource import FINALIZER, claim_name, runtime_name
from oxy_operator.bus.connection import Bus
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.model_keys import KeysWanted
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import Child, Plan
from oxy_operator.decide.removal import RemovalPlan
from oxy_operator.decide.stopping import Halt
from oxy_operator.errors import InvalidError
from oxy_operator.kube.applier import Applier
from oxy_operator.kube.cache import ClusterCache
from oxy_operator.kube.client_refusals import ClientRefusals
from oxy_operator.kube.instance_writer import InstanceWriter
from oxy_operator.kube.key_store import KeyStore
from oxy_operator.objects import CLAIMS, CONFIG_MAPS, STATEFUL_SETS, Key
from oxy_operator.ownership.arbitration import Ownership
from oxy_operator.problems import Problem

log = structlog.get_logger()


class Actor:
    """Writes to the cluster and to the bus. `act` and `remove` raise ApiError if they must be retried."""

    def __init__(  # noqa: PLR0913 everything that it writes to
        self,
        cache: ClusterCache,
        applier: Applier,
        writer: InstanceWriter,
        bus: Bus,
        *,
        ownership: Ownership,
        keys: KeyStore,
        refusals: ClientRefusals,
    ) -> None:
        self._cache = cache
        self._applier = applier
        self._writer = writer
        self._bus = bus
        self._ownership = ownership
        self._keys = keys
        self._refusals = refusals

    async def act(self, key: Key, observed: Observed, plan: Plan, remember: Callable[[EpochRecord], None]) -> Outcome:
        """Carry out a plan. If the API server refuses one object, the others are still applied.

        `remember` gets the record as soon as the claim holds it, whatever fails afterwards.
        """
        if plan.adds_finalizer:
            await self._writer.set_finalizers(observed.instance, FINALIZER)
        refused = await self._provision(key, observed, plan, remember)
        await self.stop(key, plan.stop)
        if plan.notice is not None:
            await self._applier.annotate_pod(key.namespace, plan.notice)
        for child in plan.absent:
            await self._applier.ensure_absent(child.kind, key.namespace, child.name)
        if plan.refusal is not None:
            await self._refusals.note(plan.refusal)
        if plan.keeps_settings:
            pushed = await self._push(key, observed, None)
            return Outcome(refused, account_pushed=pushed, bus_failed=not pushed and self._bus.present)
        if plan.settings is None:
            return Outcome(refused, account_pushed=observed.account_held)
        keys_refused = await self._pass_on(key, plan.settings, plan.keys)
        pushed = await self._push(key, observed, plan.settings)
        await self._delete_backups(key, observed, plan)
        return Outcome(
            refused,
            keys_refused=keys_refused,
            account_pushed=pushed,
            bus_failed=not pushed and self._bus.present,
        )

    async def _provision(
        self, key: Key, observed: Observed, plan: Plan, remember: Callable[[EpochRecord], None]
    ) -> Problem | None:
        """Apply the claim, the record and the children, in this order; return the first refusal."""
        refused = await self._ensure(plan.claim) if plan.claim is not None else None
        claim = self._cache.child(CLAIMS, key.namespace, claim_name(key.name))
        if plan.record is None or claim is None:
            # The claim holds the record, from which the pod gets its epoch: without the claim there must be no pod.
            return refused
        await self._applier.write_record(observed.instance, plan.record)
        remember(plan.record)
        for child in plan.children(claim.uid):
            refusal = await self._ensure(child)
            refused = refused or refusal
        return refused

    async def stop(self, key: Key, stop: Halt) -> None:
        """End the pod of a StatefulSet that could not be applied, if the spec wants that in any case."""
        name = runtime_name(key.name)
        held = self._cache.child(STATEFUL_SETS, key.namespace, name)
        if held is not None and held.workload is not None and not held.deleting and stop.ends(held.workload):
            await self._applier.scale(key.namespace, name, 0)

    async def _ensure(self, child: Child) -> Problem | None:
        try:
            await self._applier.ensure(child.kind, child.body)
        except InvalidError as error:
            name = child.body["metadata"]["name"]
            message = f"The API server refuses {child.kind.name} {name}: {error}. Correct the spec, or undo the change."
            return Problem(f"{child.kind.name}Refused", message)
        return None

    async def _pass_on(self, key: Key, settings: InstanceSettings, keys: KeysWanted | None) -> Problem | None:
        """Pass an instance's API keys on to the workers; return why the API server refuses that."""
        if keys is None:
            return None
        try:
            await self._keys.put(settings.organization, settings.instance, keys.value, key)
        except InvalidError as error:
            message = (
                f"The keys that spec.ai names cannot be passed on to the workers: {error}. If that Secret is full, a "
                "platform admin has to let some instances use the platform's key. Oxy tries again every minute."
            )
            return Problem("KeyStoreFull", message)
        return None

    async def _push(self, key: Key, observed: Observed, settings: InstanceSettings | None) -> bool:
        """Push account and settings (None: those that the bus has stay) to the bus; return whether it accepted them."""
        try:
            if settings is None:
                organization = observed.instance.spec.organization_id
                await self._bus.push_freeze(key, observed.tenancy, organization, observed.freeze_in_force)
            else:
                await self._bus.push(key, observed.tenancy, settings)
        except BusError as error:
            if self._bus.present:
                log.warning("instance_not_pushed", namespace=key.namespace, instance=key.name, error=str(error))
            return False
        return True

    async def _delete_backups(self, key: Key, observed: Observed, plan: Plan) -> None:
        """Delete backups that are not kept; what fails is tried again with the next reconcile."""
        organization = observed.instance.spec.organization_id
        try:
            await self._bus.backups.delete(organization, key.name, plan.expired_backups)
        except BusError as error:
            log.warning("backups_not_deleted", namespace=key.namespace, instance=key.name, error=str(error))

    async def remove(self, key: Key, observed: Observed, plan: RemovalPlan) -> list[Key] | None:
        """Carry out a removal; return the instances that may now want its number, or None if it has to wait."""
        instance = observed.instance
        if plan.record is not None:
            await self._applier.write_record(instance, plan.record)
        if plan.settings is not None:
            await self._applier.ensure(CONFIG_MAPS, plan.settings)
            if plan.notice is not None:
                await self._applier.annotate_pod(key.namespace, plan.notice)
            if plan.starts_pod:
                await self._applier.scale(key.namespace, plan.workload.name, 1)
            return None
        await self._applier.ensure_absent(plan.workload.kind, key.namespace, plan.workload.name)
        if plan.awaits_pod(self._cache.pods.of(key)):
            return None
        try:
            await self._bus.forget(observed.tenancy.account, instance.spec.organization_id, instance.name, instance.uid)
        except BusError as error:
            log.warning("account_not_removed", namespace=key.namespace, instance=key.name, error=str(error))
            if not plan.overdue:
                return None
            # NATS is cleaned up once it is back.
        await self._keys.remove(instance.spec.organization_id, instance.name, key)
        if plan.claim is not None:
            await self._applier.ensure_absent(plan.claim.kind, key.namespace, plan.claim.name)
        releases_number = plan.releases_number(self._cache.pods.of(key))
        waiting = await self._ownership.release_number(key, instance) if releases_number else []
        await self._writer.set_finalizers(instance)
        log.info("instance_removed", namespace=key.namespace, instance=key.name, keeps_session=plan.claim is None)
        return waiting

    async def forget_deleted(self, key: Key) -> bool:
        """Remove keys and bus account of an instance that no longer exists; return whether the bus did so.

        Raises ApiError.
        """
        await self._keys.remove_of(key)
        try:
            await self._bus.forget_deleted(key)
        except BusError as error:
            log.warning("account_not_removed", namespace=key.namespace, instance=key.name, error=str(error))
            return False
        return True
