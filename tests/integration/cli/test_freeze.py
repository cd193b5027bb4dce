"""Freezing by command: what is recorded, and which instances have confirmed it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from integration.cli.scene import Scene
from integration.cli.test_command import oxy

from oxy_cli.session_admin import OPERATOR_LABELS
from oxy_core.freeze import RECORD_KEY, RECORD_LABELS, RECORD_NAME, FreezeRecord
from oxy_core.instance.custom_resource import MANAGED_BY, ORGANIZATION_LABEL


def record(scene: Scene) -> FreezeRecord:
    found = scene.server.api.get(f"/api/v1/namespaces/{scene.namespace}/configmaps/{RECORD_NAME}")
    assert found["metadata"]["labels"].items() >= RECORD_LABELS.items()
    return FreezeRecord.read(found["data"][RECORD_KEY])


def names(scene: Scene) -> set[str]:
    """The ConfigMaps of the namespace."""
    found = scene.server.api.get(f"/api/v1/namespaces/{scene.namespace}/configmaps")["items"]
    return {item["metadata"]["name"] for item in found}


def say(scene: Scene, name: str, status: str, reason: str) -> None:
    """Set a condition as the operator does."""
    condition = {"type": "Frozen", "status": status, "reason": reason, "message": "says the test"}
    scene.set_status(name, "Connected", ready=True, frozen=condition)


def deploy(scene: Scene, name: str = "oxy-operator") -> None:
    """Install the operator, as far as the command looks."""
    pod = {"metadata": {"labels": OPERATOR_LABELS}, "spec": {"containers": [{"name": "operator", "image": "x"}]}}
    metadata = {"name": name, "labels": OPERATOR_LABELS}
    spec = {"replicas": 0, "selector": {"matchLabels": OPERATOR_LABELS}, "template": pod}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    scene.server.api.create(f"/apis/apps/v1/namespaces/{scene.namespace}/deployments", body)


@pytest.fixture
def installed(scene: Scene) -> Scene:
    deploy(scene)
    return scene


@pytest.fixture
def organization(installed: Scene) -> str:
    """An organization of this test's own, because the command looks at the whole cluster."""
    name = installed.namespace
    installed.apply("shop", organizationId=name)
    return name


def test_a_freeze_waits_for_its_confirmation_and_a_thaw_too(scene: Scene, organization: str) -> None:
    where = ("--organization", organization, "--system-namespace", scene.namespace, "--output=json")
    say(scene, "shop", "False", "NotFrozen")
    late = oxy("freeze", *where, "--reason", "wrong prices", "--by", "ana", "--wait=0")
    assert late.returncode == 1
    assert "not confirmed yet by shop" in late.stderr
    assert [line["confirmed"] for line in json.loads(late.stdout)["instances"]] == [False]
    since = record(scene).organizations[organization].hold
    assert since is not None
    assert (since.by, since.reason) == ("ana", "wrong prices")

    answer = threading.Timer(1, say, (scene, "shop", "True", "Frozen"))
    answer.start()
    again = oxy("freeze", *where, "--by", "bruno")
    answer.join()
    assert again.returncode == 0, again.stderr
    held = record(scene).organizations[organization]
    assert held.hold is not None
    assert (held.hold.by, held.hold.since) == ("bruno", since.since)  # frozen since the first
    shown = oxy("status", "-n", scene.namespace)
    assert "Frozen, so nothing is sent: shop" in shown.stdout

    say(scene, "shop", "False", "NotFrozen")
    thawed = oxy("thaw", *where)
    assert (thawed.returncode, json.loads(thawed.stdout)["held"]) == (0, [])
    assert record(scene).organizations[organization].revision > held.revision


def test_two_people_who_freeze_at_once_are_both_heeded(installed: Scene) -> None:
    where = ("--system-namespace", installed.namespace, "--wait=0")

    def freeze(name: str) -> int:
        return oxy("freeze", "-O", name, "--allow-unknown", *where).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(freeze, ["one-org", "two-org"])) == [0, 0]
    assert set(record(installed).organizations) == {"one-org", "two-org"}
    oxy("thaw", "-O", "two-org", *where)
    assert [record(installed).held(name) is None for name in ("one-org", "two-org", None)] == [False, True, True]


