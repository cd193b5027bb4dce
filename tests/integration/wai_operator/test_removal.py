"""Deleting an instance."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from integration.wai_operator.scene import WITHIN, Object, Scene, condition, eventually
from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_operator.decide.ownership_problems import organization_name


async def settled(scene: Scene) -> None:
    await scene.until_child("statefulset")
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


async def gone(scene: Scene) -> None:
    await eventually(lambda: scene.find("wai", scene.name) is None, f"the instance is gone\n{scene.log()[-3000:]}")


async def lets_in(scene: Scene, credentials: Path) -> bool:
    """Whether the bus lets the tenant in."""
    client = Client()
    try:
        await client.connect(
            scene.nats.url, user_credentials=str(credentials), allow_reconnect=False, connect_timeout=int(WITHIN)
        )
    except NatsError:
        return False
    finally:
        await client.close()
    return True


async def test_a_deleted_instance_leaves_the_bus_and_keeps_its_claim(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    credentials = scene.tenant_credentials()
    claim = await scene.until_child("claim")
    scene.api.delete(scene.path("wai", scene.name))
    await gone(scene)
    assert await scene.published() is None
    assert scene.child("claim") == claim
    assert not await lets_in(scene, credentials)


async def test_the_settings_leave_a_mark_that_workers_see(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    async with scene.platform() as client:
        bucket = await client.jetstream().key_value(subjects.INSTANCES_BUCKET)
        watcher = await bucket.watchall()
        scene.api.delete(scene.path("wai", scene.name))
        seen = []
        deadline = time.monotonic() + WITHIN
        while "DEL" not in seen:
            assert time.monotonic() < deadline, seen
            entry = await watcher.updates(timeout=WITHIN)
            seen.append(entry.operation if entry else None)
        await watcher.stop()


async def test_the_pod_ends_before_the_bus_forgets_it(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    scene.api.delete(scene.path("wai", scene.name))
    await eventually(lambda: scene.child("statefulset") is None, "the StatefulSet is deleted first")
    assert await scene.published() is not None
    scene.kill_pod()
    await gone(scene)
    assert await scene.published() is None


async def test_the_policy_delete_takes_the_claim_too(scene: Scene) -> None:
    scene.create(session={"deletionPolicy": "Delete"})
    await settled(scene)
    scene.api.delete(scene.path("wai", scene.name))
    await gone(scene)
    claim = scene.child("claim")
    # Without a controller manager the protection of claims in use is never lifted.
    assert claim is None or "deletionTimestamp" in claim["metadata"]


async def test_an_instance_made_again_adopts_its_claim_in_a_new_epoch(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    uid = (await scene.until_child("claim"))["metadata"]["uid"]
    scene.api.delete(scene.path("wai", scene.name))
    await gone(scene)
    # The garbage collector's part, which does not run here.
    for kind in ("configmap", "secret", "networkpolicy"):
        scene.api.delete(scene.path(kind, f"wai-{scene.name}"))
    scene.create()
    await settled(scene)
    claim = await scene.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/epoch"] == "2")
    assert claim["metadata"]["uid"] == uid
    scene.start_pod(ready=True)
    await scene.say(scene.state(connection="connected"))


async def test_a_rejected_instance_goes_at_once(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.namespace = scene.new_namespace()
    scene.create()
    await scene.until_phase("Failed", "OrganizationTaken")
    scene.api.delete(scene.path("wai", scene.name))
    await gone(scene)


async def test_an_instance_whose_finalizer_someone_took_away_leaves_the_bus_too(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    credentials = scene.tenant_credentials()
    scene.api.delete(scene.path("wai", scene.name))
    scene.clear()
    await gone(scene)
    await scene.until_published(lambda found: found is None)
    deadline = time.monotonic() + WITHIN
    while await lets_in(scene, credentials):
        assert time.monotonic() < deadline, "the tenant is let in"
        await asyncio.sleep(0.05)


async def left_with_a_session(scene: Scene) -> Object:
    """Delete an instance whose phone is linked, and return the claim that it leaves."""
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    kept = await scene.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/paired"] == "true")
    scene.api.delete(scene.path("wai", scene.name))
    await eventually(lambda: scene.child("statefulset") is None, "the StatefulSet is deleted")
    scene.kill_pod()
    await gone(scene)
    return kept


async def test_a_refused_instance_takes_no_session_of_another_with_it(scene: Scene) -> None:
    kept = await left_with_a_session(scene)
    scene.create(phoneNumber=scene.phone.replace("+1", "+2"), session={"deletionPolicy": "Delete"})
    await scene.until_phase("Failed", "SessionOfAnotherNumber")
    scene.api.delete(scene.path("wai", scene.name))
    await gone(scene)
    assert scene.child("claim") == kept


async def test_a_claim_serves_no_other_organization_and_waits_for_its_own(scene: Scene) -> None:
    kept = await left_with_a_session(scene)
    other = f"{scene.organization[:30]}-other"
    scene.create(organizationId=other, session={"deletionPolicy": "Delete"})
    status = await scene.until_phase("Failed", "SessionOfAnotherOrganization")
    told = condition(status, "Ready")["message"]
    delete = f"oxy sessions delete {scene.name} -n {scene.namespace} --organization {scene.organization}"
    assert f"messages of organization {scene.organization}" in told
    assert told.endswith(delete)
    assert (scene.child("statefulset"), scene.child("claim")) == (None, kept)
    scene.operator.stop()
    scene.operator.start()
    await asyncio.sleep(1)
    assert (scene.child("statefulset"), scene.child("claim")) == (None, kept)
    scene.api.delete(scene.path("wai", scene.name))
    await gone(scene)
    assert scene.child("claim") == kept
    scene.create()
    await scene.until_child("statefulset")
    await scene.until_phase("Pending", "PodMissing")


async def test_a_refused_instance_takes_no_account_and_no_settings_of_its_namesake_with_it(scene: Scene) -> None:
    refused = replace(scene)
    scene.namespace = scene.new_namespace()
    refused.create()
    await settled(refused)
    # A platform admin releases the organization for another namespace.
    binding = f"/api/v1/namespaces/{scene.operator.home}/configmaps/{organization_name(scene.organization)}"
    scene.api.delete(binding)
    scene.create()
    await settled(scene)
    refused.edit({"spec": {"displayName": "reconciled again"}})
    await refused.until_phase("Failed", "OrganizationTaken")
    published = await scene.published()
    assert published is not None
    assert published.uid == (scene.find("wai", scene.name) or {})["metadata"]["uid"]
    refused.api.delete(refused.path("wai", refused.name))
    await gone(refused)
    assert await scene.published() == published
    assert await lets_in(scene, scene.tenant_credentials())
