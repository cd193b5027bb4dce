"""Which instance a WhatsApp number belongs to: exactly one in the whole cluster.

Two pods linked to one number would both answer its customers. So an instance acquires its number before it has a pod,
by creating a ConfigMap in the operator's namespace (create fails if it exists), and releases it when its pod has ended.
"""

from collections.abc import Callable
from typing import Final

import structlog

from oxy_operator.decide.ownership_problems import number_name
from oxy_operator.errors import ConflictError, MissingError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.objects import CONFIG_MAPS, Key, Object

_LABEL: Final = "oxy.dev/number"
_SELECTOR: Final = f"{_LABEL}=taken"

log = structlog.get_logger()


def number_config_map(phone: str, owner: Key, *, operator_namespace: str) -> Object:
    """Return the ConfigMap that records the owner of a number."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": number_name(phone),
            "namespace": operator_namespace,
            "labels": {"app.kubernetes.io/part-of": "oxy", _LABEL: "taken"},
        },
        "immutable": True,
        "data": {"namespace": owner.namespace, "instance": owner.name},
    }


class Numbers:
    """Owners of numbers that this process has seen."""

    def __init__(self, api: Kubernetes, operator_namespace: str) -> None:
        self._api = api
        self._operator_namespace = operator_namespace
        self._owners: dict[str, Key] = {}

    async def load(self) -> None:
        """Read all owners with one list instead of a request for each. Raises ApiError."""
        async for item in self._api.all(CONFIG_MAPS, _SELECTOR):
            if item["metadata"]["namespace"] == self._operator_namespace:
                self._owners[item["metadata"]["name"]] = _owner(item)

    def known_owner(self, phone: str) -> Key | None:
        """Return the owner of a number, if it is cached."""
        return self._owners.get(number_name(phone))

    async def acquire(self, phone: str, instance: Key) -> Key:
        """Return the owner of a number; if it had none, this instance becomes the owner. Raises ApiError."""
        name = number_name(phone)
        if self._owners.get(name) != instance:
            # Another instance may have released the number since it was cached.
            self._owners[name] = await self._record(phone, instance)
        return self._owners[name]

    async def _record(self, phone: str, instance: Key) -> Key:
        body = number_config_map(phone, instance, operator_namespace=self._operator_namespace)
        try:
            await self._api.create(CONFIG_MAPS, self._operator_namespace, body)
        except ConflictError:
            return _owner(await self._api.get(CONFIG_MAPS, self._operator_namespace, number_name(phone)))
        log.info("number_acquired", namespace=instance.namespace, instance=instance.name)
        return instance

    async def release(self, phone: str, instance: Key) -> None:
        """Release a number if this instance owns it. Raises ApiError."""
        await self._free(number_name(phone), instance)

    async def release_orphans(self, is_gone: Callable[[Key], bool]) -> None:
        """Release the numbers of instances that no longer exist. Raises ApiError."""
        for name, owner in list(self._owners.items()):
            if is_gone(owner):
                await self._free(name, owner)

    async def _free(self, name: str, instance: Key) -> None:
        self._owners.pop(name, None)
        try:
            found = await self._api.get(CONFIG_MAPS, self._operator_namespace, name)
            if _owner(found) != instance:
                return
            await self._api.delete(CONFIG_MAPS, self._operator_namespace, name, uid=found["metadata"]["uid"])
        except (MissingError, ConflictError):
            return
        log.info("number_released", namespace=instance.namespace, instance=instance.name)


def _owner(recorded: Object) -> Key:
    return Key(recorded["data"]["namespace"], recorded["data"]["instance"])
