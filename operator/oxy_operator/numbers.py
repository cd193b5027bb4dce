"""Which instance a WhatsApp number belongs to: one alone, in whatever namespace.

Two pods linked to one number would both answer its customers. So an instance takes its number before it has a pod, by
an object in the operator's namespace made with plain create, and gives it back when its pod has ended.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import structlog

from oxy_core.identity import phone_key
from oxy_operator.errors import ConflictError, MissingError
from oxy_operator.kubernetes_api import CONFIG_MAPS, Kubernetes, Object
from oxy_operator.workqueue import Key

_LABEL: Final = "oxy.dev/number"
_SELECTOR: Final = f"{_LABEL}=taken"

log = structlog.get_logger()


def number_digest(phone: str) -> str:
    """Return what stands for a number in names and annotations: the same for all ways to write it."""
    return hashlib.sha256(phone_key(phone).encode()).hexdigest()[:24]


def taking_name(phone: str) -> str:
    """Name of the object by which a number is taken."""
    return f"oxy-number-{number_digest(phone)}"


def taking(phone: str, holder: Key, *, operator_namespace: str) -> Object:
    """Return the object by which `holder` takes a number."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": taking_name(phone),
            "namespace": operator_namespace,
            "labels": {"app.kubernetes.io/part-of": "oxy", _LABEL: "taken"},
        },
        "immutable": True,
        "data": {"namespace": holder.namespace, "instance": holder.name},
    }


class Numbers:
    """Who holds which number, as far as this process has seen it."""

    def __init__(self, api: Kubernetes, operator_namespace: str) -> None:
        self._api = api
        self._operator_namespace = operator_namespace
        self._held: dict[str, Key] = {}

    async def load(self) -> None:
        """Read all takings at once, so that a start asks about none of them alone. Raises ApiError."""
        async for item in self._api.all(CONFIG_MAPS, _SELECTOR):
            if item["metadata"]["namespace"] == self._operator_namespace:
                self._held[item["metadata"]["name"]] = _holder(item)

    def known_holder(self, phone: str) -> Key | None:
        """Return who holds a number, as far as is known without asking."""
        return self._held.get(taking_name(phone))

    async def take(self, phone: str, instance: Key) -> Key:
        """Return who holds a number: this instance, if nobody held it before. Raises ApiError."""
        name = taking_name(phone)
        if self._held.get(name) != instance:
            # What another instance holds may have been given back since it was seen.
            self._held[name] = await self._taken(phone, instance)
        return self._held[name]

    async def _taken(self, phone: str, instance: Key) -> Key:
        body = taking(phone, instance, operator_namespace=self._operator_namespace)
        try:
            await self._api.create(CONFIG_MAPS, self._operator_namespace, body)
        except ConflictError:
            return _holder(await self._api.get(CONFIG_MAPS, self._operator_namespace, taking_name(phone)))
        log.info("number_taken", namespace=instance.namespace, instance=instance.name)
        return instance

    async def give_back(self, phone: str, instance: Key) -> None:
        """Free a number if this instance holds it. Raises ApiError."""
        await self._free(taking_name(phone), instance)

    async def give_back_of_gone(self, is_gone: Callable[[Key], bool]) -> None:
        """Free what is held by instances that ended before they could give it back. Raises ApiError."""
        for name, holder in list(self._held.items()):
            if is_gone(holder):
                await self._free(name, holder)

    async def _free(self, name: str, instance: Key) -> None:
        self._held.pop(name, None)
        try:
            found = await self._api.get(CONFIG_MAPS, self._operator_namespace, name)
            if _holder(found) != instance:
                return
            await self._api.delete(CONFIG_MAPS, self._operator_namespace, name, uid=found["metadata"]["uid"])
        except (MissingError, ConflictError):
            return
        log.info("number_given_back", namespace=instance.namespace, instance=instance.name)


def _holder(taken: Object) -> Key:
    return Key(taken["data"]["namespace"], taken["data"]["instance"])
