"""The claim of the session's volume."""

from oxy_operator.kubernetes_api import Object
from oxy_operator.lifecycle import Memory
from oxy_operator.quantity import canonical
from oxy_operator.resource import Instance
from oxy_operator.specs.names import claim_name, metadata


def session_claim(instance: Instance, access_mode: str) -> Object:
    """Return the claim.

    It has no owner, whatever the deletion policy: the loss of an owner would collect the session with it.
    """
    storage = instance.spec.session.storage
    spec: Object = {
        "accessModes": [access_mode],
        "resources": {"requests": {"storage": canonical(storage.size)}},
    }
    if storage.storage_class_name:
        spec["storageClassName"] = storage.storage_class_name
    return {
        "metadata": metadata(instance, claim_name(instance.name), owned=False),
        "spec": spec,
    }


def claim_memory(instance: Instance, memory: Memory, uid: str) -> Object:
    """Return what makes the claim with this uid remember `memory`.

    Applied by a field manager of its own: a size that the storage refuses must not keep an epoch from being raised.
    """
    name = claim_name(instance.name)
    return {
        "metadata": {
            "name": name,
            "namespace": instance.namespace,
            "uid": uid,
            "annotations": memory.annotations,
        }
    }
