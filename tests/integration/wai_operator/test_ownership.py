"""Instances that may not be acted upon, and what makes them acceptable again."""

import json
from dataclasses import replace

import pytest
from integration.wai_operator.scene import Object, Scene, condition, eventually, merge_patch

from oxy_operator.decide.ownership_problems import number_name

OWNED = ("statefulset", "configmap", "secret", "networkpolicy")


async def settled(scene: Scene) -> None:
    for kind in ("claim", *OWNED):
        await scene.until_child(kind)
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


async def refused(scene: Scene, other: Scene) -> None:
    """The instance has nothing, and says which one has its number."""
    status = await scene.until_phase("Failed", "NumberTaken")
    assert condition(status, "Accepted")["status"] == "False"
    assert f"{other.namespace}/{other.name}" in condition(status, "Ready")["message"]
    for kind in ("claim", *OWNED):
        assert scene.child(kind) is None
    assert await scene.published() is None


def sibling(scene: Scene) -> Scene:
    """Another instance of the same organization in the same namespace."""
    return replace(scene, name="second")


def stranger(scene: Scene) -> Scene:
    """An instance of another organization in another namespace."""
    return Scene(scene.operator, scene.new_namespace(), "stranger")


@pytest.mark.parametrize("other", [sibling, stranger])
@pytest.mark.parametrize(
    ("phone", "written"), [("+55119876{}", "+55119876{}"), ("+55119876{}", "+5511876{}"), ("+5511876{}", "+55119876{}")]
)
async def test_a_number_is_that_of_one_instance(scene: Scene, other: object, phone: str, written: str) -> None:
    assert callable(other)
    second: Scene = other(scene)
    digits = scene.phone[-5:]
    scene.create(phoneNumber=phone.format(digits))
    await settled(scene)
    second.create(phoneNumber=written.format(digits))
    await refused(second, scene)
    assert scene.status()["phase"] == "Pending"
    scene.api.delete(scene.path("wai", scene.name))
    await settled(second)
    second.clear()


async def test_a_number_is_free_only_when_the_pod_has_ended(scene: Scene) -> None:
    second = sibling(scene)
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    second.create(phoneNumber=scene.phone)
    await refused(second, scene)
    scene.api.delete(scene.path("wai", scene.name))
    await eventually(lambda: scene.child("statefulset") is None, "the StatefulSet is deleted")
    second.edit({"spec": {"displayName": "reconciled again"}})
    await second.until_status(lambda found: found["observedGeneration"] == 2)
    await refused(second, scene)
    scene.kill_pod()
    await settled(second)


async def test_a_number_comes_back_from_an_instance_that_was_torn_out(scene: Scene) -> None:
    second = sibling(scene)
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    second.create(phoneNumber=scene.phone)
    await refused(second, scene)
    scene.api.delete(scene.path("wai", scene.name))
    merge_patch(scene.api, scene.path("wai", scene.name), {"metadata": {"finalizers": None}})
    await eventually(lambda: scene.find("wai", scene.name) is None, "the instance is gone")
    second.edit({"spec": {"displayName": "the pod is still there"}})
    await second.until_status(lambda found: found["observedGeneration"] == 2)
    await refused(second, scene)
    scene.kill_pod()
    second.edit({"spec": {"displayName": "and now it is not"}})
    await settled(second)


async def test_the_older_of_two_wins_whichever_is_reconciled_first(lone: Scene) -> None:
    pairs = []
    for number in range(4):
        # The younger one comes first in the order of names.
        older, younger = replace(lone, name=f"z{number}"), replace(lone, name=f"a{number}")
        older.create()
        pairs.append((older, younger))
    created = pairs[-1][0].instance_time()
    for older, younger in pairs:
        await eventually(lambda: lone.server_time() > created, "a second later")
        younger.create(phoneNumber=older.phone)
    lone.operator.start()
    for older, younger in pairs:
        await settled(older)
        await refused(younger, older)


async def test_who_has_a_number_survives_a_restart(lone: Scene) -> None:
    second = replace(lone, name="a-second")
    lone.operator.start()
    lone.create()
    await settled(lone)
    second.create(phoneNumber=lone.phone)
    await refused(second, lone)
    lone.operator.stop()
    lone.operator.start()
    await lone.operator.until_prepared(times=2)
    second.edit({"spec": {"displayName": "reconciled again"}})
    await second.until_status(lambda found: found["observedGeneration"] == 2)
    await refused(second, lone)


