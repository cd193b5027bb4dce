"""The stage of the AI worker's tests: real NATS and PostgreSQL, the scripted model, and stand-ins for pods."""

import asyncio
import functools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
import asyncpg
from aiohttp import web
from forked import ForkedProcess, run_forked
from nats.aio.client import Client
from pydantic import PostgresDsn, SecretStr

from oxy_ai.assistants.fixed_texts import apology
from oxy_ai.assistants.people import People
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.jobs.kinds import AnyJobKind
from oxy_ai.model.client import ModelClient
from oxy_ai.settings import WorkerSettings
from oxy_ai.timezones import Clock, now_utc
from oxy_ai.verticals import Verticals
from oxy_ai.worker import Readiness, Worker
from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import InstanceSettings, MessageSeen
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings, LimitsSettings, MessageQueueSettings, QueuesSettings
from oxy_dev.model.scenario import Scenario
from oxy_dev.model.server import ModelServer
from oxy_dev.pod_double import PodDouble
from oxy_dev.servers import free_port

T = TypeVar("T")

PETSHOP = Path(__file__).parents[3] / "dev/oxy_dev/model/petshop.yaml"
CATALOG = Path(__file__).parents[3] / "examples/petshop-catalog.yaml"
OWNER = "+5511987651111"
CUSTOMER = "+5511912340001"
APOLOGY = apology(People(told=True))
"""Of an instance with an owner and without opening hours."""
INTRODUCTION = "\n\n🤖 Quem responde aqui"
CONNECTIONS = 5
"""Of a worker to the database, at most, where nothing must be quick: it opens all, and each costs 50 ms of CPU."""
PATIENCE = 60
"""Seconds for which something is waited for that takes one or two: a busy machine may stall for twenty."""
PAUSE = 0.03
"""Seconds between two looks: one is often a query, which costs server and test a millisecond or two each."""
SCHEDULES_BEGIN = "alter table schedule_queue alter column due_at set default {}"
"""When the schedules of a new instance are looked at. Unless a worker is told how often to look, they never are: no
report may fall due because a test happens to run at its time of day."""
LEASE_SECONDS = 10
"""In this process, where model, pods and test share the loop with the worker, a lease must outlast its stalls."""


def account(name: str) -> str:
    """An account key as NATS forms it, made of a name."""
    return "A" + (name.upper().replace("-", "").translate(str.maketrans("0189", "ABCD")) + "X" * 55)[:55]


def queues(**message: object) -> QueuesSettings:
    """Queues in which turns are retried soon; `message` changes theirs."""
    return QueuesSettings(message=MessageQueueSettings.model_validate({"backoff_seconds": 0.05} | message))


def settings_of(organization: str, instance: str = "main", **changes: object) -> InstanceSettings:
    """Settings without debounce or a limit per contact, so that answers come at once."""
    values = {
        "organization": organization,
        "instance": instance,
        "account": account(organization + instance),
        "generation": 1,
        "display_name": "Pet Shop Aurora",
        "phone_number": "+5511999990000",
        "timezone": "America/Sao_Paulo",
        "owners": (OWNER,),
        "ai": AiSettings(debounce_seconds=0),
        "limits": LimitsSettings(contact_turns_per_hour=0),
        "queues": queues(),
    }
    return InstanceSettings.model_validate(values | changes)


