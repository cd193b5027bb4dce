from pathlib import Path
from typing import Any

import pytest

from oxy_dev.cluster import addresses, provisioner


def claim(**changes: dict[str, object]) -> dict[str, Any]:
    annotations = {
        provisioner.PROVISIONER_ANNOTATION: addresses.PROVISIONER,
        provisioner.NODE_ANNOTATION: addresses.NODE,
    }
    return {
        "metadata": {"name": "data", "namespace": "shop", "uid": "u-1", "annotations": annotations}
        | changes.get("metadata", {}),
        "spec": {
            "accessModes": ["ReadWriteOncePod"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "local",
            "volumeMode": "Filesystem",
        }
        | changes.get("spec", {}),
        "status": {"phase": "Pending"} | changes.get("status", {}),
    }


def volume(phase: str = "Released", policy: str = "Delete", **metadata: object) -> dict[str, Any]:
    annotations = {provisioner.PROVISIONED_BY: addresses.PROVISIONER}
    return {
        "metadata": {"name": "pvc-u-1", "annotations": annotations} | metadata,
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }


def test_a_claim_that_waits_for_us_gets_a_volume() -> None:
    assert provisioner.plan([claim()], []).provision == [claim()]


@pytest.mark.parametrize(
    "other",
    [
        claim(status={"phase": "Bound"}),
        claim(spec={"volumeName": "pvc-u-1"}),
        claim(spec={"volumeMode": "Block"}),
        claim(metadata={"annotations": {}}),
        claim(metadata={"annotations": {provisioner.PROVISIONER_ANNOTATION: "example.com/other"}}),
        claim(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ],
    ids=["bound", "named", "block", "not yet asked", "another's", "going"],
)
def test_any_other_claim_gets_none(other: dict[str, Any]) -> None:
    assert provisioner.plan([other], []).provision == []


def test_a_claim_whose_volume_exists_gets_no_second_one() -> None:
    assert provisioner.plan([claim()], [volume(phase="Available")]).provision == []


def test_a_released_volume_is_removed() -> None:
    assert provisioner.plan([], [volume()]).remove == [volume()]


@pytest.mark.parametrize(
    "kept",
    [
        volume(phase="Bound"),
        volume(policy="Retain"),
        volume(annotations={}),
        volume(deletionTimestamp="2026-01-01T00:00:00Z"),
    ],
    ids=["bound", "retained", "another's", "going"],
)
def test_any_other_volume_is_kept(kept: dict[str, Any]) -> None:
    assert provisioner.plan([], [kept]).remove == []


def test_a_volume_is_bound_to_its_claim_and_this_node() -> None:
    spec = provisioner.volume(claim(), {"reclaimPolicy": "Retain"}, Path("/v/pvc-u-1"))["spec"]
    assert spec["claimRef"]["uid"] == "u-1"
    assert spec["accessModes"] == ["ReadWriteOncePod"]
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert spec["local"] == {"path": "/v/pvc-u-1"}
    assert addresses.NODE in str(spec["nodeAffinity"])
