"""Freezing by command: what is recorded, and which instances have confirmed it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.cli.scene import Scene
from integration.cli.test_command import oxy

from oxy_core.freeze import RECORD_KEY, RECORD_LABELS, RECORD_NAME, FreezeRecord


def record(scene: Scene) -> FreezeRecord:
    found = scene.server.api.get(f"/api/v1/namespaces/{scene.namespace}/configmaps/{RECORD_NAME}")
    assert found["metadata"]["labels"].items() >= RECORD_LABELS.items()
    return FreezeRecord.read(found["data"][RECORD_KEY])


def say(scene: Scene, name: str, status: str, reason: str) -> None:
    """Set a condition as the operator does."""
    condition = {"type": "Frozen", "status": status, "reason": reason, "message": "says the test"}
    scene.set_status(name, "Connected", ready=True, frozen=condition)


@pytest.fixture
def organization(scene: Scene) -> str:
    """An organization of this test's own, because the command looks at the whole cluster."""
    name = scene.namespace
    scene.apply("shop", organizationId=name)
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


def test_two_people_who_freeze_at_once_are_both_heeded(scene: Scene) -> None:
    def freeze(name: str) -> int:
        return oxy("freeze", "-O", name, "--system-namespace", scene.namespace, "--wait=0").returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(freeze, ["one-org", "two-org"])) == [0, 0]
    assert set(record(scene).organizations) == {"one-org", "two-org"}
    oxy("thaw", "-O", "two-org", "--system-namespace", scene.namespace, "--wait=0")
    assert [record(scene).held(name) is None for name in ("one-org", "two-org", None)] == [False, True, True]


def test_a_mistyped_organization_leaves_the_record_usable(scene: Scene) -> None:
    assert oxy("freeze", "-O", "a-org", "--system-namespace", scene.namespace, "--wait=0").returncode == 0
    for command in ("freeze", "thaw"):
        refused = oxy(command, "-O", "Pet Shop", "--system-namespace", scene.namespace, "--wait=0")
        assert (refused.returncode, "no organization has such a name" in refused.stderr) == (1, True)
    assert set(record(scene).organizations) == {"a-org"}
    unknown = oxy("freeze", "-O", "b-org", "--reason", "[/] prices", "--system-namespace", scene.namespace, "--wait=0")
    assert "b-org: nothing is sent" in unknown.stdout
    assert "[/] prices" in unknown.stdout
    assert "No instance is concerned" in unknown.stdout


def test_a_record_that_cannot_be_read_is_not_overwritten(scene: Scene) -> None:
    path = f"/api/v1/namespaces/{scene.namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RECORD_NAME}, "data": {RECORD_KEY: "[]"}}
    scene.server.api.create(path, body)
    refused = oxy("freeze", "-O", "some-org", "--system-namespace", scene.namespace, "--wait=0")
    assert refused.returncode == 1
    assert f"ConfigMap {RECORD_NAME}" in refused.stderr
    assert scene.server.api.get(f"{path}/{RECORD_NAME}")["data"] == {RECORD_KEY: "[]"}
