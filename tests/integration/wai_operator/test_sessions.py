"""Backups of sessions: listed, asked for, handed out, restored, kept; what a deleted instance leaves behind."""

import asyncio
import time
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from integration.wai_operator.scene import WITHIN, Json, Object, Scene, condition, connect, eventually
from nats.aio.client import Client

from oxy_core import subjects
from oxy_core.identity import number_digest
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.jetstream import BACKUP_STREAM
from oxy_core.session_backups import BACKUP_REFUSED_HEADER, BackupChunkRequest, BackupManifest, key_id, keys_of
from oxy_core.tenant import TenantSettings
from oxy_operator.bus import backups
from oxy_operator.bus.backup_sweep import sweep
from oxy_operator.decide.backups import UNFINISHED_AFTER


@asynccontextmanager
async def on_the_bus(scene: Scene) -> AsyncIterator[Client]:
    """A pod's connection, with the credentials of its Secret."""
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    client = await connect(scene.nats.url, scene.tenant_credentials())
    try:
        yield client
    finally:
        await client.close()


def manifest(scene: Scene, **fields: Json) -> BackupManifest:
    return BackupManifest.model_validate(
        {
            "id": uuid.uuid4(),
            "organization": scene.organization,
            "instance": scene.name,
            "number": number_digest(scene.phone),
            "device": "ab" * 32,
            "epoch": 1,
            "made_at": datetime.now(UTC),
            "database_bytes": 40,
            "compressed_bytes": 20,
            "sha256": "ab" * 32,
            "chunks": 2,
            "key_id": key_id(scene.keys.backup_key(scene.organization, scene.name)),
            "library": "neonize 0.5.2",
        }
        | fields
    )


async def back_up(scene: Scene, client: Client, **fields: Json) -> BackupManifest:
    """Make a backup as a pod does."""
    made = manifest(scene, **fields)
    for number in range(made.chunks):
        subject = subjects.backup(scene.account, scene.name, made.id, number)
        await client.jetstream().publish(subject, f"{made.id} {number}".encode())
    await client.jetstream().publish(subjects.backup(scene.account, scene.name, made.id, "manifest"), made.encode())
    return made


async def ask(scene: Scene, client: Client, made: BackupManifest, number: int = 1) -> bytes | str:
    """A chunk, or why it is refused."""
    request = BackupChunkRequest(backup_id=made.id, number=number, instance=made.instance)
    subject = subjects.restore_request(scene.account, scene.name)
    answer = await client.request(subject, request.model_dump_json().encode(), timeout=WITHIN)
    return (answer.headers or {}).get(BACKUP_REFUSED_HEADER) or answer.data


def told(scene: Scene) -> TenantSettings:
    """What the pod reads in its settings file."""
    return TenantSettings.decode((scene.child("configmap") or {})["data"]["settings.json"].encode())


def keys(scene: Scene) -> list[str]:
    return list(keys_of(b64decode((scene.child("secret") or {})["data"]["backup.key"]).decode()))


def listed(status: Object) -> list[str]:
    return [item["id"] for item in status.get("session", {}).get("backups", ())]


async def linked(scene: Scene, **spec: Json) -> None:
    scene.create(**spec)
    await scene.until_child("statefulset")
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")


def kept(scene: Scene) -> list[str]:
    """Why people are told that the volume stays."""
    return scene.warned("SessionKept")


async def gone(scene: Scene) -> None:
    await eventually(lambda: scene.find("wai", scene.name) is None, f"the instance is gone\n{scene.log()[-3000:]}")


