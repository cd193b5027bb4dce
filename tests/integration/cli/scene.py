"""A namespace of a real API server, and what the operator would do in it."""

from dataclasses import dataclass
from typing import Any

from oxy_core.instance.custom_resource import API_VERSION, KIND, PLURAL, pairing_secret_name
from oxy_dev.cluster import apiserver


@dataclass(frozen=True)
class Scene:
    """A namespace, and what the operator would do in it."""

    server: apiserver.ApiServer
    namespace: str

    def path(self, name: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURAL}/{name}"

    def apply(self, name: str, **spec: Any) -> None:  # noqa: ANN401 fields of any kind
        fields = {"organizationId": name, "displayName": name, "phoneNumber": "+5511987654321", **spec}
        self.server.api.apply(
            self.path(name),
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": fields,
            },
        )

    def instance(self, name: str) -> dict[str, Any]:
        return self.server.api.get(self.path(name))

    def set_status(self, name: str, phase: str, *, ready: bool = False, **more: Any) -> None:  # noqa: ANN401 as apply
        condition = {
            "type": "Ready",
            "status": str(ready),
            "reason": more.pop("reason", phase),
            "message": more.pop("message", f"{phase}, says the test"),
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        frozen = [{**condition, **more.pop("frozen")}] if "frozen" in more else []
        accepted = {**condition, "type": "Accepted", "status": str(more.pop("accepted", True))}
        conditions = [condition, accepted, *frozen]
        if (proof := more.pop("proof", None)) is not None:
            proved = {"type": "PairingConfirmed", "status": str(proof == "Confirmed"), "reason": proof}
            conditions.append({**condition, **proved})
        self.server.api.apply(
            f"{self.path(name)}/status",
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": name, "namespace": self.namespace},
                "status": {"phase": phase, "conditions": conditions, **more},
            },
        )

    def set_conditions(self, name: str, conditions: list[dict[str, Any]], **more: Any) -> None:  # noqa: ANN401 as apply
        """Replace the whole status."""
        self.server.api.apply(
            f"{self.path(name)}/status",
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": name, "namespace": self.namespace},
                "status": {"phase": "Connected", "conditions": conditions, **more},
            },
        )

    def set_code(self, name: str, **data: str) -> None:
        self.server.api.apply(
            f"/api/v1/namespaces/{self.namespace}/secrets/{pairing_secret_name(name)}",
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": pairing_secret_name(name), "namespace": self.namespace},
                "stringData": data,
            },
        )
