"""A pod's process, with real neonize, under a real operator: what it meets is shown on instances and on the bus."""

import json
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forked import run_forked
from integration.wai_operator.scene import Json, Object, Scene, condition, eventually, utc
from integration.wai_operator.test_clients import connected, counted, outdated
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.events import LiveCode
from oxy_core.instance.terminal_causes import ExitCode
from oxy_dev.plain_pod import TERMINATION_LOG, pod_environment
from oxy_dev.programs import Program
from oxy_dev.servers import free_port
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.testing import WhatsApp


@dataclass
class RealPod:
    """The process that the StatefulSet of a scene's instance describes."""

    scene: Scene
    folder: Path
    program: Program

    def fill(self) -> None:
        """Do what the kubelet does once a ConfigMap or a Secret has changed."""
        for volume in self.scene.child("statefulset")["spec"]["template"]["spec"]["volumes"]:  # type: ignore[index]
            folder = self.folder / volume["name"]
            folder.mkdir(exist_ok=True)
            for name, content in _content(self.scene, volume).items():
                (folder / f".{name}").write_bytes(content)
                (folder / f".{name}").replace(folder / name)

    async def has_logged(self, event: str, times: int = 1) -> None:
        await eventually(lambda: self.program.log.read_text().count(f'"event": "{event}"') >= times, event)

    def end(self) -> Object:
        """The state of its container, which has ended."""
        message = (self.folder / TERMINATION_LOG).read_text()
        code = self.program.exit_code
        ended = {"exitCode": code, "reason": "Error", "startedAt": utc(), "finishedAt": utc(), "message": message}
        return {"terminated": ended}


def _content(scene: Scene, volume: Object) -> dict[str, bytes]:
    if "secret" in volume:
        return {name: b64decode(value) for name, value in (scene.child("secret") or {})["data"].items()}
    if "configMap" in volume:
        return {name: value.encode() for name, value in (scene.child("configmap") or {})["data"].items()}
    return {}


@contextmanager
def real_pod(scene: Scene, whatsapp: WhatsApp, folder: Path) -> Iterator[RealPod]:
    """The process, not started yet, of the pod that the scene has."""
    folder.mkdir()
    template = (scene.child("statefulset") or {})["spec"]["template"]
    environment = pod_environment(template, folder, uid=scene.pod_uid(), secrets={}) | whatsapp.client_environment
    environment |= {
        "OXY_NATS_URL": scene.nats.url,
        "OXY_PROBE_HOST": "127.0.0.1",
        "OXY_PROBE_PORT": str(free_port()),
    }
    made = RealPod(scene, folder, Program("pod", [sys.executable, "-m", "oxy_tenant"], folder, environment))
    made.fill()
    try:
        yield made
    finally:
        made.program.kill()
        print(made.program.tail(60))  # noqa: T201 pytest shows it with a failure


@asynccontextmanager
async def linked_pod(scene: Scene, folder: Path, **spec: Json) -> AsyncIterator[tuple[WhatsApp, RealPod]]:
    """A new instance's pod, once its phone is linked, and the WhatsApp that it uses."""
    scene.operator.start()
    scene.create(**spec)
    for kind in ("statefulset", "configmap"):
        await scene.until_child(kind)
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    scene.start_pod()
    codes: dict[str, LiveCode] = {}

    async def see(message: Msg) -> None:
        codes[message.subject.rpartition(".")[2]] = LiveCode.decode(message.data)

    async with WhatsApp() as whatsapp:
        with real_pod(scene, whatsapp, folder) as pod:
            async with scene.platform() as platform:
                await platform.subscribe(subjects.live(scene.organization, scene.name, "*"), cb=see)
                await is_linked(scene, pod, whatsapp, codes)
            yield whatsapp, pod


