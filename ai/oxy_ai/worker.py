"""The AI worker: its parts, its readiness, its end."""

import asyncio
import contextlib
import os
import signal
from typing import Final
from uuid import uuid4

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from oxy_ai.database import SCHEMA_VERSION, Engine, connected_pool
from oxy_ai.ingest import Ingest
from oxy_ai.instances import InstanceFollower
from oxy_ai.model import ModelClient
from oxy_ai.outages import is_outage, supervised
from oxy_ai.petshop import PetShop
from oxy_ai.relay import Relay
from oxy_ai.settings import WorkerSettings
from oxy_ai.turns import TurnDispatcher, TurnRunner
from oxy_core.bus import connected
from oxy_core.probes import serving_probes
from oxy_core.subjects import WORK_HINT

_CHECK_SECONDS: Final = 1.0
_EXTRA_CONNECTIONS: Final = 8
"""Beyond one a turn: ingest, settings, relays, leases, readiness."""

log = structlog.get_logger()


class Readiness:
    """Why the worker is not ready, or None; kept current by `watch`, read by the probe server's thread."""

    def __init__(self, client: Client, engine: Engine) -> None:
        self._client = client
        self._engine = engine
        self.problem: str | None = "starting"

    async def watch(self) -> None:
        """Look once a second, for ever."""
        while True:
            problem = await self._problem()
            if problem != self.problem:
                self.problem = problem
                log.info("readiness_changed", ready=problem is None, problem=problem)
            await asyncio.sleep(_CHECK_SECONDS)

    async def until_schema(self) -> None:
        """Wait until the database has at least this version's schema."""
        while True:
            with contextlib.suppress(Exception):
                if await self._engine.schema_version() >= SCHEMA_VERSION:
                    return
            await asyncio.sleep(_CHECK_SECONDS / 2)

    async def _problem(self) -> str | None:
        if not self._client.is_connected:
            return "NATS is not reachable"
        try:
            version = await self._engine.schema_version()
        except Exception as error:  # noqa: BLE001 any failure is the answer
            cause = "is not reachable" if is_outage(error) else "refuses queries"
            return f"PostgreSQL {cause}: {str(error) or type(error).__name__}"
        if version < SCHEMA_VERSION:
            return f"the schema is version {version}, needed is {SCHEMA_VERSION}: run python -m oxy_ai.migrate"
        return None


class Worker:
    """All parts of one worker process, wired together."""

    def __init__(self, settings: WorkerSettings, client: Client, engine: Engine, model: ModelClient) -> None:
        self._settings = settings
        self._client = client
        self._name = uuid4().hex.encode()
        settings_changed = asyncio.Event()
        self.readiness = Readiness(client, engine)
        self._relay = Relay(client, engine, settings)
        runner = TurnRunner(engine, model, PetShop(), settings)
        self._dispatcher = TurnDispatcher(engine, runner, settings, self._relay.hint)
        self._follower = InstanceFollower(client, engine, settings_changed)
        self._ingest = Ingest(client, engine, settings_changed, self._tell_all)
        self._hints: asyncio.Queue[None] = asyncio.Queue(maxsize=1)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then end the turns in flight, within the drain time."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.readiness.watch(), name="readiness")]
            working = group.create_task(self._work(), name="work")
            await stop.wait()
            log.info("worker_stopping")
            self.readiness.problem = "stopping"
            tasks[0].cancel()
            self._dispatcher.stop()
            await self._drained(working)
            working.cancel()

    async def _work(self) -> None:
        await self.readiness.until_schema()
        log.info("worker_started")
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(supervised("settings", self._follower.run), name="settings"),
                group.create_task(supervised("ingest", self._ingest.run), name="ingest"),
                group.create_task(supervised("relay", self._relay.run), name="relay"),
                group.create_task(supervised("hints", self._exchange_hints), name="hints"),
            ]
            await self._dispatcher.run()
            await self._relay.until_idle()
            for task in background:
                task.cancel()

    async def _drained(self, working: asyncio.Task[None]) -> None:
        _, pending = await asyncio.wait([working], timeout=self._settings.drain_seconds)
        if pending:
            log.warning("drain_incomplete", seconds=self._settings.drain_seconds)

    def _tell_all(self) -> None:
        """Something was stored: look at the queue here at once, and in the other workers soon."""
        self._dispatcher.hint()
        with contextlib.suppress(asyncio.QueueFull):
            self._hints.put_nowait(None)

    async def _exchange_hints(self) -> None:
        async def on_hint(message: Msg) -> None:
            if message.data != self._name:
                self._dispatcher.hint()

        hints = await self._client.subscribe(WORK_HINT, cb=on_hint)
        try:
            while True:
                await self._hints.get()
                await self._client.publish(WORK_HINT, self._name)
        finally:
            await hints.unsubscribe()


async def run_worker(settings: WorkerSettings) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    name = f"oxy-ai {os.uname().nodename} {os.getpid()}"
    async with (
        connected_pool(str(settings.database_url), connections=settings.concurrency + _EXTRA_CONNECTIONS) as pool,
        connected(settings.nats_url, settings.nats_credentials, name=name) as client,
    ):
        model = ModelClient(
            settings.openai_base_url, settings.openai_api_key.get_secret_value(), settings.model_timeout_seconds
        )
        worker = Worker(settings, client, Engine(pool), model)
        with serving_probes(settings.probe_host, settings.probe_port, lambda: worker.readiness.problem) as port:
            log.info("probes_served", port=port)
            await worker.run(stop)
        await model.close()
    log.info("worker_stopped")
