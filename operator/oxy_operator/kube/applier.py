"""Applies children server-side, and only those that differ from the plan."""

import structlog

from oxy_core.instance.custom_resource import claim_name
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.plan import PodNotice
from oxy_operator.decide.specs.claim import claim_record
from oxy_operator.errors import ApiError, ConflictError, MissingError
from oxy_operator.kube.cache import ClusterCache
from oxy_operator.kube.client import Kubernetes
from oxy_operator.kube.digest import desired_digest
from oxy_operator.metrics import WRITES
from oxy_operator.objects import CLAIMS, METADATA_ONLY, PODS, RECORD_MANAGER, STATEFUL_SETS, Kind, Object

log = structlog.get_logger()


class Applier:
    """Compares children with the cache and writes those that differ."""

    def __init__(self, api: Kubernetes, cache: ClusterCache) -> None:
        self._api = api
        self._cache = cache

    async def ensure(self, kind: Kind, body: Object) -> None:
        """Apply an object if it is absent or differs. Raises ApiError."""
        metadata, children = body["metadata"], self._cache.children[kind]
        digest = desired_digest(body, metadata_only=kind in METADATA_ONLY)
        held = children.get(metadata["namespace"], metadata["name"])
        if held is not None and held.digest == digest:
            return
        # With the uid, the server refuses an object that was deleted in the meantime instead of creating it again.
        identified = body if held is None else {**body, "metadata": {**metadata, "uid": held.uid}}
        try:
            answer = await self._api.apply(kind, identified)
        except ConflictError:
            children.forget(metadata["namespace"], metadata["name"])
            raise
        WRITES.labels(kind.name).inc()
        log.info("child_applied", kind=kind.name, namespace=metadata["namespace"], name=metadata["name"])
        children.applied(body, answer, digest)

    async def write_record(self, instance: Instance, record: EpochRecord) -> None:
        """Write the epoch record to the instance's claim, if the claim exists and has another. Raises ApiError."""
        name, claims = claim_name(instance.name), self._cache.children[CLAIMS]
        held = claims.get(instance.namespace, name)
        if held is None or EpochRecord.of(held.annotations) == record:
            return
        answer = await self._api.apply(CLAIMS, claim_record(instance, record, held.uid), manager=RECORD_MANAGER)
        WRITES.labels(CLAIMS.name).inc()
        log.info("record_written", namespace=instance.namespace, instance=instance.name, epoch=record.epoch)
        claims.annotated(instance.namespace, name, record.annotations, answer)

    async def annotate_pod(self, namespace: str, notice: PodNotice) -> None:
        """Annotate a pod, unless it has been replaced since.

        A failure is logged: the pod's files come up to date without that too, within a minute and a half.
        """
        body: Object = {"metadata": {"uid": notice.uid, "annotations": notice.annotations}}
        try:
            await self._api.merge(PODS, namespace, notice.pod, body)
        except (ConflictError, MissingError):
            return
        except ApiError as error:
            log.warning("pod_not_noticed", namespace=namespace, name=notice.pod, error=str(error))
            return
        WRITES.labels(PODS.name).inc()
        log.info("pod_noticed", namespace=namespace, name=notice.pod)

    async def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Give a StatefulSet so many replicas, if it exists. Raises ApiError."""
        held = self._cache.child(STATEFUL_SETS, namespace, name)
        if held is None:
            return
        body: Object = {"metadata": {"uid": held.uid}, "spec": {"replicas": replicas}}
        await self._api.merge(STATEFUL_SETS, namespace, name, body)
        WRITES.labels(STATEFUL_SETS.name).inc()
        log.info("workload_scaled", namespace=namespace, name=name, replicas=replicas)

    async def ensure_absent(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object if it exists and is not already being deleted. Raises ApiError."""
        held = self._cache.child(kind, namespace, name)
        if held is None or held.deleting:
            return
        try:
            await self._api.delete(kind, namespace, name, uid=held.uid)
        except MissingError:
            pass
        else:
            log.info("child_deleted", kind=kind.name, namespace=namespace, name=name)
        self._cache.children[kind].forget(namespace, name)
