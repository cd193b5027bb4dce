"""Brings children to what they should be, by server-side apply, and only where they differ."""

from typing import Final

import structlog

from oxy_operator.digest import desired_digest
from oxy_operator.errors import ConflictError, MissingError
from oxy_operator.kubernetes_api import (
    CLAIMS,
    CONFIG_MAPS,
    MEMORY_MANAGER,
    NETWORK_POLICIES,
    SECRETS,
    STATEFUL_SETS,
    Kubernetes,
    Object,
    Resource,
)
from oxy_operator.lifecycle import Memory
from oxy_operator.metrics import WRITES
from oxy_operator.resource import Instance
from oxy_operator.specs.claim import claim_memory
from oxy_operator.specs.names import claim_name
from oxy_operator.store import METADATA_ONLY, Child, Children

CHILD_KINDS: Final = (CLAIMS, CONFIG_MAPS, SECRETS, STATEFUL_SETS, NETWORK_POLICIES)

log = structlog.get_logger()


class Applier:
    """Writes children, knowing from the reflectors how they are."""

    def __init__(self, api: Kubernetes) -> None:
        self._api = api
        self.children = {kind: Children(kind) for kind in CHILD_KINDS}

    def child(self, resource: Resource, namespace: str, name: str) -> Child | None:
        """Return a child as it was last seen."""
        return self.children[resource].get(namespace, name)

    async def ensure(self, resource: Resource, body: Object) -> None:
        """Apply an object if it is absent or differs. Raises ApiError."""
        metadata = body["metadata"]
        digest = desired_digest(body, metadata_only=resource in METADATA_ONLY)
        held = self.child(resource, metadata["namespace"], metadata["name"])
        if held is not None and held.digest == digest:
            return
        # With the uid an object that was deleted meanwhile is not made again behind the reflector's back.
        identified = body if held is None else {**body, "metadata": {**metadata, "uid": held.uid}}
        try:
            answer = await self._api.apply(resource, identified)
        except ConflictError:
            self.children[resource].forget(metadata["namespace"], metadata["name"])
            raise
        WRITES.labels(resource.kind).inc()
        log.info("child_applied", kind=resource.kind, namespace=metadata["namespace"], name=metadata["name"])
        self.children[resource].applied(body, answer, digest)

    async def remember(self, instance: Instance, memory: Memory) -> None:
        """Write an instance's memory to its claim, which must exist, if it differs. Raises ApiError."""
        name = claim_name(instance.name)
        held = self.child(CLAIMS, instance.namespace, name)
        if held is None or Memory.of(held.annotations) == memory:
            return
        answer = await self._api.apply(CLAIMS, claim_memory(instance, memory, held.uid), manager=MEMORY_MANAGER)
        WRITES.labels(CLAIMS.kind).inc()
        log.info("memory_written", namespace=instance.namespace, instance=instance.name, epoch=memory.epoch)
        self.children[CLAIMS].annotated(instance.namespace, name, memory.annotations, answer)

    async def ensure_absent(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object if it exists and is not being deleted already. Raises ApiError."""
        held = self.child(resource, namespace, name)
        if held is None or held.deleting:
            return
        try:
            await self._api.delete(resource, namespace, name, uid=held.uid)
        except MissingError:
            pass
        else:
            log.info("child_deleted", kind=resource.kind, namespace=namespace, name=name)
        self.children[resource].forget(namespace, name)
