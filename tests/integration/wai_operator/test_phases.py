"""From a pod's status to the instance's, with the bus and without."""

import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from integration.wai_operator.scene import Json, Object, Scene, condition, eventually

from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, TerminalCause
from oxy_core.tenant import TenantSettings
from oxy_operator.decide.status import DETAIL_SECONDS


async def with_pod(scene: Scene, **spec: Json) -> None:
    """An instance whose pod has just become ready: it is paired from now on."""
    scene.create(**spec)
    await scene.until_child("statefulset")
    await scene.until_child("claim", lambda found: "oxy.dev/epoch" in found["metadata"].get("annotations", {}))
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")


async def replicas(scene: Scene, count: int) -> None:
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == count)


async def test_a_ready_pod_is_a_connected_instance(scene: Scene) -> None:
    await with_pod(scene)
    status = scene.status()
    assert condition(status, "Ready")["status"] == "True"
    assert condition(status, "Paired")["status"] == "True"
    assert status["runtime"] == {
        "podName": "wai-petshop-0",
        "restarts": 0,
        "image": "registry.example/tenant:1",
        "epoch": 1,
    }
    scene.pod_status(ready=False)
    await scene.until_phase("Reconnecting", "NotReceiving")
    scene.pod_status(ready=True)
    await scene.until_phase("Connected", "Connected")


@pytest.mark.parametrize("cause", TERMINAL_CAUSES.values(), ids=lambda cause: cause.reason)
async def test_a_final_end_scales_to_zero_and_stays(scene: Scene, cause: TerminalCause) -> None:
    # A refused client is told to all instances of its image, and those of other tests have the operator's.
    await with_pod(scene, runtime={"image": f"registry.example/{scene.namespace}:1"})
    scene.pod_status(state=scene.terminated(cause.exit_code, reason=cause.reason))
    await scene.until_phase(cause.phase.value, cause.reason)
    await replicas(scene, 0)
    scene.kill_pod()
    status = await scene.until_status(lambda found: "podName" not in found["runtime"])
    assert condition(status, "Ready")["reason"] == cause.reason
    assert condition(status, "Paired")["status"] == str(not cause.unpairs)
    assert status["repair"]["required"] is True


async def test_an_end_that_only_a_newer_operator_can_explain_counts_by_its_exit_code(scene: Scene) -> None:
    await with_pod(scene)
    ended = scene.terminated(64)
    ended["terminated"]["message"] = '{"version": 99, "why": "a newer runtime left this"}'
    scene.pod_status(state=ended)
    await scene.until_phase("LoggedOut", "LoggedOut")
    await replicas(scene, 0)


@pytest.mark.parametrize("message", ["\x1b[2J" * 900, "{" * 4_000, '{"version": 1, "epoch": ' + "9" * 4_000 + "}"])
async def test_a_message_that_no_runtime_leaves_is_no_end_and_harms_nobody(scene: Scene, message: str) -> None:
    await with_pod(scene)
    ended = scene.terminated(64)
    ended["terminated"]["message"] = message
    scene.pod_status(state=ended, reason="a pod\x07s reason " + "x" * 2_000)
    status = await scene.until_phase("Pending", "Failed")
    await replicas(scene, 1)
    assert "\x1b" not in condition(status, "Ready")["message"]


@pytest.mark.long
async def test_what_a_pod_says_on_the_bus_cannot_keep_its_status_from_being_written(scene: Scene) -> None:
    await with_pod(scene)
    scene.pod_status(ready=False)
    await scene.until_phase("Reconnecting", "NotReceiving")
    nonsense = {"attempts": 10**30, "last_reason": "not a reason\x00" * 99, "next_attempt_at": "0001-01-01T00:00:00Z"}
    pairing = {"method": "QRCode", "qr": "x" * 200_000, "expires_at": "9999-12-31T23:59:59-12:00"}
    await scene.say(scene.state(**nonsense, pairing=pairing, pod_uid=scene.pod_uid()))
    status = await scene.until_status(lambda found: found["reconnect"]["attempts"] > 1)
    assert status["reconnect"]["lastReason"] == "NotReceiving"


async def test_exhausted_attempts_are_left_to_the_kubelet(scene: Scene) -> None:
    await with_pod(scene)
    ended = scene.terminated(70)
    scene.pod_status(state={"waiting": {"reason": "CrashLoopBackOff"}}, last=ended, restarts=1)
    status = await scene.until_phase("Reconnecting", "AttemptsExhausted")
    assert status["runtime"]["restarts"] == 1
    await replicas(scene, 1)


