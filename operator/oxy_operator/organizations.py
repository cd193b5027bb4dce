"""Which namespace an organization belongs to.

The first instance that names an organization binds it to its namespace, by an object in the operator's namespace made
with plain create. It outlives instances: nobody gets an organization's data by being the next to use its name.
"""

import hashlib
from typing import Final

import structlog

from oxy_operator.errors import ConflictError
from oxy_operator.kubernetes_api import CONFIG_MAPS, Kubernetes, Object

_LABEL: Final = "oxy.dev/organization"
_SELECTOR: Final = f"app.kubernetes.io/part-of=oxy,{_LABEL}"

log = structlog.get_logger()


def binding_name(organization: str) -> str:
    """Name of the object that binds an organization."""
    return f"oxy-org-{hashlib.sha256(organization.encode()).hexdigest()[:24]}"


def binding(organization: str, *, namespace: str, operator_namespace: str) -> Object:
    """Return the object that binds `organization` to `namespace`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": binding_name(organization),
            "namespace": operator_namespace,
            "labels": {"app.kubernetes.io/part-of": "oxy", _LABEL: organization},
        },
        "immutable": True,
        "data": {"organization": organization, "namespace": namespace},
    }


class Organizations:
    """Bindings, as far as this process has seen them."""

    def __init__(self, api: Kubernetes, operator_namespace: str) -> None:
        self._api = api
        self._operator_namespace = operator_namespace
        self._held: dict[str, str] = {}

    async def load(self) -> None:
        """Read all bindings at once, so that a start asks about none of them alone. Raises ApiError."""
        async for item in self._api.all(CONFIG_MAPS, _SELECTOR):
            if item["metadata"]["namespace"] == self._operator_namespace:
                self._held[item["data"]["organization"]] = item["data"]["namespace"]

    def known_holder(self, organization: str) -> str | None:
        """Return the namespace that holds `organization`, as far as is known without asking."""
        return self._held.get(organization)

    async def holder(self, organization: str, namespace: str) -> str:
        """Return the namespace that holds `organization`: this one, if nobody held it before. Raises ApiError."""
        if self._held.get(organization) != namespace:
            # What another namespace holds may have been released since it was seen.
            self._held[organization] = await self._bound(organization, namespace)
        return self._held[organization]

    async def _bound(self, organization: str, namespace: str) -> str:
        body = binding(organization, namespace=namespace, operator_namespace=self._operator_namespace)
        try:
            await self._api.create(CONFIG_MAPS, self._operator_namespace, body)
        except ConflictError:
            found = await self._api.get(CONFIG_MAPS, self._operator_namespace, body["metadata"]["name"])
            return str(found["data"]["namespace"])
        log.info("organization_bound", organization=organization, namespace=namespace)
        return namespace