def test_a_mistyped_organization_is_neither_frozen_nor_thawed(installed: Scene, organization: str) -> None:
    where = ("--system-namespace", installed.namespace, "--wait=0")
    for command in ("freeze", "thaw"):
        refused = oxy(command, "-O", "Pet Shop", *where)
        assert (refused.returncode, "no organization has such a name" in refused.stderr) == (1, True)
        refused = oxy(command, "-O", "nope", *where)
        assert (refused.returncode, "no instance belongs to nope" in refused.stderr) == (1, True)
    assert "no single organization is frozen" in refused.stderr
    assert RECORD_NAME not in names(installed)
    refused = oxy("freeze", "-O", "nope", *where)
    assert "there are: " in refused.stderr
    assert "--allow-unknown" in refused.stderr


def test_an_organization_may_come_later_or_be_gone_and_leaves_nothing_once_it_is_thawed(
    installed: Scene, organization: str
) -> None:
    where = ("--system-namespace", installed.namespace, "--wait=0")
    later = oxy("freeze", "-O", "later", "--allow-unknown", "--reason", "[/] prices", *where)
    assert (later.returncode, later.stderr) == (0, "")
    assert "later: nothing is sent since" in later.stdout
    assert "([/] prices). To send again, run: oxy thaw --organization later" in later.stdout
    assert "No instance is concerned" in later.stdout
    assert oxy("freeze", "-O", "later", *where).returncode == 0  # it is known now
    oxy("freeze", "-O", organization, *where)
    labels = {"app.kubernetes.io/managed-by": MANAGED_BY, ORGANIZATION_LABEL: organization}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept", "labels": labels}}
    installed.server.api.create(
        f"/api/v1/namespaces/{installed.namespace}/persistentvolumeclaims", {**claim, "spec": spec}
    )
    installed.server.api.delete(installed.path("shop"))
    everyone = oxy("thaw", *where)
    assert everyone.returncode == 1
    assert f"single organizations are frozen: later, {organization}. Name one with" in everyone.stderr
    for name in ("later", organization):
        thawed = oxy("thaw", "-O", name, *where)
        assert (thawed.returncode, thawed.stderr) == (0, "")
    assert "Nobody is frozen." in thawed.stdout
    # Its volume remembers the freeze, so the record must say that it was thawed; of the other nothing is left.
    assert set(record(installed).organizations) == {organization}


def test_a_record_that_nobody_reads_is_not_written(scene: Scene) -> None:
    where = ("--system-namespace", scene.namespace, "--wait=0")
    refused = oxy("freeze", *where)
    assert refused.returncode == 1
    assert f"Oxy is not installed in namespace {scene.namespace}" in refused.stderr
    refused = oxy("freeze", "--system-namespace", "does-not-exist")
    assert "Oxy is not installed in namespace does-not-exist" in refused.stderr
    home = replace(scene, namespace="default")
    deploy(home, scene.namespace)
    for command in ("freeze", "thaw"):
        refused = oxy(command, *where)
        assert (refused.returncode, "--system-namespace" in refused.stderr) == (1, True)
        assert "default" in refused.stderr
    assert RECORD_NAME not in names(scene)


def test_a_record_that_cannot_be_read_is_not_overwritten(installed: Scene) -> None:
    scene = installed
    path = f"/api/v1/namespaces/{scene.namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RECORD_NAME}, "data": {RECORD_KEY: "[]"}}
    scene.server.api.create(path, body)
    refused = oxy("freeze", "--system-namespace", scene.namespace, "--wait=0")
    assert refused.returncode == 1
    assert f"ConfigMap {RECORD_NAME}" in refused.stderr
    assert scene.server.api.get(f"{path}/{RECORD_NAME}")["data"] == {RECORD_KEY: "[]"}