@pytest.mark.parametrize("other", [{"epoch": 7}, {"pod_uid": "another"}])
async def test_an_end_of_another_epoch_or_pod_changes_nothing(scene: Scene, other: Object) -> None:
    await with_pod(scene)
    scene.pod_status(last=scene.terminated(64, **other), restarts=3)
    await scene.until_status(lambda found: found["runtime"]["restarts"] == 3)
    await replicas(scene, 1)
    assert scene.status()["phase"] == "Reconnecting"


async def test_a_repair_opens_a_window_in_a_new_epoch_and_starts_again(scene: Scene) -> None:
    await with_pod(scene)
    scene.pod_status(state=scene.terminated(64))
    await scene.until_phase("LoggedOut", "LoggedOut")
    scene.edit({"metadata": {"annotations": {"oxy.dev/repair": "n1"}}})
    await scene.until_child("claim", lambda found: found["metadata"]["annotations"]["oxy.dev/epoch"] == "2")
    found = await scene.until_child(
        "statefulset",
        lambda found: found["spec"]["template"]["metadata"]["annotations"]["oxy.dev/epoch"] == "2",
    )
    assert found["spec"]["replicas"] == 1
    status = await scene.until_status(lambda found: found.get("repair") == {"nonce": "n1", "required": False})
    assert status["phase"] == "Pending"
    scene.kill_pod()
    scene.start_pod(ready=False)
    status = await scene.until_phase("Pairing", "WaitingForPhone")
    until = datetime.fromisoformat(status["pairing"]["expiresAt"])
    assert timedelta(minutes=13) < until - datetime.now(UTC) <= timedelta(minutes=15)
    # The pod runs and waits: it learns of the next window from its file, which an annotation makes the kubelet update.
    before = scene.child("statefulset")
    scene.edit({"metadata": {"annotations": {"oxy.dev/repair": "n2"}}})
    status = await scene.until_status(lambda found: found["repair"].get("nonce") == "n2")
    until = status["pairing"]["expiresAt"]
    await eventually(lambda: noticed(scene) == until, "the pod's annotation")
    settings = TenantSettings.decode((scene.child("configmap") or {})["data"]["settings.json"].encode())
    assert settings.pairing_until == datetime.fromisoformat(until)
    assert (scene.child("statefulset") or {})["spec"] == (before or {})["spec"]
    assert scene.epoch() == 2


def noticed(scene: Scene) -> str | None:
    pod = scene.find("pod", f"wai-{scene.name}-0") or {}
    return pod["metadata"].get("annotations", {}).get("oxy.dev/pairing-until")


