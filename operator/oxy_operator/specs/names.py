"""Names, labels and owners of an instance's objects."""

from typing import Final

from oxy_operator.kubernetes_api import INSTANCES, Object
from oxy_operator.resource import Instance

INSTANCE_LABEL: Final = "oxy.dev/instance"
ORGANIZATION_LABEL: Final = "oxy.dev/organization"
MANAGED: Final = "app.kubernetes.io/managed-by=oxy-operator"
"""Selects every object of every instance."""


def runtime_name(instance: str) -> str:
    """Name of StatefulSet, ConfigMap, credentials Secret and NetworkPolicy."""
    return f"wai-{instance}"


def claim_name(instance: str) -> str:
    """Name of the session's volume claim."""
    return f"wai-{instance}-session"


def pairing_name(instance: str) -> str:
    """Name of the Secret that holds the current pairing code."""
    return f"wai-{instance}-pairing"


def labels(instance: Instance) -> dict[str, str]:
    """Labels of every object of an instance."""
    return {
        "app.kubernetes.io/managed-by": "oxy-operator",
        "app.kubernetes.io/name": "oxy-tenant",
        INSTANCE_LABEL: instance.name,
        ORGANIZATION_LABEL: instance.spec.organization_id,
    }


def metadata(instance: Instance, name: str, *, owned: bool = True) -> Object:
    """Return an object's metadata; `owned` has it removed together with the instance."""
    fields: Object = {"name": name, "namespace": instance.namespace, "labels": labels(instance)}
    if owned:
        fields["ownerReferences"] = [
            {
                "apiVersion": INSTANCES.group_version,
                "kind": INSTANCES.kind,
                "name": instance.name,
                "uid": instance.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return fields