async def test_backups_are_asked_for_listed_and_kept_as_the_spec_says(scene: Scene) -> None:
    await linked(scene, session={"backup": {"keep": 2, "everyHours": 6}})
    assert condition(scene.status(), "BackedUp")["reason"] == "NotYet"
    scene.edit({"metadata": {"annotations": {"oxy.dev/backup": "n1"}}})
    shown = await scene.until_status(lambda found: found.get("session", {}).get("backup"))
    asked = shown["session"]["backup"]
    assert (asked["nonce"], asked["outcome"], asked["reason"]) == ("n1", "Requested", "PodUnheard")
    await eventually(lambda: told(scene).backup.request == "n1", "the pod is told")
    assert told(scene).backup.every_hours == 6
    async with on_the_bus(scene) as pod:
        said = {
            "outcome": "failed",
            "at": datetime.now(UTC),
            "request": "n1",
            "reason": "StoreFull",
            "detail": "Full.",
        }
        await scene.say(scene.state(connection="connected", backup=said))
        failed = await scene.until_status(lambda found: found["session"]["backup"]["outcome"] == "Failed")
        assert (condition(failed, "BackedUp")["reason"], failed["session"]["backup"]["message"]) == (
            "StoreFull",
            "Full.",
        )
        made = [await back_up(scene, pod, request=request) for request in (None, "n1", None, None)]
        # What a pod says of itself counts only under its own name.
        forged = manifest(scene, organization="other")
        await pod.jetstream().publish(
            subjects.backup(scene.account, scene.name, forged.id, "manifest"), forged.encode()
        )
        await pod.jetstream().publish(subjects.backup(scene.account, scene.name, "x", "manifest"), b"{}")
        newest = [str(item.id) for item in (made[3], made[2])]
        status = await scene.until_status(lambda found: listed(found) == newest)
        assert condition(status, "BackedUp")["reason"] == "Verified"
        assert status["session"]["backup"]["outcome"] in {"Done", "Failed"}
        await until_deleted(scene, made[0])


async def until_deleted(scene: Scene, made: BackupManifest) -> None:
    """Wait until nothing of a backup is on the stream."""
    pattern, deadline = subjects.backup(scene.account, scene.name, made.id, "*"), time.monotonic() + WITHIN
    async with scene.platform() as client:
        while (await client.jetstream().stream_info(BACKUP_STREAM, subjects_filter=pattern)).state.subjects:
            assert time.monotonic() < deadline, "an expired backup stays"
            await asyncio.sleep(0.05)


async def test_a_pod_gets_the_chunks_of_its_own_backups_alone(scene: Scene) -> None:
    await linked(scene)
    other = replace(scene, name="other")
    await linked(other)
    async with on_the_bus(scene) as pod, on_the_bus(other) as neighbour:
        made, theirs = await back_up(scene, pod), await back_up(other, neighbour)
        assert await ask(scene, pod, made) == f"{made.id} 1".encode()
        assert await ask(scene, pod, made, number=2) == "unknown"
        assert await ask(scene, pod, manifest(scene)) == "unknown"
        assert await ask(scene, pod, theirs) == "not_yours"
        empty = await pod.request(subjects.restore_request(scene.account, scene.name), b"?", timeout=WITHIN)
        assert (empty.headers or {}).get(BACKUP_REFUSED_HEADER) == "unreadable"
    assert keys(scene) == [made.key_id]


async def test_a_backup_is_restored_once_in_a_new_epoch(scene: Scene) -> None:
    await linked(scene)
    async with on_the_bus(scene) as pod:
        made = await back_up(scene, pod)
        await scene.until_status(listed)
        scene.nats.stop()  # nothing could be restored now, so the pod stays connected
        scene.edit({"spec": {"session": {"restoreFrom": {"backupId": "latest"}}}})
        status = await scene.until_status(lambda found: condition(found, "Restored"))
        assert (condition(status, "Restored")["reason"], scene.epoch()) == ("BusUnavailable", 1)
        scene.nats.start()
        await scene.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/epoch"] == "2")
        wish = (await eventually(lambda: told(scene).restore, "the pod is told")).model_copy()
        assert (wish.manifest, wish.force) == (made, False)
        await scene.until_child(
            "statefulset",
            lambda found: found["spec"]["template"]["metadata"]["annotations"]["oxy.dev/epoch"] == "2",
        )
        scene.kill_pod()
        scene.start_pod(ready=False)
        assert condition(await scene.until_status(lambda found: condition(found, "Restored")), "Restored")[
            "status"
        ] == ("False")
        said = {"wish": wish.id, "outcome": "restored", "at": datetime.now(UTC)}
        await scene.say(scene.state(connection="connected", restore=said))
        scene.pod_status(ready=True)
        status = await scene.until_status(lambda found: condition(found, "Restored").get("status") == "True")
        assert "may be lost" in condition(status, "Restored")["message"]
        newer = await back_up(scene, pod)
        await scene.until_status(lambda found: listed(found)[:1] == [str(newer.id)])
        assert (scene.epoch(), told(scene).restore) == (2, wish)