async def test_two_that_ran_on_one_number_before_are_brought_to_one(lone: Scene) -> None:
    second = replace(lone, name="a-second")
    lone.operator.start()
    lone.create()
    await settled(lone)
    second.create()
    await settled(second)
    second.start_pod(ready=True)
    await second.until_phase("Connected", "Connected")
    lone.operator.stop()
    # As a version that knew nothing of numbers left it: an instance with children on a number that another one has.
    path = f"/api/v1/namespaces/{lone.operator.home}/configmaps/{number_name(second.phone)}"
    taken = lone.api.get(path)
    lone.api.delete(path)
    lone.api.create(
        path.rpartition("/")[0],
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": taken["metadata"]["name"], "labels": taken["metadata"]["labels"]},
            "data": {"namespace": lone.namespace, "instance": "older"},
        },
    )
    older = replace(lone, name="older")
    older.create(phoneNumber=second.phone)
    lone.operator.start()
    await second.until_phase("Failed", "NumberTaken")
    await eventually(lambda: second.child("statefulset") is None, "the StatefulSet is deleted")
    await settled(older)


async def test_a_kept_claim_serves_no_other_number(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    scene.api.delete(scene.path("wai", scene.name))
    await eventually(lambda: scene.child("statefulset") is None, "the StatefulSet is deleted")
    scene.kill_pod()
    await eventually(lambda: scene.find("wai", scene.name) is None, "the instance is gone")
    scene.create(phoneNumber=scene.phone.replace("+1", "+2"))
    status = await scene.until_phase("Failed", "SessionOfAnotherNumber")
    claim = f"wai-{scene.name}-session"
    assert f"kubectl delete pvc {claim} -n {scene.namespace}" in condition(status, "Ready")["message"]
    assert scene.child("statefulset") is None
    merge_patch(scene.api, scene.path("claim", claim), {"metadata": {"finalizers": None}})
    scene.api.delete(scene.path("claim", claim))
    await scene.until_child("statefulset")
    await scene.until_phase("Pending", "PodMissing")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Mars/Olympus", "there is no time zone"), ("America/Sao_Paolo", "Did you mean America/Sao_Paulo")],
)
async def test_a_time_zone_that_does_not_exist_is_named(scene: Scene, name: str, meant: str) -> None:
    scene.create(timezone=name)
    status = await scene.until_phase("Failed", "TimezoneUnknown")
    for kind in ("Accepted", "Ready"):
        assert condition(status, kind)["status"] == "False"
        assert condition(status, kind)["message"].startswith(f"spec.timezone: there is no time zone {name}")
        assert meant in condition(status, kind)["message"]
    for kind in ("claim", *OWNED):
        assert scene.child(kind) is None
    scene.edit({"spec": {"timezone": "America/Sao_Paulo"}})
    await settled(scene)
    scene.edit({"spec": {"timezone": name, "suspend": True}})
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 0)
    await scene.until_phase("Paused", "TimezoneUnknown")
    scene.edit({"spec": {"timezone": "America/Sao_Paulo", "suspend": False}})
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 1)
    # Its pod connects directly, which a spec that names a proxy rules out, whatever else is wrong with that.
    scene.edit({"spec": {"timezone": name, "network": {"proxySecretRef": {"name": "proxy"}}}})
    await eventually(lambda: scene.child("statefulset") is None, "the pod that connects past the proxy ends")
    status = await scene.until_phase("Failed", "TimezoneUnknown")
    assert "may connect past the proxy" in condition(status, "Ready")["message"]


async def test_a_running_instance_keeps_what_it_had(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    published = await scene.published()
    children: list[Object | None] = [scene.child(kind) for kind in OWNED]
    scene.edit({"spec": {"timezone": "America/Sao_Paolo", "ai": {"maxTokens": 123}}})
    status = await scene.until_phase("Connected", "TimezoneUnknown")
    assert condition(status, "Accepted") | {"lastTransitionTime": ""} == {
        **condition(status, "Ready"),
        "type": "Accepted",
        "lastTransitionTime": "",
    }
    assert condition(status, "Connected")["status"] == "True"
    assert status["observedGeneration"] == 2
    scene.pod_status(state=scene.terminated(64))
    await scene.until_phase("LoggedOut", "TimezoneUnknown")
    assert await scene.published() == published
    assert [scene.child(kind) for kind in OWNED] == children
    scene.edit({"spec": {"timezone": "America/Manaus"}})
    await scene.until_phase("LoggedOut", "LoggedOut")
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 0)
    after = await scene.until_published(lambda found: found and found.timezone == "America/Manaus")
    assert after is not None
    assert after.ai.max_tokens == 123
    assert "Sao_Paolo" not in json.dumps(scene.status())
