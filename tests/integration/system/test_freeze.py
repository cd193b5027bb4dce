"""What a person freezes is heard on no phone: from the command to WhatsApp, through every part of the system."""

import asyncio
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from chaos.kubelet import PlainKubelet
from forked import run_forked
from integration.system.conftest import PROMOTER, SHARED
from integration.system.kubernetes import serving_kubernetes
from integration.system.test_bus_that_begins_anew import AT_ONCE, working
from integration.tenant.scene import until
from integration.wai_operator.scene import Object, Scene, condition

from oxy_ai.database import connected_pool
from oxy_ai.engine.outgoing import find_destination, queue_message
from oxy_ai.engine.store import Engine
from oxy_cli.session_admin import OPERATOR_LABELS
from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import InstanceSettings
from oxy_core.freeze import Freeze, Hold
from oxy_core.tasks import end_tasks
from oxy_dev.example import NETWORK, PROXY_SECRET, TRUST_CONFIG_MAP
from oxy_dev.stack import Stack
from oxy_simulator.keys import CA_FILE, NOISE_ROOT_FILE
from oxy_simulator.testing import TRUST_FOLDER, Phone, WhatsApp

SECONDS = 5
"""Within which of a freeze nothing more reaches a phone."""
PAUSE = 0.5
"""Between two texts of a business."""
LOOK = 0.3
"""Between two looks at what has come."""
LIMITS = {"pacing": "None", "inboundPerSecond": 0, "contactTurnsPerHour": 0}
QUESTION = "Vocês abrem no sábado?"


@dataclass
class Shop:
    """A business that writes to its customer all the time."""

    scene: Scene
    number: str
    customer: Phone
    engine: Engine
    queued: dict[str, float] = field(default_factory=dict)
    """When each text was ordered, in Unix seconds."""

    async def talk(self) -> None:
        """Order one text after the other until cancelled."""
        to = await find_destination(self.engine, self.scene.organization, self.scene.name, f"+{self.customer.number}")
        while True:
            text = f"aviso {len(self.queued) + 1}"
            self.queued[text] = time.time()
            await queue_message(self.engine, to, text)
            await asyncio.sleep(PAUSE)

    async def arrived(self) -> dict[str, float]:
        """Return when each text reached the phone, in the order in which they did; fails if one came twice."""
        lines = await self.customer.whatsapp.messages(from_=self.number, to=self.customer)
        found = sorted(
            (line.stages["delivered"], line.text) for line in lines if line.text and "delivered" in line.stages
        )
        texts = {text: at for at, text in found}
        assert len(texts) == len(found), "a text came twice"
        return texts

    async def ordered(self) -> list[str]:
        """Return those of `talk`."""
        return [text for text in await self.arrived() if text in self.queued]

    async def hears(self, more: int) -> None:
        """Wait until so many more texts have reached the phone."""
        before = len(await self.ordered())
        await until(lambda: self._has(before + more), pause=LOOK)

    async def hears_all_in_order(self) -> None:
        await until(lambda: self._has(len(self.queued)), pause=LOOK)
        assert await self.ordered() == list(self.queued)

    async def _has(self, count: int) -> bool:
        return len(await self.ordered()) >= count

    async def heard_nothing_since(self, frozen: float) -> None:
        """Nothing came too late after a freeze, and nothing at all that was ordered after it."""
        arrived = await self.arrived()
        assert [text for text, at in arrived.items() if at > frozen + SECONDS] == []
        assert [text for text in arrived if self.queued.get(text, 0) > frozen] == []
        assert any(at > frozen for at in self.queued.values())

    async def answered(self, since: float) -> bool:
        return any(at > since and text not in self.queued for text, at in (await self.arrived()).items())

    async def connected(self, reason: str) -> Object:
        """Wait until the pod runs and the condition Frozen has this reason."""
        return await self.scene.until_status(
            lambda found: found["phase"] == "Connected" and condition(found, "Frozen").get("reason") == reason
        )


