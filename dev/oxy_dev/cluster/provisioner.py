"""A dynamic provisioner of node-local volumes: a folder a volume, below the cluster's folder.

``python -m oxy_dev.cluster.provisioner <state folder>`` runs it. It is level-triggered: any change of a claim or a
volume makes it look at all of them and act on what differs, so nothing is lost when it was away.

Volumes are of type ``local``, not ``hostPath``: the kubelet then gives the folder to a pod's ``fsGroup``, as it does
for any real volume.
"""

import http.client
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from oxy_dev.cluster import addresses, controlplane
from oxy_dev.cluster.api import Api, Object
from oxy_dev.cluster.errors import ApiError
from oxy_dev.cluster.layout import Layout

CLAIMS: Final = "/api/v1/persistentvolumeclaims"
VOLUMES: Final = "/api/v1/persistentvolumes"
CLASSES: Final = "/apis/storage.k8s.io/v1/storageclasses"
PROVISIONER_ANNOTATION: Final = "volume.kubernetes.io/storage-provisioner"
"""Set on a claim by the volume controller."""
NODE_ANNOTATION: Final = "volume.kubernetes.io/selected-node"
"""Set on a claim by the scheduler."""
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
"""Set by every provisioner on its volumes."""
VOLUME_MODE: Final = 0o777
"""Any pod may use its volume, whatever its user; nobody but root comes past the folder above."""
RESYNC: Final = 60.0
"""Seconds between two passes where nothing has changed."""
WATCH_SECONDS: Final = 300
"""Duration of one watch request."""
RETRY: Final = 1.0
"""Seconds until a failed request is retried."""
TROUBLE: Final = (ApiError, OSError, http.client.HTTPException, ValueError)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: claims to make a volume for, volumes to remove."""

    provision: Sequence[Object]
    remove: Sequence[Object]


def plan(claims: Sequence[Object], volumes: Sequence[Object]) -> Plan:
    """Decide from all claims and all volumes what is to be done."""
    existing = {volume["metadata"]["name"] for volume in volumes}
    return Plan(
        provision=[claim for claim in claims if _wants_volume(claim) and volume_name(claim) not in existing],
        remove=[volume for volume in volumes if _is_spent(volume)],
    )


def volume_name(claim: Object) -> str:
    """Return the name of a claim's volume: it depends on the claim alone, so trying twice makes one volume."""
    return f"pvc-{claim['metadata']['uid']}"


def volume(claim: Object, storage_class: Object, folder: Path) -> Object:
    """Return the volume for a claim, with its data in ``folder``."""
    metadata, spec = claim["metadata"], claim["spec"]
    on_this_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [addresses.NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(claim), "annotations": {PROVISIONED_BY: addresses.PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": "Filesystem",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_this_node]}]}},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        },
    }


def reconcile(api: Api, folder: Path) -> None:
    """Bring volumes in line with claims, once."""
    wanted = plan(api.get(CLAIMS)["items"], api.get(VOLUMES)["items"])
    for claim in wanted.provision:
        _provision(api, claim, folder)
    for spent in wanted.remove:
        _remove(api, spent, folder)


def run(api: Api, folder: Path) -> None:
    """Follow claims and volumes for ever."""
    changed = threading.Event()
    for path in (CLAIMS, VOLUMES):
        threading.Thread(target=_follow, args=(api, path, changed), daemon=True).start()
    while True:
        changed.wait(RESYNC)
        changed.clear()
        try:
            reconcile(api, folder)
        except TROUBLE as error:
            log.warning("reconcile_failed", error=str(error))
            time.sleep(RETRY)
            changed.set()


def _wants_volume(claim: Object) -> bool:
    annotations = claim["metadata"].get("annotations", {})
    spec = claim["spec"]
    return (
        annotations.get(PROVISIONER_ANNOTATION) == addresses.PROVISIONER
        and annotations.get(NODE_ANNOTATION, addresses.NODE) == addresses.NODE
        and claim["status"]["phase"] == "Pending"
        and not spec.get("volumeName")
        and spec.get("volumeMode") == "Filesystem"
        and "deletionTimestamp" not in claim["metadata"]
    )


def _is_spent(candidate: Object) -> bool:
    metadata, spec = candidate["metadata"], candidate["spec"]
    return (
        metadata.get("annotations", {}).get(PROVISIONED_BY) == addresses.PROVISIONER
        and candidate["status"].get("phase") == "Released"
        and spec["persistentVolumeReclaimPolicy"] == "Delete"
        and "deletionTimestamp" not in metadata
    )


def _provision(api: Api, claim: Object, folder: Path) -> None:
    storage_class = api.get(f"{CLASSES}/{claim['spec']['storageClassName']}")
    path = folder / volume_name(claim)
    path.mkdir(exist_ok=True)
    path.chmod(VOLUME_MODE)
    try:
        api.create(VOLUMES, volume(claim, storage_class, path))
    except ApiError as error:
        if error.status != http.client.CONFLICT:
            raise
    log.info("volume_provisioned", volume=path.name, claim=claim["metadata"]["name"])


def _remove(api: Api, spent: Object, folder: Path) -> None:
    name = spent["metadata"]["name"]
    path = Path(spent["spec"]["local"]["path"])
    if path.parent == folder:
        shutil.rmtree(path, ignore_errors=True)
    try:
        api.delete(f"{VOLUMES}/{name}")
    except ApiError as error:
        if error.status != http.client.NOT_FOUND:
            raise
    log.info("volume_removed", volume=name)


def _follow(api: Api, path: str, changed: threading.Event) -> None:
    while True:
        try:
            version = api.get(f"{path}?limit=1")["metadata"]["resourceVersion"]
            changed.set()
            for _ in api.watch(path, version, WATCH_SECONDS):
                changed.set()
        except TROUBLE as error:
            log.warning("watch_failed", path=path, error=str(error))
            time.sleep(RETRY)


def main() -> None:
    """Run for the cluster in the folder that the first argument names."""
    layout = Layout(Path(sys.argv[1]))
    run(controlplane.client(layout, "provisioner"), layout.volumes)


if __name__ == "__main__":
    main()
