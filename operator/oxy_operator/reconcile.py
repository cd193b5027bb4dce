"""Reconciles one instance: observe, decide, act, conclude.

Level-triggered: it acts on the present state, not on events. It may be repeated at any time, and writes nothing if
nothing differs.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from oxy_operator.act import Actor
from oxy_operator.decide.conclusion import Conclusion, conclude
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.observed import Deployment, Observed
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.removal import removal_plan
from oxy_operator.decide.requeue import WAIT_SECONDS
from oxy_operator.decide.stopping import Halt
from oxy_operator.decide.warnings import warnings
from oxy_operator.errors import ResourceError
from oxy_operator.kube.cache import InstanceCache
from oxy_operator.kube.event_recorder import EventRecorder
from oxy_operator.kube.instance_writer import InstanceWriter
from oxy_operator.metrics import AGEING, OUTDATED, ConditionCount, PhaseCount
from oxy_operator.objects import Key
from oxy_operator.observe import Observer, Remembered


class Reconciler:
    """Reconciles instances, one at a time per key."""

    def __init__(  # noqa: PLR0913 the steps and what they share
        self,
        instances: InstanceCache,
        observer: Observer,
        actor: Actor,
        writer: InstanceWriter,
        recorder: EventRecorder,
        *,
        deployment: Deployment,
        enqueue: Callable[[Key], None],
    ) -> None:
        self._instances = instances
        self._observer = observer
        self._actor = actor
        self._writer = writer
        self._recorder = recorder
        self._deployment = deployment
        self._enqueue = enqueue
        self._remembered: defaultdict[Key, Remembered] = defaultdict(Remembered)
        self._phases = PhaseCount()
        self._counts = (ConditionCount(OUTDATED, "ClientOutdated"), ConditionCount(AGEING, "ClientAgeing"))

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile one instance; return the seconds until the next reconcile, or None to wait for a change.

        Raises ApiError or ResourceError if it must be retried.
        """
        resource = self._instances.get(key)
        if resource is None:
            return await self._forget(key)
        try:
            instance = Instance.of(resource)
        except ResourceError:
            await self._actor.stop(key, Halt.of_unreadable(resource))
            raise
        remembered = self._remembered[key]
        observed = await self._observer.observe(key, instance, remembered)
        remembered.tenancy, remembered.keys, remembered.proxy = observed.tenancy, observed.keys, observed.proxy
        if instance.deleted_at is not None:
            return await self._remove(key, observed)
        return await self._apply(key, observed)

    async def _apply(self, key: Key, observed: Observed) -> float | None:
        plan = plan_for(observed, self._deployment)
        outcome = await self._actor.act(key, observed, plan, self._remembered[key].keep_record)
        if plan.claim is not None and outcome.refused is None:
            # Asked last: if this fails, a corrected spec has been applied all the same.
            outcome = replace(outcome, missing_reference=await self._observer.missing_reference(observed))
        conclusion = conclude(observed, plan, outcome)
        await self._write_status(key, observed, conclusion)
        if self._instances.get(key) is None:
            # The API server refused the status: the instance is gone, and the watch missed its deletion.
            return await self._forget(key)
        return conclusion.requeue_after

    async def _write_status(self, key: Key, observed: Observed, conclusion: Conclusion) -> None:
        self._phases.set(key, conclusion.status["phase"])
        for count in self._counts:
            count.set(key, conclusion.status)
        if conclusion.writes_status:
            # First: an operator that ends between the two finds the status as it was, and tells people again.
            for warned in warnings(observed.instance.status, conclusion.status):
                await self._recorder.record(observed.instance, warned)
            await self._writer.write_status(observed.instance, conclusion.status)
            self._remembered[key].status_written_at = observed.now

    async def _remove(self, key: Key, observed: Observed) -> float | None:
        plan = removal_plan(observed)
        if plan is None:
            return None
        waiting = await self._actor.remove(key, observed, plan)
        if plan.status is not None and plan.status != observed.instance.status:
            await self._writer.write_status(observed.instance, plan.status)
        if waiting is None:
            return WAIT_SECONDS
        if plan.remark is not None:
            await self._recorder.record(observed.instance, plan.remark)
        self._drop(key)
        for other in waiting:
            self._enqueue(other)
        return None

    async def _forget(self, key: Key) -> float | None:
        """Forget an instance that no longer exists, also on the bus. Its children are garbage-collected.

        The finalizer does not rule this out: somebody may remove it, and one added while the API server deletes the
        object comes too late.
        """
        self._drop(key)
        return None if await self._actor.forget_deleted(key) else WAIT_SECONDS

    def _drop(self, key: Key) -> None:
        self._remembered.pop(key, None)
        self._observer.forget(key)
        self._phases.drop(key)
        for count in self._counts:
            count.drop(key)
