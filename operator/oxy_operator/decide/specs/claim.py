"""The claim for the session volume, and the epoch record in its annotations."""

from oxy_core.instance.custom_resource import claim_name
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.metadata import metadata
from oxy_operator.decide.specs.quantity import canonical
from oxy_operator.objects import Object


def session_claim(instance: Instance, access_mode: str) -> Object:
    """Return the claim.

    It has no owner, whatever the deletion policy: with one, losing the owner would delete the session too.
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


def claim_record(instance: Instance, record: EpochRecord, uid: str) -> Object:
    """Return the patch that writes `record` to the claim with this uid.

    It has its own field manager, so that a storage size that is refused does not block a new epoch.
    """
    return {
        "metadata": {
            "name": claim_name(instance.name),
            "namespace": instance.namespace,
            "uid": uid,
            "annotations": record.annotations,
        }
    }