async def test_a_session_is_backed_up_and_unlinked_before_it_is_deleted_and_comes_back(scene: Scene) -> None:
    await linked(scene, session={"deletionPolicy": "Delete"})
    claim = await scene.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/paired"] == "true")
    scene.api.delete(scene.path("wai", scene.name))
    leave = (await eventually(lambda: told(scene).leave, "the pod is told to leave")).id
    status = await scene.until_status(lambda found: condition(found, "Removed"))
    assert condition(status, "Removed")["reason"] == "TellingPod"
    async with on_the_bus(scene) as pod:
        await scene.say(
            scene.state(connection="connected", leaving={"wish": leave, "step": "unlinking", "at": datetime.now(UTC)})
        )
        await scene.until_status(lambda found: condition(found, "Removed")["reason"] == "Unlinking")
        assert scene.child("statefulset") is not None
        made = await back_up(scene, pod, request=leave)
        await scene.say(
            scene.state(connection="connected", leaving={"wish": leave, "step": "left", "at": datetime.now(UTC)})
        )
    await eventually(lambda: scene.child("statefulset") is None, "the StatefulSet is deleted")
    scene.kill_pod()
    await gone(scene)
    left = scene.child("claim")
    assert left is None or "deletionTimestamp" in left["metadata"]
    # The same names lead to the same account and key; another instance that has the number now may take the session.
    again = replace(scene, name="moved")
    asked = {"backupId": str(made.id), "instance": scene.name}
    again.create(phoneNumber=scene.phone, session={"restoreFrom": asked})
    warned = await again.until_status(lambda found: condition(found, "Restored"))
    assert condition(warned, "Restored")["reason"] == "DeviceUnlinked"
    again.edit({"spec": {"session": {"restoreFrom": {"force": True}}}})
    wish = (await eventually(lambda: again.child("configmap") and told(again).restore, "the new pod is told")) or None
    assert wish.manifest == made
    both = [key_id(scene.keys.backup_key(scene.organization, name)) for name in ("moved", scene.name)]
    # The operator writes the Secret after the ConfigMap.
    await eventually(lambda: again.child("secret") and keys(again) == both, "the new pod has both keys")
    async with on_the_bus(again) as pod:
        assert await ask(again, pod, made) == f"{made.id} 1".encode()
    assert claim["metadata"]["uid"] != (again.child("claim") or {})["metadata"]["uid"]


async def test_a_suspended_instance_starts_its_pod_once_more_to_leave(scene: Scene) -> None:
    await linked(scene, suspend=False, session={"deletionPolicy": "Delete"})
    scene.edit({"spec": {"suspend": True}})
    await scene.until_phase("Paused", "Suspended")
    scene.kill_pod()
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 0)
    scene.api.delete(scene.path("wai", scene.name))
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 1)
    settings = await scene.published()
    assert settings is not None
    assert settings.suspended, "or the workers would answer what it receives meanwhile"
    leave = told(scene).leave
    assert leave is not None
    scene.start_pod(ready=True)
    async with on_the_bus(scene) as pod:
        await back_up(scene, pod, request=leave.id)
        await scene.say(
            scene.state(connection="connected", leaving={"wish": leave.id, "step": "left", "at": datetime.now(UTC)})
        )
    await eventually(lambda: scene.child("statefulset") is None, "the StatefulSet is deleted")
    scene.kill_pod()
    await gone(scene)
    left = scene.child("claim")
    assert left is None or "deletionTimestamp" in left["metadata"]
    assert kept(scene) == []