async def test_a_real_pod_is_linked_backed_up_by_schedule_and_its_refusal_is_told_to_all(
    lone: Scene, tmp_path: Path
) -> None:
    same, newer = (replace(lone, name=name) for name in ("same", "newer"))
    async with linked_pod(lone, tmp_path / "pod") as (whatsapp, pod):
        await is_backed_up_by_schedule(lone, pod)
        client = lone.status()["client"]["version"]
        await connected(same, client_version=client)
        await connected(newer, client_version=f"{client}1")
        await counted(lone.operator, 0)
        await (await whatsapp.phone(lone.phone)).fault(FaultKind.OUTDATED, count=3)
        assert await eventually(lambda: pod.program.exit_code, "an end") == ExitCode.CLIENT_OUTDATED
        lone.pod_status(state=pod.end())
    await lone.until_phase("Failed", "ClientOutdated")
    assert client in (await outdated(same, "True"))["message"]
    assert condition(newer.status(), "ClientOutdated")["status"] == "False"
    await counted(lone.operator, 2)


async def test_a_real_pod_that_leaves_once_the_bus_is_back_leaves_no_device_behind(lone: Scene, tmp_path: Path) -> None:
    async with linked_pod(lone, tmp_path / "pod", session={"deletionPolicy": "Delete"}) as (whatsapp, pod):
        lone.nats.stop()
        lone.api.delete(lone.path("wai", lone.name))
        await lone.until_child("configmap", lambda found: json.loads(found["data"]["settings.json"]).get("leave"))
        pod.fill()
        await pod.has_logged("leaving_begun")
        lone.nats.start()
        assert await eventually(lambda: pod.program.exit_code, "an end") == ExitCode.LOGGED_OUT
        assert not whatsapp.service.account(lone.phone).devices
        # The kubelet has started another process meanwhile.
        lone.pod_status(last=pod.end(), restarts=1)
        await eventually(lambda: lone.child("statefulset") is None, "the StatefulSet is deleted")
    lone.kill_pod()
    await eventually(lambda: '"keeps_session": false' in lone.log(), "the instance and its volume are gone")
    lone.operator.stop()
    assert lone.warned("DeviceStillLinked") == []


async def is_linked(scene: Scene, pod: RealPod, whatsapp: WhatsApp, codes: dict[str, LiveCode]) -> None:
    """Each way to link the phone is shown live to whoever watches, and the one that is shown last links it."""
    business = await whatsapp.phone(scene.phone)
    pod.program.start()
    typed = await eventually(lambda: codes.get("whatsapp:pairing"), "a code to type")
    assert typed.expires_at > datetime.now(UTC)
    scene.edit({"spec": {"pairing": {"method": "QRCode"}}})
    await scene.until_child("configmap", lambda found: "QRCode" in found["data"]["settings.json"])
    pod.fill()
    scanned = await eventually(lambda: codes.get("whatsapp:qr"), "a code to scan")
    await business.link(qr=scanned.code)
    await pod.has_logged("connection_established")
    scene.pod_status(ready=True)
    await scene.until_phase("Connected", "Connected")
    await scene.until_status(lambda found: found.get("client", {}).get("version"))


async def is_backed_up_by_schedule(scene: Scene, pod: RealPod) -> None:
    """As if the phone had been linked an hour ago: a backup is made unasked, and all who list backups see it."""
    assert condition(scene.status(), "BackedUp")["reason"] == "NotYet"
    file = pod.folder / "session" / "metadata.json"
    await eventually(lambda: "linked_at" in file.read_text(), "a note of the phone")
    pod.program.stop()
    known = json.loads(file.read_text())
    known["linked_at"] = (datetime.fromisoformat(known["linked_at"]) - timedelta(hours=1)).isoformat()
    file.write_text(json.dumps(known))
    pod.program.start()
    status = await scene.until_status(lambda found: found.get("session", {}).get("backups"))
    [shown] = status["session"]["backups"]
    await scene.until_status(lambda found: condition(found, "BackedUp")["reason"] == "Verified")
    # What `oxy sessions list` asks the operator's pod.
    done = run_forked("oxy_operator.session_admin", ["list"], scene.operator.environment())
    [listed] = json.loads(done.stdout)
    names = (listed["organization"], listed["instance"])
    assert (names, listed["id"], listed["requested"]) == ((scene.organization, scene.name), shown["id"], False)
