"""From a custom resource to its children, and back after any change."""

import json

import pytest
from integration.wai_operator.scene import Object, Scene, condition, merge_patch

from oxy_core.envelopes import InstanceSettings
from oxy_core.tenant import TenantSettings
from oxy_operator.decide.ownership_problems import organization_name

OWNED = ("statefulset", "configmap", "secret", "networkpolicy")


async def settled(scene: Scene) -> None:
    """Wait until everything is there and the bus knows the instance."""
    for kind in ("claim", *OWNED):
        await scene.until_child(kind)
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


def template(scene: Scene) -> Object:
    found = scene.child("statefulset")
    assert found is not None
    template: Object = found["spec"]["template"]
    return template


async def test_applying_an_instance_brings_up_its_children_and_status(scene: Scene) -> None:
    created = scene.create()
    for kind in OWNED:
        child = await scene.until_child(kind)
        owner = child["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"]) == (created["metadata"]["uid"], True)
        assert child["metadata"]["labels"]["oxy.dev/organization"] == scene.organization
    claim = await scene.until_child("claim")
    assert {"name": "OXY_VOLUME_ID", "value": claim["metadata"]["uid"]} in template(scene)["spec"]["containers"][0][
        "env"
    ]
    assert "ownerReferences" not in claim["metadata"]
    assert claim["metadata"]["annotations"]["oxy.dev/epoch"] == "1"
    await scene.until_phase("Pending", "PodMissing")
    status = await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    assert condition(status, "Accepted")["status"] == "True"
    assert condition(status, "Provisioned")["status"] == "True"
    assert {item["observedGeneration"] for item in status["conditions"]} == {1}
    published = await scene.until_published(bool)
    assert published is not None
    assert published.account == scene.account


@pytest.mark.parametrize("kind", OWNED)
async def test_a_deleted_child_comes_back(scene: Scene, kind: str) -> None:
    scene.create()
    await settled(scene)
    before = await scene.until_child(kind)
    scene.api.delete(scene.path(kind, before["metadata"]["name"]))
    await scene.until_child(kind, lambda found: found["metadata"]["uid"] != before["metadata"]["uid"])


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("statefulset", {"spec": {"replicas": 5}}),
        ("statefulset", {"metadata": {"labels": {"oxy.dev/organization": "another"}}}),
        ("statefulset", {"spec": {"template": {"metadata": {"annotations": {"oxy.dev/epoch": "x"}}}}}),
        ("configmap", {"data": {"settings.json": "{}"}}),
        ("secret", {"data": {"user.creds": "eA=="}}),
        ("secret", {"data": {"user.creds": None}}),
        ("networkpolicy", {"spec": {"ingress": None}}),
        ("claim", {"metadata": {"annotations": {"oxy.dev/epoch": "0"}}}),
    ],
)
async def test_drift_is_repaired(scene: Scene, kind: str, patch: Object) -> None:
    scene.create()
    await settled(scene)
    before = await scene.until_child(kind)
    merge_patch(scene.api, scene.path(kind, before["metadata"]["name"]), patch)

    def without_records(found: Object) -> Object:
        kept = {"labels", "annotations", "ownerReferences"}
        metadata = {name: value for name, value in found["metadata"].items() if name in kept}
        return {**found, "metadata": metadata, "status": None}

    await scene.until_child(kind, lambda found: without_records(found) == without_records(before))


async def test_what_others_add_stays(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    merge_patch(
        scene.api,
        scene.path("configmap", "wai-petshop"),
        {"metadata": {"labels": {"team": "x"}}, "data": {"settings.json": "{}"}},
    )
    found = await scene.until_child("configmap", lambda found: found["data"]["settings.json"] != "{}")
    assert found["metadata"]["labels"]["team"] == "x"


async def test_an_edit_reaches_workers_and_runtime_without_replacing_the_pod(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    before = template(scene)
    scene.edit({"spec": {"owners": ["+5511987651111"], "ai": {"maxTokens": 123}, "limits": {"pacing": "None"}}})

    def edited(published: InstanceSettings | None) -> bool:
        return published is not None and (published.ai.max_tokens, published.owners) == (123, ("+5511987651111",))

    published = await scene.until_published(edited)
    assert published is not None
    assert published.generation == 2
    await scene.until_child(
        "configmap",
        lambda found: TenantSettings.decode(found["data"]["settings.json"].encode()).pacing == "None",
    )
    await scene.until_status(lambda found: found["observedGeneration"] == 2)
    assert template(scene) == before


async def test_a_suspended_instance_has_no_pod_and_comes_back(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.edit({"spec": {"suspend": True}})
    await scene.until_phase("Paused", "Suspended")
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 0)
    await scene.until_published(lambda published: published and published.suspended)
    scene.edit({"spec": {"suspend": False}})
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 1)


async def test_a_change_that_the_claim_refuses_is_said_and_holds_up_nothing_else(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    uid = (await scene.until_child("claim"))["metadata"]["uid"]
    scene.edit({"spec": {"session": {"storage": {"size": "2Gi"}}, "runtime": {"image": "mine:2"}}})
    await scene.until_child(
        "statefulset", lambda found: found["spec"]["template"]["spec"]["containers"][0]["image"] == "mine:2"
    )
    status = await scene.until_status(
        lambda found: condition(found, "Provisioned")["reason"] == "PersistentVolumeClaimRefused"
    )
    assert "wai-petshop-session" in condition(status, "Provisioned")["message"]
    scene.edit({"metadata": {"annotations": {"oxy.dev/repair": "n1"}}})
    await scene.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/epoch"] == "2")
    assert (await scene.until_child("claim"))["metadata"]["uid"] == uid


async def test_an_organization_belongs_to_the_namespace_that_named_it_first(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    bound = scene.api.get(
        f"/api/v1/namespaces/{scene.operator.home}/configmaps/{organization_name(scene.organization)}"
    )
    assert bound["data"] == {"organization": scene.organization, "namespace": scene.namespace}
    first, scene.namespace, scene.name = scene.namespace, scene.new_namespace(), "thief"
    scene.create()
    status = await scene.until_phase("Failed", "OrganizationTaken")
    assert condition(status, "Accepted")["status"] == "False"
    assert first not in json.dumps(status)
    for kind in ("claim", *OWNED):
        assert scene.child(kind) is None
    assert await scene.published() is None


async def test_a_second_instance_of_an_organization_in_its_namespace_is_accepted(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.name = "second"
    scene.create()
    await settled(scene)
