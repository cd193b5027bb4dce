"""Everything is killed without warning, at moments drawn from a printed seed: each message gets exactly one answer."""

import asyncio
import os
import random
import signal
from collections import Counter

import pytest
from integration.ai.scene import FakePod, Scene, WorkerProcess, settings_of, until

from oxy_dev.postgres import PostgresServer
from oxy_dev.servers import NatsServer, free_port

KILLS = int(os.environ.get("OXY_TEST_KILLS", "8"))
ANSWER_SECONDS = 120.0
ACK_WAIT = 30.0


def drawn(name: str) -> random.Random:
    seed = int(os.environ.get("OXY_TEST_SEED", random.randrange(2**32)))
    print(f"{name}: OXY_TEST_SEED={seed}")  # noqa: T201 a failure can be repeated
    return random.Random(seed)


def phone(number: int) -> str:
    return f"+55119{number:08d}"


async def write(pods: list[FakePod], messages: int, pause: float) -> None:
    """Each message from a customer of its own, so that one answer belongs to one message."""
    for number in range(messages):
        pods[number % len(pods)].receive("Oi", phone(number))
        await asyncio.sleep(pause)


async def assert_each_is_answered_once(scene: Scene, pods: list[FakePod], messages: int) -> None:
    await until(lambda: sum(len(pod.sent) for pod in pods) >= messages, ANSWER_SECONDS)
    await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"), ANSWER_SECONDS)
    answers = Counter(str(request.chat) for pod in pods for request in pod.sent)
    assert len(answers) == messages
    assert set(answers.values()) == {1}
    assert await scene.value("select count(*) from turns where state = 'dead'") == 0
    assert await scene.value("select coalesce(sum(attempts), 0) from turns") == 0


@pytest.mark.timeout(400)
async def test_workers_killed_at_random_moments(scene: Scene) -> None:
    moments = drawn("workers")
    pods = [await scene.pod(settings_of("petshop", name)) for name in ("one", "two")]
    workers = [scene.process() for _ in range(2)]
    for worker in workers:
        worker.start()
    await until(lambda: ready(workers), 60)
    messages = KILLS * 6
    writing = asyncio.create_task(write(pods, messages, 0.05))
    try:
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(0, 1.0))
            worker = moments.choice(workers)
            worker.kill()
            worker.start()
        await writing
        await assert_each_is_answered_once(scene, pods, messages)
    finally:
        writing.cancel()
        for worker in workers:
            worker.kill()


@pytest.mark.timeout(300)
async def test_nats_killed_at_random_moments(scene: Scene, nats_server: NatsServer) -> None:
    moments = drawn("nats")
    pods = [await scene.pod(settings_of("petshop", name)) for name in ("one", "two")]
    async with scene.worker():
        writing = asyncio.create_task(write(pods, KILLS * 6, 0.05))
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(0, 0.6))
            await asyncio.to_thread(nats_server.kill)
            await asyncio.sleep(moments.uniform(0, 0.3))
            await asyncio.to_thread(nats_server.start)
        await writing
        await assert_each_is_answered_once(scene, pods, KILLS * 6)


@pytest.mark.timeout(300)
async def test_postgresql_killed_at_random_moments(fragile_scene: Scene, own_postgres: PostgresServer) -> None:
    moments = drawn("postgresql")
    pods = [await fragile_scene.pod(settings_of("petshop", name)) for name in ("one", "two")]
    async with fragile_scene.worker(lease_seconds=2):
        writing = asyncio.create_task(write(pods, KILLS * 6, 0.05))
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(0, 0.6))
            await asyncio.to_thread(own_postgres.kill)
            await asyncio.sleep(moments.uniform(0, 0.3))
            await asyncio.to_thread(own_postgres.start)
        await writing
        await assert_each_is_answered_once(fragile_scene, pods, KILLS * 6)


async def test_an_outage_of_postgresql_costs_no_attempt(fragile_scene: Scene, own_postgres: PostgresServer) -> None:
    pod = await fragile_scene.pod(settings_of("petshop"))
    worker = fragile_scene.process()
    worker.start()
    try:
        await until(worker.ready, 60)
        await pod.answer_to("Oi", phone(0))
        await fragile_scene.model.fault(kind="delay", seconds=1)
        pod.receive("Oi", phone(1))
        await until(lambda: in_progress(fragile_scene))
        own_postgres.kill()
        for number in range(2, 30):
            pod.receive("Oi", phone(number))
        await until(lambda: not_ready(worker))
        own_postgres.start()
        await assert_each_is_answered_once(fragile_scene, [pod], 30)
        await until(worker.ready)
    finally:
        worker.kill()


async def test_a_worker_that_starts_before_its_servers_waits_for_them(
    fragile_scene: Scene, own_postgres: PostgresServer, nats_server: NatsServer
) -> None:
    pod = await fragile_scene.pod(settings_of("petshop"))
    await until(lambda: pod.client.is_connected)
    own_postgres.kill()
    nats_server.kill()
    worker = fragile_scene.process()
    worker.start()
    try:
        pod.receive("Oi")
        await asyncio.to_thread(nats_server.start)
        await until(lambda: not_ready(worker), 60)
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: pod.sent, 60)
    finally:
        worker.kill()


async def test_sigterm_ends_a_worker_that_still_waits_for_its_servers(scene: Scene) -> None:
    scene.nats_url = f"nats://127.0.0.1:{free_port()}"
    worker = scene.process()
    worker.start()
    try:
        await until(worker.status, 60)
        assert await worker.status() == 503
        assert await asyncio.to_thread(worker.terminate) == 0
    finally:
        worker.kill()


async def test_sigterm_lets_turns_in_flight_end(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    worker = scene.process()
    worker.start()
    try:
        await until(worker.ready, 60)
        await scene.model.fault(kind="delay", seconds=1)
        pod.receive("Oi")
        await until(lambda: in_progress(scene))
        assert worker.process is not None
        worker.process.send_signal(signal.SIGTERM)
        await until(lambda: pod.sent)
        assert await asyncio.to_thread(worker.process.wait, 30) == 0
    finally:
        worker.kill()


async def ready(workers: list[WorkerProcess]) -> bool:
    return all([await worker.ready() for worker in workers])


async def not_ready(worker: WorkerProcess) -> bool:
    """The process lives and says that it is not ready."""
    assert worker.process is not None
    assert worker.process.poll() is None
    return await worker.status() == 503


async def in_progress(scene: Scene) -> bool:
    return any(request["rule"] == "fault delay" for request in await scene.model.requests())
