"""Which namespace an organization belongs to.

The first instance that names an organization binds it to its namespace, by creating a ConfigMap in the operator's
namespace. The binding outlives instances: nobody gets an organization's data by being the next to use its name.
"""

from typing import Final

import structlog

from oxy_operator.decide.ownership_problems import organization_name
from oxy_operator.errors import ConflictError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.objects import CONFIG_MAPS, Object

_LABEL: Final = "oxy.dev/organization"
_SELECTOR: Final = f"app.kubernetes.io/part-of=oxy,{_LABEL}"

log = structlog.get_logger()


def organization_config_map(organization: str, *, namespace: str, operator_namespace: str) -> Object:
    """Return the ConfigMap that binds `organization` to `namespace`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": organization_name(organization),
            "namespace": operator_namespace,
            "labels": {"app.kubernetes.io/part-of": "oxy", _LABEL: organization},
        },
        "immutable": True,
        "data": {"organization": organization, "namespace": namespace},
    }


class Organizations:
    """Bindings that this process has seen."""

    def __init__(self, api: Kubernetes, operator_namespace: str) -> None:
        self._api = api
        self._operator_namespace = operator_namespace
        self._owners: dict[str, str] = {}

    async def load(self) -> None:
        """Read all bindings with one list instead of a request for each. Raises ApiError."""
        async for item in self._api.all(CONFIG_MAPS, _SELECTOR):
            if item["metadata"]["namespace"] == self._operator_namespace:
                self._owners[item["data"]["organization"]] = item["data"]["namespace"]

    def known_owner(self, organization: str) -> str | None:
        """Return the namespace that owns `organization`, if it is cached."""
        return self._owners.get(organization)

    async def acquire(self, organization: str, namespace: str) -> str:
        """Return the namespace that owns `organization`; if none did, `namespace` becomes it. Raises ApiError."""
        if self._owners.get(organization) != namespace:
            # The binding to another namespace may have been deleted since it was cached.
            self._owners[organization] = await self._bind(organization, namespace)
        return self._owners[organization]

    async def _bind(self, organization: str, namespace: str) -> str:
        body = organization_config_map(organization, namespace=namespace, operator_namespace=self._operator_namespace)
        try:
            await self._api.create(CONFIG_MAPS, self._operator_namespace, body)
        except ConflictError:
            found = await self._api.get(CONFIG_MAPS, self._operator_namespace, body["metadata"]["name"])
            return str(found["data"]["namespace"])
        log.info("organization_bound", organization=organization, namespace=namespace)
        return namespace