async def until(condition: Callable[[], Awaitable[T] | T], seconds: float = PATIENCE) -> T:
    """Wait until a condition (plain or async) is true and return its value; raise TimeoutError when the time is up."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    async with asyncio.timeout(seconds):
        # In Python 3.11 what nats-py waits for may swallow the cancellation by which the timeout ends this, and there
        # is only one (`oxy_core.tasks.end_tasks`).
        while clock() < deadline:
            found = condition()
            value: T = await found if isinstance(found, Awaitable) else found
            if value:
                return value
            await asyncio.sleep(PAUSE)
    raise TimeoutError


class FakePod(PodDouble):
    """A tenant pod with customers who write to it. Survives a killed NATS."""

    def receive(self, text: str | None, phone: str = CUSTOMER, **changes: object) -> MessageSeen:
        """A message arrives from a phone."""
        return super().receive(text, phone, **changes)

    def message(self, text: str | None, phone: str = CUSTOMER, **changes: object) -> MessageSeen:
        return super().message(text, phone, **changes)

    def person_writes(self, text: str, phone: str = CUSTOMER, **changes: object) -> MessageSeen:
        """A person of the business writes to a customer, from the phone."""
        own = Jid.of_phone(self.settings.phone_number)
        return self.receive(text, phone, from_me=True, sender=own, push_name=None, **changes)

    def texts_to(self, phone: str) -> list[str]:
        to = Jid.of_phone(phone)
        return [request.text for request in self.sent if request.chat == to and request.text is not None]

    def answers_to(self, phone: str) -> list[str]:
        """The texts to a phone, without what follows the first to a new contact: who answers."""
        return [text.partition(INTRODUCTION)[0] for text in self.texts_to(phone)]

    async def answer_to(self, text: str, phone: str = CUSTOMER, seconds: float = PATIENCE, **changes: object) -> str:
        """Send a text from a phone and wait for the next answer."""
        before = len(self.answers_to(phone))
        self.receive(text, phone, **changes)
        await until(lambda: len(self.answers_to(phone)) > before, seconds)
        return self.answers_to(phone)[before]


@dataclass
class Model:
    """The scripted model server, in this process."""

    base_url: str
    control: str

    async def fault(self, **fault: object) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self.control}/faults", json=fault) as response:
            assert response.status == 201, await response.text()

    async def clear(self) -> None:
        async with aiohttp.ClientSession() as session, session.delete(f"{self.control}/faults") as response:
            assert response.status == 204

    async def script(self, *rules: Mapping[str, object]) -> None:
        """Put rules (`oxy_dev.model.scenario.Rule`) before all others; the newest order comes first."""
        named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
        async with aiohttp.ClientSession() as session, session.post(f"{self.control}/rules", json=named) as response:
            assert response.status == 201, await response.text()

    async def unscript(self) -> None:
        """Go back to the scenario's rules."""
        async with aiohttp.ClientSession() as session, session.delete(f"{self.control}/rules") as response:
            assert response.status == 204

    async def requests(self) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.control}/requests") as response:
            found: list[dict[str, Any]] = await response.json()
            return found

    async def bodies(self) -> list[str]:
        """The newest requests' bodies, byte for byte."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.control}/bodies") as response:
            found: list[str] = await response.json()
            return found


@functools.cache
def petshop() -> Scenario:
    """The scenario of the pet shop; to parse it takes 0.1 s."""
    return Scenario.read(PETSHOP)


@asynccontextmanager
async def running_model(*, echo: bool = False) -> AsyncIterator[Model]:
    runner = web.AppRunner(ModelServer(None if echo else petshop()).application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield Model(f"http://127.0.0.1:{port}/v1", f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


@dataclass
class Scene:
    """Everything around the worker."""

    nats_url: str
    database_url: str
    admin_url: str
    model: Model
    client: Client
    admin_pool: "asyncpg.Pool[asyncpg.Record]"
    """Connections of the superuser, which are kept: to make one takes longer than any of our queries."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def publish(self, settings: InstanceSettings) -> None:
        bucket = await self.client.jetstream().key_value(subjects.INSTANCES_BUCKET)
        await bucket.put(subjects.instance_key(settings.organization, settings.instance), settings.encode())

    async def unpublish(self, settings: InstanceSettings) -> None:
        bucket = await self.client.jetstream().key_value(subjects.INSTANCES_BUCKET)
        await bucket.delete(subjects.instance_key(settings.organization, settings.instance))

    async def pod(self, settings: InstanceSettings, *, published: bool = True) -> FakePod:
        """Publish an instance's settings and start its pod."""
        if published:
            await self.publish(settings)
        pod = FakePod(self.client, settings)
        self.tasks.append(asyncio.create_task(pod.run()))
        return pod

    def settings(self, **changes: object) -> WorkerSettings:
        values: dict[str, object] = {
            "nats_url": self.nats_url,
            "database_url": PostgresDsn(self.database_url),
            "openai_base_url": self.model.base_url,
            "openai_api_key": SecretStr("scripted"),
            "allowed_endpoints": "127.0.0.0/8 localhost",
            "probe_port": 0,
            "lease_seconds": LEASE_SECONDS,
            "context_part_seconds": LEASE_SECONDS,
            "retry_seconds": 0.05,
            "sweep_seconds": 0.2,
            "notice_grouping_seconds": 0.2,
            "notice_sweep_seconds": 0.1,
            "schedules_check_seconds": 3600,
            "retention_check_seconds": 3_600,
        }
        return WorkerSettings.model_validate(values | changes)

    @asynccontextmanager
    async def worker(
        self,
        clock: Clock = now_utc,
        kinds: Sequence[AnyJobKind] = (),
        connections: int = CONNECTIONS,
        **changes: object,
    ) -> AsyncIterator[Worker]:
        """Run a worker inside this process; its assistants go by `clock`, and it does jobs of these `kinds`, too."""
        settings = self.settings(**changes)
        if "schedules_check_seconds" in changes:
            await self.query(SCHEDULES_BEGIN.format("clock_timestamp()"))
        stop = asyncio.Event()
        async with (
            connected_pool(str(settings.database_url), connections=connections) as pool,
            connected(self.nats_url, name="worker") as client,
            asyncio.TaskGroup() as group,
        ):
            model = ModelClient(settings)
            worker = Worker(settings, client, Engine(pool), model, clock)
            worker.add_kinds(*kinds)
            task = group.create_task(worker.run(Readiness(settings.readiness_check_seconds), stop))
            try:
                yield worker
            finally:
                stop.set()
                await asyncio.wait([task])
                await model.close()

    def process(self, **environment: str) -> "WorkerProcess":
        return WorkerProcess(self, environment)

    async def query(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Query as the superuser, whom row-level security does not bind."""
        return await self.admin_pool.fetch(sql, *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 whatever the query selects
        return (await self.query(sql, *arguments))[0][0]

    async def known(self, settings: InstanceSettings) -> None:
        """Wait until the workers know an instance."""
        key = instance_id(settings.organization, settings.instance)
        await until(lambda: self.query("select from instances where id = $1", key))

    async def apply_catalog(self, organization: str, text: str | None = None) -> None:
        key = organization_id(organization)
        async with (
            connected_pool(self.database_url, connections=1) as pool,
            organization_transaction(pool, key) as connection,
        ):
            vertical = Verticals().named("petshop")
            await vertical.apply_catalog(connection, key, organization, text or CATALOG.read_text())

    def admin(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """What a command of administrators ends with."""
        return run_forked("oxy_ai.admin", arguments, self._environment(environment), stdin)

    def admin_process(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """The same, as people start it."""
        return subprocess.run(
            [sys.executable, "-m", "oxy_ai.admin", *arguments],
            env=self._environment(environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "OXY_NATS_URL": self.nats_url, "OXY_DATABASE_URL": self.database_url, **changes}


def admin_connections(url: str, *, kept: bool = True) -> "asyncpg.Pool[asyncpg.Record]":
    """Connections of the superuser, made when they are needed; not kept: a new one for each query.

    No statement stays prepared: tests change tables and functions.
    """
    return asyncpg.create_pool(url, min_size=0, max_size=10, max_queries=50_000 if kept else 1, statement_cache_size=0)


@dataclass
class WorkerProcess:
    """``python -m oxy_ai`` as a process of its own, forked from one that has imported it."""

    scene: Scene
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    process: ForkedProcess | None = None

    def start(self) -> None:
        environment = {
            "OXY_NATS_URL": self.scene.nats_url,
            "OXY_DATABASE_URL": self.scene.database_url,
            "OXY_OPENAI_BASE_URL": self.scene.model.base_url,
            "OXY_OPENAI_API_KEY": "scripted",
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(self.port),
            "OXY_LEASE_SECONDS": "2",
            "OXY_RETRY_SECONDS": "0.05",
            "OXY_SWEEP_SECONDS": "0.2",
            "OXY_NOTICE_GROUPING_SECONDS": "0.2",
            "OXY_NOTICE_SWEEP_SECONDS": "0.1",
            "OXY_LOG_LEVEL": "error",
        }
        self.process = ForkedProcess("oxy_ai", os.environ | environment | self.environment)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=60)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def ready(self) -> bool:
        return await self.status() == 200

    async def status(self) -> int | None:
        """HTTP status of the readiness probe; None while nobody answers."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/readyz") as response,
            ):
                return response.status
        except aiohttp.ClientError:
            return None


def org(settings: InstanceSettings) -> UUID:
    return organization_id(settings.organization)
