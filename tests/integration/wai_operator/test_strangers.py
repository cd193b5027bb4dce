"""Objects of strangers, who know the operator's labels and annotations: nothing in them ends it or is acted upon."""

import contextlib
import random
import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from integration.wai_operator.scene import Json, Object, Scene, condition, eventually, merge_patch, utc

from oxy_dev.cluster.errors import ApiError

KINDS = {
    "pod": {"containers": [{"name": "tenant", "image": "registry.example/any:1"}]},
    "statefulset": {
        "serviceName": "any",
        "selector": {"matchLabels": {"oxy.dev/instance": "petshop"}},
        "template": {
            "metadata": {"labels": {"oxy.dev/instance": "petshop"}},
            "spec": {"containers": [{"name": "tenant", "image": "registry.example/any:1"}]},
        },
    },
    "claim": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    "networkpolicy": {"podSelector": {}},
}
"""Kinds and the least that the API server accepts of them; ConfigMaps and Secrets need nothing."""

RUBBISH = ("x", "", "²", "٣", "-1", "1e9", "9" * 400, "true", "null", "{", '{"epoch": []}', "\x00\x1b[2J", "é" * 2_000)

ANNOTATIONS = ("epoch", "pairing-until", "incarnation", "paired", "repaired", "ended", "number", "content")

FIELDS: tuple[Object, ...] = (
    {"operation": "Apply", "fieldsV1": {}},
    {"manager": "oxy-operator", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"v:1": {}}}}},
    {"manager": "oxy-operator", "operation": "Apply", "fieldsV1": {"f:spec": {'k:{"name":"x"}': {}}}},
)


def stranger(pick: random.Random, kind: str, name: str, instance: str) -> Object:
    """An object that claims to be the operator's, full of what nobody expects."""
    annotations = {f"oxy.dev/{found}": pick.choice(RUBBISH) for found in ANNOTATIONS if pick.random() < 0.7}
    labels = {"app.kubernetes.io/managed-by": "oxy-operator", "oxy.dev/instance": instance}
    if pick.random() < 0.2:
        del labels["oxy.dev/instance"]
    fields = {"apiVersion": "v1", "fieldsType": "FieldsV1", **pick.choice(FIELDS)}
    metadata = {"name": name, "labels": labels, "annotations": annotations, "managedFields": [fields]}
    made: Object = {"metadata": metadata}
    if kind in KINDS:
        made["spec"] = replaced(KINDS[kind])
    if kind == "statefulset":
        made["spec"]["template"]["metadata"]["annotations"] = annotations
    return made


def replaced(value: Json) -> Json:
    """A deep copy of JSON."""
    return {name: replaced(found) for name, found in value.items()} if isinstance(value, dict) else value


def ended(pick: random.Random) -> Object:
    """A pod's status that no kubelet would write."""
    terminated = {
        "exitCode": pick.choice([0, 1, 64, 68, 70, 99, 2**31 - 1]),
        "reason": pick.choice(RUBBISH),
        "startedAt": utc(),
        "finishedAt": utc(),
        "message": pick.choice([*RUBBISH, '{"version": 99}', '{"version": 1, "epoch": "' + "9" * 5_000 + '"}']),
    }
    container = {"name": "tenant", "image": "x", "imageID": "", "ready": False, "restartCount": 2**31 - 1}
    container["state"] = pick.choice([{"terminated": terminated}, {"waiting": {"message": pick.choice(RUBBISH)}}])
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "é" * 20_000}]
    return {"reason": pick.choice(RUBBISH), "conditions": conditions, "containerStatuses": [container]}


def intrude(scene: Scene, pick: random.Random) -> int:
    """Create objects of strangers in the scene's namespace and in another; return how many the server accepted."""
    accepted = 0
    for place in (scene, replace(scene, namespace=scene.new_namespace())):
        for kind in ("pod", "statefulset", "claim", "networkpolicy", "configmap", "secret"):
            for number in range(4):
                instance = pick.choice([scene.name, "ghost", "X.y_z", "a" * 63])
                name = pick.choice([f"wai-{instance}-0", f"wai-ghost{number}-session", f"stranger-{number}"])
                made = stranger(pick, kind, name.lower().replace("_", "-"), instance)
                # What the API server itself refuses cannot reach the operator.
                with contextlib.suppress(ApiError):
                    created = place.api.create(place.path(kind), made)
                    accepted += 1
                    if kind == "pod":
                        path = place.path("pod", created["metadata"]["name"]) + "/status"
                        merge_patch(place.api, path, {"status": ended(pick)})
    return accepted