@pytest.mark.parametrize(
    ("state", "more", "phase", "reason"),
    [
        ({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}, {}, "Failed", "ImagePullFailed"),
        (
            {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "proxy" not found'}},
            {},
            "Failed",
            "ReferenceMissing",
        ),
        ({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, {}, "Failed", "OutOfMemory"),
        ({"terminated": {"exitCode": 1, "reason": "Error"}}, {}, "Failed", "Crashed"),
        ({"running": {}}, {"phase": "Failed", "reason": "Evicted"}, "Pending", "Evicted"),
    ],
)
async def test_trouble_has_a_reason_and_an_action(
    scene: Scene, state: Object, more: Object, phase: str, reason: str
) -> None:
    await with_pod(scene)
    scene.pod_status(state=state, **more)
    status = await scene.until_phase(phase, reason)
    assert condition(status, "Ready")["message"]


async def test_what_the_spec_refers_to_and_is_missing_is_named(scene: Scene) -> None:
    scene.create(network={"caBundleConfigMapRef": {"name": "bundle"}})
    await scene.until_child("statefulset")
    scene.start_pod(state={"waiting": {"reason": "ContainerCreating"}})
    status = await scene.until_phase("Failed", "ReferenceMissing")
    assert "spec.network.caBundleConfigMapRef: ConfigMap bundle" in condition(status, "Ready")["message"]
    scene.api.create(
        scene.path("configmap"),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bundle", "namespace": scene.namespace}},
    )
    scene.pod_status(ready=True)
    await scene.until_phase("Connected", "Connected")


async def test_the_pairing_code_appears_in_its_secret_and_goes_with_the_pairing(scene: Scene) -> None:
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod(ready=False)
    await scene.until_phase("Pairing", "WaitingForPhone")
    for code in ("ABCD1234", "EFGH5678"):
        expires_at = datetime.now(UTC) + timedelta(minutes=2)
        pairing = {"method": "PhoneCode", "code": code, "expires_at": expires_at}
        await scene.say(scene.state(connection="pairing", pairing=pairing))
        await eventually(lambda code=code: offered(scene) == code, f"code {code}\n{scene.log()[-3000:]}")
    status = await scene.until_status(lambda found: "secretName" in found.get("pairing", {}))
    assert status["pairing"]["secretName"] == "wai-petshop-pairing"
    scene.pod_status(ready=True)
    await scene.until_phase("Connected", "Connected")
    await eventually(lambda: offered(scene) is None, "the pairing Secret is deleted")
    assert "pairing" not in scene.status()


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_pod_whose_clock_is_hours_off_has_its_code_shown(scene: Scene, hours: int) -> None:
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod(ready=False)
    await scene.until_phase("Pairing", "WaitingForPhone")
    its_now = datetime.now(UTC) + timedelta(hours=hours)
    pairing = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": its_now + timedelta(minutes=2)}
    await scene.say(scene.state(connection="pairing", heartbeat_at=its_now, pairing=pairing))
    await eventually(lambda: offered(scene) == "ABCD1234", f"the code\n{scene.log()[-3000:]}")
    secret = scene.find("secret", f"wai-{scene.name}-pairing") or {}
    expires_at = datetime.fromisoformat(b64decode(secret["data"]["expiresAt"]).decode())
    assert timedelta(minutes=1) < expires_at - datetime.now(UTC) < timedelta(minutes=2, seconds=2)

    def window() -> datetime:
        settings = (scene.child("configmap") or {})["data"]["settings.json"]
        return TenantSettings.decode(settings.encode()).pairing_until or datetime.now(UTC)

    # The pod compares the window with its own clock.
    least, most = timedelta(hours=hours, minutes=10), timedelta(hours=hours, minutes=16)
    await eventually(lambda: least < window() - datetime.now(UTC) < most, "the window is moved")


async def test_an_unpaired_pod_that_cannot_reach_whatsapp_says_so(scene: Scene) -> None:
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod(ready=False)
    await scene.until_phase("Pairing", "WaitingForPhone")
    await scene.say(scene.state(connection="pairing", attempts=2, last_reason="ServerUnreachable"))
    status = await scene.until_phase("Pairing", "ServerUnreachable")
    assert "spec.network" in condition(status, "Paired")["message"]
    assert status["reconnect"]["attempts"] == 2
    pairing = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": datetime.now(UTC) + timedelta(minutes=2)}
    await scene.say(scene.state(connection="pairing", attempts=2, pairing=pairing))
    await scene.until_phase("Pairing", "WaitingForPhone")


def offered(scene: Scene) -> str | None:
    secret = scene.find("secret", f"wai-{scene.name}-pairing")
    return b64decode(secret["data"]["code"]).decode() if secret else None


async def test_attempts_come_from_the_bus_and_only_from_the_current_pod(scene: Scene) -> None:
    await with_pod(scene)
    scene.pod_status(ready=False)
    await scene.until_phase("Reconnecting", "NotReceiving")
    for other in ({"pod_uid": "another"}, {"epoch": 9}):
        await scene.say(scene.state(attempts=7, last_reason="Forged", **other))
    await scene.say(scene.state(attempts=3, last_reason="ConnectionLost", jid="5511987650000:3@s.whatsapp.net"))
    status = await scene.until_phase("Reconnecting", "ConnectionLost")
    assert status["reconnect"] == {"attempts": 3, "lastReason": "ConnectionLost"}
    assert status["jid"] == "5511987650000:3@s.whatsapp.net"


async def test_one_instance_cannot_speak_for_another(scene: Scene) -> None:
    await with_pod(scene)
    scene.pod_status(ready=False)
    await scene.until_phase("Reconnecting", "NotReceiving")
    await scene.say(scene.state(instance="another", attempts=9, last_reason="Forged"))
    refused = [scene.account, "state_refused"]
    await eventually(
        lambda: any(all(word in line for word in refused) for line in scene.operator.log().splitlines()),
        "the refusal is logged",
    )
    assert scene.status()["phase"] == "Reconnecting"
    assert scene.status()["reconnect"]["lastReason"] != "Forged"


@pytest.mark.long
async def test_attempts_are_written_at_a_bounded_rate(scene: Scene) -> None:
    await with_pod(scene)
    scene.pod_status(ready=False)
    async with scene.repeating(scene.state(attempts=1, last_reason="ConnectionLost")):
        await scene.until_phase("Reconnecting", "ConnectionLost")
    before, began = (scene.find("wai", scene.name) or {})["metadata"]["resourceVersion"], time.monotonic()
    for attempts in range(2, 11):
        await scene.say(scene.state(attempts=attempts, last_reason="ConnectionLost"))
    async with scene.repeating(scene.state(attempts=11, last_reason="ConnectionLost")):
        await scene.until_status(lambda found: found["reconnect"]["attempts"] == 11)
    most = 2 + (time.monotonic() - began) // DETAIL_SECONDS
    changes = [event["object"] for event in scene.api.watch(scene.path("wai"), before, seconds=1)]
    assert len({found["status"]["reconnect"]["attempts"] for found in changes if "status" in found}) <= most