def oxy(scene: Scene, *arguments: str) -> str:
    """Return what a command prints; it must succeed."""
    environment = {"PATH": "", "KUBECONFIG": str(scene.operator.server.kubeconfig)}
    done = run_forked("oxy_cli.__main__", arguments, environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def held(scene: Scene, command: str, *arguments: str) -> float:
    """Freeze or thaw; return when the command was over."""
    where = ("--system-namespace", scene.operator.home, "--wait", "60")
    await asyncio.to_thread(oxy, scene, command, *arguments, *where)
    return time.time()


def prepare(scene: Scene, whatsapp: WhatsApp) -> None:
    """Create what a platform admin and the chart do: trust, proxy, and the operator's Deployment, for `oxy`."""
    trusted = {CA_FILE: whatsapp.ca_file.read_text(), NOISE_ROOT_FILE: whatsapp.noise_root_file.read_text()}
    proxy = {"url": b64encode(whatsapp.proxy_url.encode()).decode()}
    container = {"name": "operator", "image": "x"}
    pod = {"metadata": {"labels": OPERATOR_LABELS}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": OPERATOR_LABELS}, "template": pod}
    metadata = {"name": "oxy-operator", "labels": OPERATOR_LABELS}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": TRUST_CONFIG_MAP}, "data": trusted}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PROXY_SECRET}, "data": proxy}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    scene.api.create(scene.path("configmap"), config)
    scene.api.create(scene.path("secret"), secret)
    scene.api.create(f"/apis/apps/v1/namespaces/{scene.operator.home}/deployments", deployment)


@asynccontextmanager
async def kubelet(scene: Scene, folder: Path) -> AsyncIterator[PlainKubelet]:
    """Run the pods of the namespace as processes."""
    variables = {"OXY_NATS_URL": scene.nats.url, "PYTHONPATH": str(TRUST_FOLDER)}
    made = PlainKubelet(scene.api, scene.namespace, folder, sys.executable, lambda _: variables)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        await end_tasks(running)


def start_pod(scene: Scene) -> None:
    """Create the pod as the StatefulSet's controller would."""
    template = (scene.child("statefulset") or {})["spec"]["template"]
    metadata = {**template["metadata"], "name": f"wai-{scene.name}-0"}
    scene.api.create(scene.path("pod"), {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata})


async def opened(scene: Scene, number: str, customer: Phone, engine: Engine) -> Shop:
    """Create an instance, link its phone, and let its customer write once."""
    scene.create(phoneNumber=number, ai=AT_ONCE, limits=LIMITS, network=NETWORK)
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == 1)
    start_pod(scene)
    business = await customer.whatsapp.phone(number, scene.name)

    async def code() -> str | None:
        found = await asyncio.to_thread(scene.find, "secret", f"wai-{scene.name}-pairing")
        return b64decode(found["data"]["code"]).decode() if found and "code" in found.get("data", {}) else None

    await business.link(code=await until(code, pause=LOOK))
    shop = Shop(scene, number, customer, engine)
    await shop.connected("NotFrozen")
    await customer.send("Oi, tudo bem?", number)
    await customer.expect(within=60, from_=number)
    return shop


@asynccontextmanager
async def talking(*shops: Shop) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(shop.talk()) for shop in shops]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        await end_tasks(*tasks)


