"""Operator, worker and a pod go on after the bus began anew: with other keys, or without what it held."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from integration.ai.scene import SCHEDULES_BEGIN, FakePod, WorkerProcess, admin_connections, running_model, until
from integration.ai.scene import Scene as WorkerScene
from integration.wai_operator.scene import Scene, bus_configuration, condition, eventually
from nats.aio.client import Client

from oxy_ai.migrate import migrate
from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_core.jetstream import PARKED_STREAM
from oxy_core.tasks import end_tasks
from oxy_dev.postgres import running_postgres
from oxy_operator.bus.accounts import platform_credentials
from oxy_operator.bus.nkeys import PlatformKeys

QUESTION = "Oi, tudo bem?"
PASSWORD = "app-password"
AT_ONCE = {"debounceSeconds": 0, "debounceMaxSeconds": 0}


@asynccontextmanager
async def working(scene: Scene, folder: Path) -> AsyncIterator[WorkerProcess]:
    """A worker process before the scene's NATS; it is started again whenever it ends, as the kubelet does."""
    with running_postgres(folder / "postgres") as postgres:
        migrate(postgres.url(), PASSWORD)
        async with running_model() as model, admin_connections(postgres.url()) as admin:
            url = postgres.url(user="oxy_app", password=PASSWORD)
            around = WorkerScene(scene.nats.url, url, postgres.url(), model, Client(), admin)
            await around.query(SCHEDULES_BEGIN.format("'infinity'"))
            worker = WorkerProcess(around, {"OXY_NATS_CREDENTIALS": str(worker_credentials(scene))})
            keeping = asyncio.create_task(kept_running(worker))
            try:
                yield worker
            finally:
                await end_tasks(keeping)
                worker.kill()


async def kept_running(worker: WorkerProcess) -> None:
    while True:
        if worker.process is None or worker.process.poll() is not None:
            worker.start()
        await asyncio.sleep(0.2)


def worker_credentials(scene: Scene) -> Path:
    """The file that a worker's Secret is mounted as, with the platform's current credentials."""
    return scene.operator.file("worker_credentials", platform_credentials(scene.keys))


async def answered(scene: Scene) -> None:
    """A customer writes to a pod of the instance, and is answered once."""
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    settings = await scene.until_published(lambda found: found and found.account == scene.account)
    assert settings is not None
    async with (
        connected(scene.nats.url, scene.tenant_credentials(), name="pod") as client,
        reporting(FakePod(client, settings)) as pod,
    ):
        assert await pod.answer_to(QUESTION, seconds=60)
        assert len(pod.sent) == 1


async def recreated(scene: Scene) -> None:
    """Create the instance again after it was deleted, with the garbage collector's part, which does not run here."""
    for kind in ("configmap", "secret", "networkpolicy"):
        scene.api.delete(scene.path(kind, f"wai-{scene.name}"))
    scene.create(ai=AT_ONCE)
    await scene.until_child("secret")
    await lets_in(scene)


async def lets_in(scene: Scene, seconds: float = 30) -> None:
    """Wait until the bus lets the tenant in."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            async with connected(scene.nats.url, scene.tenant_credentials(), name="probe", within=2):
                return
        except BusError:
            assert time.monotonic() < deadline, scene.log()[-3000:]
            await asyncio.sleep(0.2)


async def change_root_seed(scene: Scene) -> None:
    """Do what decision 36 says: stop the operator, give NATS its new configuration, start both, renew the Secrets."""
    operator = scene.operator
    await asyncio.to_thread(operator.stop)
    operator.nats.stop()
    operator.keys = PlatformKeys.generate()
    operator.nats.extra_config = bus_configuration(operator.keys, operator.folder)
    operator.nats.start()
    worker_credentials(scene)
    await asyncio.to_thread(operator.start)
    await operator.until_prepared(times=2)


async def lose_volume(scene: Scene) -> None:
    scene.nats.stop()
    scene.operator.lose_bus_data()
    scene.nats.start()
    await scene.operator.until_prepared(times=2)


@pytest.mark.parametrize("begin_anew", [change_root_seed, lose_volume])
async def test_customers_are_answered_again(
    scene: Scene, tmp_path: Path, begin_anew: Callable[[Scene], Awaitable[None]]
) -> None:
    scene.operator.start()
    scene.create(ai=AT_ONCE)
    await scene.until_child("secret")
    async with working(scene, tmp_path):
        await answered(scene)
        await begin_anew(scene)
        await lets_in(scene)
        await answered(scene)


async def test_an_instance_made_again_after_the_bus_began_anew_is_answered(scene: Scene, tmp_path: Path) -> None:
    scene.operator.start()
    scene.create(ai=AT_ONCE)
    await scene.until_child("secret")
    async with working(scene, tmp_path):
        await answered(scene)
        scene.api.delete(scene.path("wai", scene.name))
        await scene.until_published(lambda found: found is None)
        await lose_volume(scene)
        await recreated(scene)
        await answered(scene)


async def test_what_reaches_a_worker_after_an_instance_was_deleted_is_answered_when_it_is_made_again(
    scene: Scene, tmp_path: Path
) -> None:
    scene.operator.start()
    scene.create(ai=AT_ONCE)
    await scene.until_child("secret")
    async with working(scene, tmp_path) as worker:
        await answered(scene)
        settings = await scene.until_published(bool)
        assert settings is not None
        scene.api.delete(scene.path("wai", scene.name))
        await eventually(lambda: scene.find("wai", scene.name) is None, "the instance is gone")
        await until(lambda: worker.scene.query("select from instances where closed_at is not null"))
        # What the pod published before it ended; the platform's connection stands for its, which is closed by now.
        async with scene.platform() as client, reporting(FakePod(client, settings)) as pod:
            pod.receive(QUESTION)
            await until(lambda: parked(client))
        await recreated(scene)
        async with connected(scene.nats.url, scene.tenant_credentials(), name="pod") as client:
            pod.client = client
            async with reporting(pod):
                await until(lambda: pod.sent, 60)


async def parked(client: Client) -> bool:
    return (await client.jetstream().stream_info(PARKED_STREAM)).state.messages > 0


@asynccontextmanager
async def reporting(pod: FakePod) -> AsyncIterator[FakePod]:
    running = asyncio.create_task(pod.run())
    try:
        yield pod
    finally:
        await end_tasks(running)
