"""Labels and owner of an instance's objects; their names are in `oxy_core.instance.custom_resource`."""

from typing import Final

from oxy_core.instance.custom_resource import INSTANCE_LABEL, MANAGED_BY, ORGANIZATION_LABEL
from oxy_operator.decide.instance import Instance
from oxy_operator.objects import INSTANCES, Object

MANAGED: Final = f"app.kubernetes.io/managed-by={MANAGED_BY}"
"""Selects every object of every instance."""


def labels(instance: Instance) -> dict[str, str]:
    """Return the labels of every object of an instance."""
    return {
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/name": "oxy-tenant",
        INSTANCE_LABEL: instance.name,
        ORGANIZATION_LABEL: instance.spec.organization_id,
    }


def metadata(instance: Instance, name: str, *, owned: bool = True) -> Object:
    """Return an object's metadata; an `owned` object is garbage-collected with the instance."""
    fields: Object = {"name": name, "namespace": instance.namespace, "labels": labels(instance)}
    if owned:
        fields["ownerReferences"] = [
            {
                "apiVersion": INSTANCES.group_version,
                "kind": INSTANCES.name,
                "name": instance.name,
                "uid": instance.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return fields
