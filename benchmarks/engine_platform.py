"""NATS, PostgreSQL, the model and any number of workers, with doubles of tenant pods in this process."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
from nats.aio.client import Client

from oxy_ai.migrate import migrate
from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import InstanceSettings
from oxy_core.instance.settings import AiSettings, LimitsSettings
from oxy_core.jetstream import ensure_streams
from oxy_core.tasks import end_tasks
from oxy_dev.environment import TIRELESS
from oxy_dev.pod_double import PodDouble
from oxy_dev.postgres import PostgresServer
from oxy_dev.programs import Program
from oxy_dev.servers import NatsServer, free_port, is_listening

READY_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 300.0
PASSWORD: Final = "engine"  # noqa: S105 a database that lives as long as this process


@dataclass
class Platform:
    """Everything that answers, under one folder."""

    folder: Path
    nats: NatsServer
    postgres: PostgresServer
    model_port: int
    client: Client
    pods: list[PodDouble] = field(default_factory=list)
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    async def add_tenants(self, prefix: str, count: int, ai: AiSettings) -> list[PodDouble]:
        """Make new instances known and start their pods."""
        return await self.add_pods([tenant(f"{prefix}-{number}", ai) for number in range(count)])

    async def add_pods(self, settings: Sequence[InstanceSettings]) -> list[PodDouble]:
        """Make instances known and start their pods."""
        pods = [PodDouble(self.client, one) for one in settings]
        for pod in pods:
            await self.publish(pod.settings)
            self._running.append(asyncio.create_task(pod.run()))
        self.pods += pods
        return pods

    async def publish(self, settings: InstanceSettings) -> None:
        """Make an instance known, or change its settings."""
        bucket = await self.client.jetstream().key_value(subjects.INSTANCES_BUCKET)
        await bucket.put(subjects.instance_key(settings.organization, settings.instance), settings.encode())

    async def delay_model(self, seconds: float) -> None:
        """Let the model answer after `seconds` from now on."""
        fault = {"kind": "delay", "seconds": seconds, "times": None}
        url = f"http://127.0.0.1:{self.model_port}/faults"
        async with aiohttp.ClientSession() as session:
            await session.delete(url)
            if seconds:
                await session.post(url, json=fault)

    @asynccontextmanager
    async def workers(self, count: int, environment: Mapping[str, str]) -> AsyncIterator[list[Program]]:
        """Run worker processes that are ready and know all instances."""
        workers = [self._worker(number, environment) for number in range(count)]
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                await _ready(worker)
            await self.until("select count(*) from instances", len(self.pods))
            yield workers
        finally:
            for worker in workers:
                worker.stop()

    def _worker(self, number: int, environment: Mapping[str, str]) -> Program:
        settings = {
            "OXY_NATS_URL": self.nats.url,
            "OXY_DATABASE_URL": self.postgres.url("oxy", user="oxy_app", password=PASSWORD),
            "OXY_OPENAI_BASE_URL": f"http://127.0.0.1:{self.model_port}/v1",
            "OXY_OPENAI_API_KEY": "scripted",
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(free_port()),
            "OXY_LOG_LEVEL": "warning",
            "OXY_TURNS_PER_SECOND": "0",
            "OXY_TURNS_EACH": "0",
            **TIRELESS,
        }
        return Program(
            f"worker-{number}", [sys.executable, "-m", "oxy_ai"], self.folder / "logs", settings | dict(environment)
        )

    async def query(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Query as the superuser."""
        connection = await asyncpg.connect(self.postgres.url("oxy"))
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    async def until(self, sql: str, count: int) -> None:
        """Wait until a query counts to `count`."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (await self.query(sql))[0][0] < count:
            if time.monotonic() > deadline:
                message = f"not within {WAIT_SECONDS:.0f} s: {count} from {sql}"
                raise TimeoutError(message)
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop the pods."""
        await end_tasks(*self._running)


def tenant(name: str, ai: AiSettings) -> InstanceSettings:
    """Return the settings of an organization's only instance."""
    return InstanceSettings(
        organization=name,
        instance="main",
        account=f"A{name.upper().replace('-', ''):X<55}",
        generation=1,
        display_name="Pet Shop Aurora",
        phone_number="+5511999990000",
        timezone="America/Sao_Paulo",
        ai=ai,
        limits=LimitsSettings(contact_turns_per_hour=0),
    )


async def _ready(worker: Program) -> None:
    port = worker.environment["OXY_PROBE_PORT"]
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:  # noqa: PLR2004 HTTP's OK
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    message = f"{worker.name} was not ready in time:\n{worker.tail()}"
    raise TimeoutError(message)


@asynccontextmanager
async def running_platform(folder: Path) -> AsyncIterator[Platform]:
    """Start the servers and the model, which repeats what it is told."""
    nats, postgres, port = NatsServer(folder / "nats"), PostgresServer(folder / "postgres"), free_port()
    command = [sys.executable, "-m", "oxy_dev.model", "--port", str(port), "--echo"]
    model = Program("model", command, folder / "logs")
    nats.start()
    postgres.start()
    model.start()
    try:
        await asyncio.to_thread(migrate, postgres.url("oxy"), PASSWORD)
        await model.wait_until(lambda: is_listening(port), READY_SECONDS)
        async with connected(nats.url, name="benchmark") as client:
            await ensure_streams(client.jetstream())
            platform = Platform(folder, nats, postgres, port, client)
            try:
                yield platform
            finally:
                await platform.close()
    finally:
        model.stop()
        postgres.stop()
        nats.stop()
