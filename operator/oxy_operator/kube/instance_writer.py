"""Writes status and finalizers of custom resources, and updates the cache accordingly."""

import structlog

from oxy_operator.decide.instance import Instance
from oxy_operator.decide.status import Status
from oxy_operator.errors import ConflictError, MissingError
from oxy_operator.kube.cache import InstanceCache
from oxy_operator.kube.client import Kubernetes
from oxy_operator.metrics import WRITES
from oxy_operator.objects import INSTANCES, STATUS_MANAGER, Key, Object

log = structlog.get_logger()


class InstanceWriter:
    """Writes to the custom resource that was read (by uid), never to another one of its name."""

    def __init__(self, api: Kubernetes, cache: InstanceCache) -> None:
        self._api = api
        self._cache = cache

    async def write_status(self, instance: Instance, status: Status) -> None:
        """Apply the whole status; if the instance was deleted or replaced, refresh the cache. Raises ApiError."""
        try:
            await self._api.apply(
                INSTANCES, {**_identity(instance), "status": status}, manager=STATUS_MANAGER, subresource="status"
            )
        except (ConflictError, MissingError):
            await self._refresh(instance)
            return
        WRITES.labels(INSTANCES.name).inc()
        held = self._cache.get(Key(instance.namespace, instance.name))
        if held is not None:
            self._cache.put({**held, "status": status})
        if status["phase"] != instance.status.get("phase"):
            log.info("phase_changed", namespace=instance.namespace, instance=instance.name, phase=status["phase"])

    async def set_finalizers(self, instance: Instance, *finalizers: str) -> None:
        """Set the operator's finalizers; those of others stay. Raises ApiError."""
        body = _identity(instance)
        body["metadata"]["finalizers"] = list(finalizers)
        try:
            await self._api.apply(INSTANCES, body)
        except (ConflictError, MissingError):
            await self._refresh(instance)
            raise
        WRITES.labels(INSTANCES.name).inc()

    async def _refresh(self, instance: Instance) -> None:
        """Read a resource again that was deleted or replaced: the watch can miss that."""
        key = Key(instance.namespace, instance.name)
        try:
            self._cache.put(await self._api.get(INSTANCES, key.namespace, key.name))
        except MissingError:
            self._cache.drop(key)
        log.info("instance_refreshed", namespace=key.namespace, instance=key.name)


def _identity(instance: Instance) -> Object:
    return {"metadata": {"name": instance.name, "namespace": instance.namespace, "uid": instance.uid}}
