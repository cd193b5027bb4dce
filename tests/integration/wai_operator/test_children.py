from integration.wai_operator.scene import Scene, condition

OWNED = ("statefulset", "configmap", "secret", "networkpolicy")


async def test_applying_an_instance_brings_up_its_children_and_status(scene: Scene) -> None:
    created = scene.create()
    for kind in OWNED:
        child = await scene.until_child(kind)
        owner = child["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"]) == (created["metadata"]["uid"], True)
        assert child["metadata"]["labels"]["oxy.dev/organization"] == scene.organization
    claim = await scene.until_child("claim")
    assert "ownerReferences" not in claim["metadata"]
    status = await scene.until_phase("Pending", "PodMissing")
    assert condition(status, "Accepted")["status"] == "True"
    assert condition(status, "Provisioned")["status"] == "True"
    status = await scene.until_status(lambda found: condition(found, "CredentialsReady")["status"] == "True")
    assert {item["observedGeneration"] for item in status["conditions"]} == {1}
    published = await scene.until_published(bool)
    assert published is not None
    assert published.account == scene.account
