import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oxy_dev.cluster import addresses, apiserver, provisioner
from oxy_dev.cluster.api import Api

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"


pytestmark = pytest.mark.xdist_group("API server of the provisioner")  # to start one costs more than its tests


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with apiserver.running(tmp_path_factory.mktemp("kube"), controllers="*") as server:
        for policy in ("Delete", "Retain"):
            server.api.create(provisioner.CLASSES, storage_class(policy))
        yield server.api


def storage_class(policy: str) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": policy.lower()},
        "provisioner": addresses.PROVISIONER,
        "reclaimPolicy": policy,
        "volumeBindingMode": "Immediate",
    }


def claim(name: str, policy: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": policy.lower(),
            "accessModes": ["ReadWriteOncePod"],
            "resources": {"requests": {"storage": "10Mi"}},
        },
    }


def reconcile_until(api: Api, folder: Path, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        provisioner.reconcile(api, folder)
        time.sleep(0.1)


def bind(api: Api, folder: Path, name: str, policy: str) -> Path:
    api.create(CLAIMS, claim(name, policy))
    reconcile_until(api, folder, lambda: api.get(f"{CLAIMS}/{name}")["status"]["phase"] == "Bound")
    return folder / str(api.get(f"{CLAIMS}/{name}")["spec"]["volumeName"])


def phase(api: Api, path: Path) -> str:
    return str(api.get(f"{provisioner.VOLUMES}/{path.name}")["status"]["phase"])


def test_a_claim_is_bound_to_a_folder_that_any_user_can_write(api: Api, tmp_path: Path) -> None:
    folder = bind(api, tmp_path, "bound", "Delete")
    assert folder.stat().st_mode & 0o777 == 0o777


def test_a_deleted_claims_volume_and_data_go_with_it(api: Api, tmp_path: Path) -> None:
    folder = bind(api, tmp_path, "deleted", "Delete")
    (folder / "data").write_text("x")
    api.delete(f"{CLAIMS}/deleted")
    reconcile_until(api, tmp_path, lambda: not api.exists(f"{provisioner.VOLUMES}/{folder.name}"))
    assert not folder.exists()


def test_a_retained_volume_keeps_its_data(api: Api, tmp_path: Path) -> None:
    folder = bind(api, tmp_path, "retained", "Retain")
    (folder / "data").write_text("x")
    api.delete(f"{CLAIMS}/retained")
    reconcile_until(api, tmp_path, lambda: phase(api, folder) == "Released")
    provisioner.reconcile(api, tmp_path)
    assert (folder / "data").read_text() == "x"
