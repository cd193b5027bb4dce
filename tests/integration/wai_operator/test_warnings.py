"""What people must see is a Kubernetes event, one for each cause; what links a phone is shown, and kept nowhere."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from integration.wai_operator.scene import Object, Scene, condition, connect, eventually, merge_patch
from nats.aio.client import Client
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.events import LiveCode
from oxy_core.jetstream import STATE_STREAM, STREAMS

EVENTS = "/apis/events.k8s.io/v1/namespaces/{}/events"


def recorded(scene: Scene, reason: str) -> list[Object]:
    found = scene.api.get(EVENTS.format(scene.namespace))["items"]
    return [event for event in found if event["reason"] == reason]


async def until_recorded(scene: Scene, reason: str) -> Object:
    found: list[Object] = await eventually(lambda: recorded(scene, reason), f"an event {reason}")
    assert len(found) == 1
    return found[0]


async def test_a_cause_that_does_not_pass_is_one_event_and_a_reconnect_none(scene: Scene) -> None:
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    for restarts in (1, 2):
        scene.pod_status(ready=False, restarts=restarts)
        await scene.until_status(lambda found: found["phase"] == "Reconnecting")
        scene.pod_status(ready=True, restarts=restarts)
        await scene.until_phase("Connected", "Connected")
    found = scene.api.get(EVENTS.format(scene.namespace))["items"]
    assert [(event["reason"], event["note"]) for event in found] == []
    scene.pod_status(ready=False, state=scene.terminated(64))
    await scene.until_phase("LoggedOut", "LoggedOut")
    event = await until_recorded(scene, "LoggedOut")
    assert (event["type"], event["regarding"]["kind"], event["regarding"]["name"]) == (
        "Warning",
        "WhatsAppInstance",
        scene.name,
    )
    assert event["note"]
    await asyncio.sleep(0.5)
    assert len(scene.api.get(EVENTS.format(scene.namespace))["items"]) == 1


async def test_an_event_counts_what_comes_again_also_under_another_operator(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await lone.until_child("statefulset")
    lone.start_pod()
    lone.pod_status(ready=False, state=lone.terminated(64))
    await until_recorded(lone, "LoggedOut")
    await _forget_and_meet_again(lone)
    event = await until_recorded(lone, "LoggedOut")
    assert "series" not in event, "an operator that ends before it writes the status tells of nothing twice"
    long_ago = (datetime.now(UTC) - timedelta(minutes=11)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    path = f"{EVENTS.format(lone.namespace)}/{event['metadata']['name']}"
    merge_patch(lone.api, path, {"series": {"count": 2, "lastObservedTime": long_ago}})
    await _forget_and_meet_again(lone)
    found = await until_recorded(lone, "LoggedOut")
    assert found["series"]["count"] == 3
    assert found["series"]["lastObservedTime"] > long_ago


async def _forget_and_meet_again(scene: Scene) -> None:
    """Let an operator without memory meet a cause without a status: as if it were new."""
    scene.operator.stop()
    scene.drop_status()
    scene.operator.start()
    await scene.until_phase("LoggedOut", "LoggedOut")


def _says_all(status: Object) -> bool:
    wrong = {
        "VolumeHasRoom": "JournalTrimmed",
        "BackedUp": "BackupFailed",
        "Restored": "BackupNotFound",
        "ReachOutAllowed": "ReachOutLocked",
    }
    said = {kind: condition(status, kind).get("reason") for kind in wrong}
    return said == wrong and status["session"]["messagesLost"] == 2


async def test_what_is_wrong_or_locked_is_one_event_each_also_under_another_operator(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await lone.until_child("statefulset")
    lone.start_pod(ready=True)
    failed = {"outcome": "failed", "at": datetime.now(UTC), "detail": "the library's store is damaged"}
    locked = datetime.now(UTC) - timedelta(days=1)
    trouble = {"messages_lost": 2, "volume_problem": "JournalTrimmed", "backup": failed}
    remedies = {
        "MessagesLost": "read them there",
        "JournalTrimmed": "Give it a larger volume",
        "BackupFailed": "oxy sessions backup",
        "RestoreRefused": "oxy sessions list",
        "ReachOutLocked": "oxy campaign resume",
    }
    async with lone.repeating(lone.state(connection="connected", **trouble, reachout_locked_since=locked)):
        lone.edit({"spec": {"session": {"restoreFrom": {"backupId": str(uuid4())}}}})
        for reason, remedy in remedies.items():
            assert remedy in (await until_recorded(lone, reason))["note"]
        await lone.until_status(_says_all)  # an event comes first, and again if the operator ends in between
        lone.operator.stop()
        lone.operator.start()
        jid = f"{lone.phone.removeprefix('+')}@s.whatsapp.net"
        await lone.say(lone.state(connection="connected", **trouble, jid=jid, reachout_locked_since=locked))
        await lone.until_status(lambda found: found.get("jid") == jid)
    await lone.say(lone.state(connection="connected", **trouble, jid=jid))
    unlocked = await until_recorded(lone, "ReachOutUnlocked")
    assert (unlocked["type"], "oxy status" in unlocked["note"]) == ("Normal", True)
    found = lone.api.get(EVENTS.format(lone.namespace))["items"]
    assert sorted((event["reason"], "series" in event) for event in found) == [
        (name, False) for name in sorted([*remedies, "ReachOutUnlocked"])
    ]


async def stored(client: Client, scene: Scene) -> dict[str, int]:
    """How many messages about the instance there are under each subject, beside its states."""
    found: dict[str, int] = {}
    for stream in STREAMS:
        if stream.name != STATE_STREAM:
            info = await client.jetstream().stream_info(str(stream.name), subjects_filter=">")
            found |= info.state.subjects or {}
    # Those of other tests' instances come and go.
    return {name: count for name, count in found.items() if scene.account in name or scene.organization in name}


async def test_a_code_is_shown_to_who_watches_now_and_to_no_tenant(scene: Scene) -> None:
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod()
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    seen: list[Msg] = []
    spied: list[Msg] = []

    async def see(message: Msg) -> None:
        seen.append(message)

    async def spy(message: Msg) -> None:
        spied.append(message)

    tenant = await connect(scene.nats.url, scene.tenant_credentials())
    await tenant.subscribe("oxy.live.>", cb=spy)
    await tenant.subscribe("oxy.events.>", cb=spy)
    await tenant.flush()
    expires = datetime.now(UTC) + timedelta(minutes=2)
    async with scene.platform() as client:
        await client.subscribe(subjects.live(scene.organization, scene.name, "*"), cb=see)
        await client.flush()
        before = await stored(client, scene)
        offers = [
            {"method": "PhoneCode", "code": "ABCD1234", "expires_at": expires},
            {"method": "QRCode", "qr": "2@secret", "expires_at": expires},
        ]
        for number, offer in enumerate(offers, 1):
            await scene.say(scene.state(connection="pairing", pairing=offer))
            await eventually(lambda number=number: len(seen) >= number, "the code is shown")
        codes = [LiveCode.decode(message.data) for message in seen]
        assert [(message.subject.split(".")[-1], code.code) for message, code in zip(seen, codes, strict=True)] == [
            ("whatsapp:pairing", "ABCD1234"),
            ("whatsapp:qr", "2@secret"),
        ]
        assert await stored(client, scene) == before
    await tenant.close()
    assert spied == []