async def test_what_is_frozen_reaches_no_phone_and_what_is_thawed_all_of_them_once_and_in_order(
    scene: Scene, tmp_path: Path
) -> None:
    scene.operator.start()
    pod_folder = tmp_path / "pods"
    pod_folder.mkdir()
    other_scene = replace(scene, name="other", organization=f"{scene.organization}-2")
    async with (
        WhatsApp() as whatsapp,
        working(scene, tmp_path) as worker,
        connected_pool(worker.scene.database_url, connections=2) as pool,
        kubelet(scene, pod_folder) as pods,
    ):
        prepare(scene, whatsapp)
        ana, bia = await whatsapp.phone("+5511912340101", "Ana"), await whatsapp.phone("+5511912340102", "Bia")
        one = await opened(scene, "+5511987650101", ana, Engine(pool))
        other = await opened(other_scene, "+5511987650102", bia, Engine(pool))
        async with talking(one, other):
            await one.hears(3)
            one_frozen = await held(scene, "freeze", "-O", scene.organization, "--by", "ana", "--reason", "preços")
            # Receiving goes on, the status says so, and nobody else is held back.
            await ana.send(QUESTION, one.number)
            stored = "select from messages where body = $1"
            await until(lambda: worker.scene.query(stored, QUESTION), pause=LOOK)
            shown = await asyncio.to_thread(oxy, scene, "status", scene.name, "-n", scene.namespace)
            assert "by order of ana (preços). Receiving goes on." in " ".join(shown.split())
            await other.hears(3)
            await one.heard_nothing_since(one_frozen)
            # Now everyone, while the bus reconnects and pods start.
            all_frozen = await held(scene, "freeze", "--by", "bruno")
            await asyncio.to_thread(scene.nats.stop)
            await asyncio.to_thread(scene.nats.start)
            for shop in (one, other):
                pods.pods[shop.scene.name].program.kill()
            for shop in (one, other):
                await until(lambda shop=shop: restarted(pods, shop), pause=LOOK)
                await shop.connected("Frozen")
            await asyncio.sleep(max(0.0, all_frozen + SECONDS + 2 - time.time()))
            await one.heard_nothing_since(one_frozen)
            await other.heard_nothing_since(all_frozen)

        await held(scene, "thaw")
        await other.hears_all_in_order()
        await one.heard_nothing_since(one_frozen)
        await held(scene, "thaw", "-O", scene.organization)
        await one.hears_all_in_order()
        # So is the answer to what was asked meanwhile.
        await until(lambda: one.answered(one_frozen), pause=LOOK)


async def restarted(pods: PlainKubelet, shop: Shop) -> bool:
    """Whether a shop's process was started again."""
    process = pods.pods[shop.scene.name]
    return process.restarts > 0 and process.program.exit_code is None


@SHARED
async def test_whoever_waits_for_a_message_when_a_freeze_begins_is_told_so(stack: Stack, tmp_path: Path) -> None:
    key = subjects.instance_key(PROMOTER.spec.organization_id, PROMOTER.name)
    held = "select true from instances where name = $1 and settings #> '{frozen,hold}' is not null"
    told = "By order of ana. Run: oxy thaw"
    condition = {"type": "Frozen", "status": "True", "reason": "Frozen", "message": told, "lastTransitionTime": ""}
    async with (
        serving_kubernetes(stack, tmp_path) as cluster,
        WhatsApp(stack.control_url) as whatsapp,
        connected(stack.nats.url, stack.platform_credentials, name="test") as client,
    ):
        phone = await whatsapp.phone("+5511912340103", "Caio")
        bucket = await client.jetstream().key_value(subjects.INSTANCES_BUCKET)
        settings = InstanceSettings.decode((await bucket.get(key)).value or b"")

        async def publish(freeze: Freeze) -> None:
            await bucket.put(key, settings.model_copy(update={"frozen": freeze}).encode())

        revision = int(time.time())
        await publish(Freeze(revision=revision, hold=Hold(since=datetime.now(UTC), by="ana")))
        admin = await asyncpg.connect(stack.admin_url)
        try:
            await until(lambda: admin.fetchval(held, PROMOTER.name), pause=LOOK)
        finally:
            await admin.close()
        cluster.statuses = [{}, {"conditions": [condition]}]  # as `oxy` sees it before and after the wait
        done = await cluster.attempt("send", PROMOTER.name, f"+{phone.number}", "Espere", "--timeout", "1")
        assert (done.returncode, f"{PROMOTER.name} was frozen meanwhile. {told}" in done.stderr) == (1, True)
        assert "waits until sending is thawed" in done.stdout
        await publish(Freeze(revision=revision + 1))
        await phone.expect("Espere", within=60)