async def works(scene: Scene) -> None:
    """An instance of its own comes up, and one of its objects comes back after it was deleted."""
    scene.create()
    before = await scene.until_child("networkpolicy")
    scene.api.delete(scene.path("networkpolicy", before["metadata"]["name"]))
    await scene.until_child("networkpolicy", lambda found: found["metadata"]["uid"] != before["metadata"]["uid"])
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


@pytest.mark.parametrize("round_", range(2))
async def test_what_strangers_write_ends_no_operator(lone: Scene, round_: int) -> None:
    pick = random.Random(seed := secrets.randbits(32) + round_)
    print(f"seed {seed}")  # noqa: T201 pytest shows it if the test fails
    lone.operator.start()
    assert intrude(lone, pick) > 20
    await works(replace(lone, name="first"))
    assert lone.operator.stop() == 0
    lone.operator.start()
    await lone.operator.until_prepared(times=2)
    assert intrude(lone, pick) > 20
    await works(replace(lone, name="second"))
    assert lone.operator.stop() == 0, lone.operator.log()


@pytest.fixture
def deeply_nested_json() -> Iterator[None]:
    """Objects as deep as the server stores them can be written and read."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(25_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("kind", ["configmap", "secret", "wai"])
@pytest.mark.usefixtures("deeply_nested_json")
async def test_an_object_nested_as_deep_as_the_server_stores_ends_no_operator(lone: Scene, kind: str) -> None:
    fields: Object = {}
    for _ in range(9_900):
        fields = {"f:x": fields}
    other = replace(lone, name="deep")
    made = other.instance() if kind == "wai" else stranger(random.Random(0), kind, "deep", "ghost")
    version = made.get("apiVersion", "v1")
    entry = {"manager": "m", "operation": "Update", "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields}
    made["metadata"]["managedFields"] = [entry]
    lone.operator.start()
    lone.api.create(lone.path(kind), made)
    await works(lone)
    assert lone.operator.stop() == 0
    lone.operator.start()
    await works(replace(lone, name="second"))
    lone.api.delete(lone.path(kind, "deep"))
    await eventually(lambda: not lone.api.exists(lone.path(kind, "deep")), "the deep object is gone")


@pytest.mark.parametrize("epoch", ["x", "²"])
@pytest.mark.parametrize("kind", ["pod", "statefulset"])
async def test_an_epoch_that_is_no_number_ends_no_operator(lone: Scene, kind: str, epoch: str) -> None:
    made = stranger(random.Random(0), kind, "stranger", "ghost")
    made["metadata"] |= {"annotations": {"oxy.dev/epoch": epoch}, "managedFields": []}
    if kind == "statefulset":
        made["spec"]["template"]["metadata"]["annotations"] = {"oxy.dev/epoch": epoch}
    lone.api.create(lone.path(kind), made)
    lone.operator.start()
    await works(lone)
    assert lone.operator.process is not None
    assert lone.operator.process.poll() is None, lone.operator.log()


async def test_a_pod_that_only_bears_the_labels_of_an_instance_is_not_its_pod(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await lone.until_child("statefulset")
    lone.start_pod(ready=True)
    await lone.until_phase("Connected", "Connected")
    epoch = {"oxy.dev/epoch": str(lone.epoch())}
    made = stranger(random.Random(0), "pod", "newer", lone.name)
    made["metadata"]["labels"]["oxy.dev/instance"] = lone.name
    lone.api.create(lone.path("pod"), made)
    merge_patch(lone.api, lone.path("pod", "newer"), {"metadata": {"annotations": epoch}})
    lone.edit({"spec": {"displayName": "reconciled again"}})
    await lone.until_status(lambda found: found["observedGeneration"] == 2)
    assert lone.status()["runtime"]["podName"] == f"wai-{lone.name}-0"
    assert lone.status()["phase"] == "Connected"


async def test_an_object_whose_label_was_changed_is_made_right(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await lone.until_child("configmap")
    await lone.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    changed = {"metadata": {"labels": {"oxy.dev/instance": "another"}}}
    merge_patch(lone.api, lone.path("configmap", f"wai-{lone.name}"), changed)
    await lone.until_child("configmap", lambda found: found["metadata"]["labels"]["oxy.dev/instance"] == lone.name)
    await eventually(lambda: lone.operator.metrics().get("oxy_operator_queue_depth") == 0, "the queue is empty")