async def test_an_operator_that_hears_nothing_of_a_pod_that_has_left_warns_nobody(lone: Scene) -> None:
    lone.operator.variables |= {"OXY_IDENTITY": "oxy-operator-0"}
    lone.operator.start()
    await linked(lone, session={"deletionPolicy": "Delete"})
    lone.api.delete(lone.path("wai", lone.name))
    leave = (await eventually(lambda: told(lone).leave, "the pod is told to leave")).id
    async with on_the_bus(lone) as pod:
        await back_up(lone, pod, request=leave)
    lone.pod_status(last=lone.terminated(ExitCode.LOGGED_OUT), restarts=1)
    await eventually(lambda: lone.child("statefulset") is None, "the StatefulSet is deleted")
    lone.operator.kill()
    lone.kill_pod()
    lone.operator.start()
    await gone(lone)
    left = lone.child("claim")
    assert left is None or "deletionTimestamp" in left["metadata"]
    # Written once the instance is gone, as events are.
    await eventually(lambda: '"keeps_session": false' in lone.log(), "the removal is logged")
    lone.operator.stop()
    assert lone.warned("DeviceStillLinked") == []


async def test_the_only_copy_of_a_session_stays(scene: Scene) -> None:
    await linked(scene, session={"deletionPolicy": "Delete"})
    damaged = replace(scene, name="damaged")
    await linked(damaged, session={"deletionPolicy": "Delete"})
    async with on_the_bus(damaged) as pod:
        await back_up(damaged, pod)
    await damaged.until_status(listed)
    damaged.pod_status(ready=False)
    async with damaged.repeating(damaged.state(connection="pairing")):
        await damaged.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/paired"] == "false")
    damaged.kill_pod()
    damaged.api.delete(damaged.path("wai", damaged.name))
    scene.pod_status(state=scene.terminated(ExitCode.CONNECTION_REPLACED, reason="ConnectionReplaced"))
    claim = await scene.until_child("claim", lambda found: "oxy.dev/ended" in found["metadata"]["annotations"])
    assert claim["metadata"]["annotations"]["oxy.dev/paired"] == "true"
    scene.kill_pod()
    scene.api.delete(scene.path("wai", scene.name))
    for each in (scene, damaged):
        await gone(each)
        await eventually(lambda each=each: kept(each), f"why the volume of {each.name} stays")
    assert scene.child("claim") == claim
    left = damaged.child("claim")
    assert left is not None
    assert "deletionTimestamp" not in left["metadata"], "the credentials that were set aside are on it"
    # Written once the instance is gone.
    await eventually(lambda: '"keeps_session": true' in scene.log(), "the removal is logged")


async def test_what_was_never_finished_is_swept(scene: Scene) -> None:
    await linked(scene)
    async with on_the_bus(scene) as pod, scene.platform() as client:
        whole, pattern = await back_up(scene, pod), subjects.backup(scene.account, scene.name, "*", "*")
        for number in ("0", "1", "anything"):
            await pod.jetstream().publish(subjects.backup(scene.account, scene.name, "half", number), b"x")
        for later, left in ((timedelta(), 6), (UNFINISHED_AFTER, 3)):
            await sweep(client, datetime.now(UTC) + later, frozenset)
            info = await client.jetstream().stream_info(BACKUP_STREAM, subjects_filter=pattern)
            assert len(info.state.subjects or {}) == left
        assert [item.manifest for item in await backups.stored(client, scene.account, scene.name)] == [whole]
