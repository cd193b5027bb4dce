"""The AI worker: wiring, readiness, shutdown."""

import asyncio
import contextlib
import os
from uuid import uuid4

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from oxy_ai.automations.kind import AutomationJobs
from oxy_ai.automations.planner import Planner
from oxy_ai.campaigns.campaign_text import CampaignText
from oxy_ai.database import SCHEMA_VERSION, connected_pool
from oxy_ai.engine.bus_clock import BusClock
from oxy_ai.engine.clock_watch import watch_clock
from oxy_ai.engine.database_watch import DatabaseWatch
from oxy_ai.engine.dead_letter_watch import watch_dead_letters
from oxy_ai.engine.file_keeper import FileKeeper
from oxy_ai.engine.file_service import FileService
from oxy_ai.engine.ingest import Ingest, NewsHints
from oxy_ai.engine.instances import InstanceFollower
from oxy_ai.engine.job_dispatcher import JobDispatcher
from oxy_ai.engine.job_runner import JobRunner
from oxy_ai.engine.ledger import watch_ledger
from oxy_ai.engine.media_reader import MediaReader
from oxy_ai.engine.metered_model import MeteredModel
from oxy_ai.engine.notices import OwnerNotices
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.engine.overlay_watch import watch_overlays
from oxy_ai.engine.parked_reports import ParkedReports
from oxy_ai.engine.perceiving import Perception
from oxy_ai.engine.promise_watch import watch_promises
from oxy_ai.engine.proposal_watch import watch_proposals
from oxy_ai.engine.readings import ReadingTable
from oxy_ai.engine.relay import Relay
from oxy_ai.engine.replay_watch import watch_replays
from oxy_ai.engine.store import Engine
from oxy_ai.engine.storing import ReportStore
from oxy_ai.engine.turn_dispatcher import TurnDispatcher
from oxy_ai.engine.turn_runner import TurnRunner
from oxy_ai.erasures.erasing import Erasing
from oxy_ai.erasures.table import ErasureTable
from oxy_ai.erasures.watch import ErasureWatch
from oxy_ai.events.publishing import EventPublisher
from oxy_ai.jobs.kinds import AnyJobKind
from oxy_ai.jobs.probe import Probe
from oxy_ai.jobs.table import JobTable
from oxy_ai.media.library import FileLibrary
from oxy_ai.model.client import ModelClient
from oxy_ai.retention.sweeper import RetentionSweeper
from oxy_ai.retention.table import RetentionTable
from oxy_ai.schedules.kinds import report_kinds
from oxy_ai.schedules.planner import watch_schedules
from oxy_ai.settings import WorkerSettings
from oxy_ai.timezones import Clock, now_utc
from oxy_ai.verticals import Verticals
from oxy_core.bus import connected
from oxy_core.early_signals import STOPPING
from oxy_core.heap import keep_loaded_objects
from oxy_core.probes import serving_probes
from oxy_core.subjects import WORK_HINT
from oxy_core.tasks import end_tasks, supervised, wait_for

log = structlog.get_logger()


class Readiness:
    """Why the worker is not ready (`problem`); None: ready. `watch` updates it, the probe server's thread reads it."""

    def __init__(self, check_seconds: float) -> None:
        self.problem: str | None = "NATS is not reachable"
        self._check_seconds = check_seconds

    def stop(self) -> None:
        """Report not ready until the process ends."""
        self.problem = "stopping"

    async def watch(self, client: Client, engine: Engine) -> None:
        """Check at intervals until cancelled."""
        while True:
            problem = await _problem(client, engine)
            if problem != self.problem:
                self.problem = problem
                log.info("readiness_changed", ready=problem is None, problem=problem)
            await asyncio.sleep(self._check_seconds)


async def _problem(client: Client, engine: Engine) -> str | None:
    if not client.is_connected:
        return "NATS is not reachable"
    try:
        version = await engine.schema_version()
    except Exception as error:  # noqa: BLE001 any failure is the answer
        return f"PostgreSQL does not serve: {str(error) or type(error).__name__}"
    if version < SCHEMA_VERSION:
        return f"the schema has version {version}, but this worker needs {SCHEMA_VERSION}: run python -m oxy_ai.migrate"
    return None


def job_kinds(model: MeteredModel, library: FileLibrary, verticals: Verticals) -> tuple[AnyJobKind, ...]:
    """Return the kinds of jobs that every worker does."""
    automations = AutomationJobs(verticals.named)
    return (Probe(), *report_kinds(model, library), automations, CampaignText(verticals.audience_of))


def _report_unless_outage(error: Exception) -> None:
    if is_outage(error):
        raise error
    report_failure("automations", error)


class Worker:
    """All parts of one worker process, wired together."""

    def __init__(
        self, settings: WorkerSettings, client: Client, engine: Engine, model: ModelClient, clock: Clock = now_utc
    ) -> None:
        """`clock` is the one that `TurnRunner` goes by."""
        self._settings = settings
        self._client = client
        self._engine = engine
        self._name = uuid4().hex.encode()
        self._relay = Relay(client, engine, settings)
        self._notices = OwnerNotices(engine, settings, self._relay.hint)
        verticals = Verticals()
        runner = TurnRunner(engine, model, verticals.named, settings, clock)
        self._dispatcher = TurnDispatcher(engine, runner, settings, self._relay.hint)
        metered, library = MeteredModel(engine, model), FileLibrary(engine.pool, settings)
        table = JobTable(engine.pool)
        self._job_runner = JobRunner(table, job_kinds(metered, library, verticals), settings, clock)
        self._jobs = JobDispatcher(engine, table, self._job_runner, settings)
        self._planner = Planner(engine.pool, verticals.named, settings, _report_unless_outage)
        bus_clock = BusClock(client, settings.bus_clock_seconds)
        store = ReportStore(engine, bus_clock, settings, verticals.see_emergency)
        self._parked = ParkedReports(client, engine, settings, store, self._hint_all)
        self._follower = InstanceFollower(client, engine, settings, self._on_settings)
        self._database = DatabaseWatch(client, engine, settings, self._follower.reread)
        self._reader = MediaReader(
            ReadingTable(engine.pool, library),
            Perception(metered),
            settings,
            verticals.see_emergency,
            self._hint_all,
        )
        self._files = FileKeeper(client, library, settings, self._reader.hint)
        self._ingest = Ingest(client, engine, settings, store, NewsHints(self._hint_all, self._files.hint))
        self._file_service = FileService(client, library)
        self._erasures = ErasureWatch(Erasing(client, ErasureTable(engine.pool), library), settings)
        self._events = EventPublisher(client, engine.pool, settings)
        self._retention = RetentionSweeper(RetentionTable(engine.pool), settings, clock)
        self._hints: asyncio.Queue[None] = asyncio.Queue(maxsize=1)

    def add_kinds(self, *kinds: AnyJobKind) -> None:
        """Do jobs of further kinds."""
        self._job_runner.add_kinds(*kinds)

    async def run(self, readiness: Readiness, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain: let the turns in flight end within `drain_seconds`."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(readiness.watch(self._client, self._engine), name="readiness")
            group.create_task(self._work(stop), name="work")
            await stop.wait()
            log.info("worker_stopping")
            await end_tasks(watching)
            readiness.stop()

    async def _work(self, stop: asyncio.Event) -> None:
        while await _problem(self._client, self._engine) is not None or not await self._compared():
            if await wait_for(stop, self._settings.readiness_check_seconds / 2):
                return
        keep_loaded_objects()
        log.info("worker_started")
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(supervised("settings", self._follower.run, report_failure), name="settings"),
                group.create_task(supervised("ingest", self._ingest.run, report_failure), name="ingest"),
                group.create_task(supervised("parked", self._parked.run, report_failure), name="parked"),
                group.create_task(supervised("relay", self._relay.run, report_failure), name="relay"),
                group.create_task(supervised("notices", self._notices.run, report_failure), name="notices"),
                group.create_task(supervised("files", self._files.run, report_failure), name="files"),
                group.create_task(supervised("readings", self._reader.run, report_failure), name="readings"),
                group.create_task(
                    supervised("file_service", self._file_service.run, report_failure), name="file_service"
                ),
                group.create_task(supervised("ledger", self._watch_ledger, report_failure), name="ledger"),
                group.create_task(supervised("clock", self._watch_clock, report_failure), name="clock"),
                group.create_task(supervised("dead_letters", self._watch_letters, report_failure), name="dead_letters"),
                group.create_task(supervised("replays", self._watch_replays, report_failure), name="replays"),
                group.create_task(supervised("promises", self._watch_promises, report_failure), name="promises"),
                group.create_task(supervised("overlays", self._watch_overlays, report_failure), name="overlays"),
                group.create_task(supervised("automations", self._planner.run, report_failure), name="automations"),
                group.create_task(supervised("proposals", self._watch_proposals, report_failure), name="proposals"),
                group.create_task(supervised("schedules", self._watch_schedules, report_failure), name="schedules"),
                group.create_task(supervised("erasures", self._erasures.run, report_failure), name="erasures"),
                group.create_task(supervised("events", self._events.run, report_failure), name="events"),
                group.create_task(supervised("database", self._database.run, report_failure), name="database"),
                group.create_task(supervised("retention", self._retention.run, report_failure), name="retention"),
                group.create_task(supervised("hints", self._exchange_hints, report_failure), name="hints"),
            ]
            answering = group.create_task(self._answer(), name="answering")
            await stop.wait()
            self._dispatcher.stop()
            self._jobs.stop()
            _, pending = await asyncio.wait([answering], timeout=self._settings.drain_seconds)
            if pending:
                log.warning("drain_incomplete", seconds=self._settings.drain_seconds)
            # Not by cancelling this task: its group would cancel each part once, and a part may swallow that.
            await end_tasks(answering, *background)

    async def _answer(self) -> None:
        """Run turns and jobs until told to stop; return once those in flight have ended and their texts are sent."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.run())
            group.create_task(self._jobs.run())
        await self._relay.until_idle()

    async def _compared(self) -> bool:
        """Whether the database is the one that was served last, or turns know that they must wait."""
        try:
            await self._database.compare()
        except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
            report_failure("database", error)
            return False
        return True

    async def _watch_ledger(self) -> None:
        await watch_ledger(self._engine, self._settings)

    async def _watch_clock(self) -> None:
        await watch_clock(self._engine, self._settings)

    async def _watch_replays(self) -> None:
        await watch_replays(self._engine, self._settings, self._hint_all)

    async def _watch_promises(self) -> None:
        await watch_promises(self._engine, self._settings)

    async def _watch_overlays(self) -> None:
        await watch_overlays(self._engine, self._settings, self._on_settings)

    async def _watch_proposals(self) -> None:
        await watch_proposals(self._engine, self._settings, self._relay.hint)

    async def _watch_schedules(self) -> None:
        await watch_schedules(self._engine.pool, self._settings)

    async def _watch_letters(self) -> None:
        await watch_dead_letters(self._client, self._engine, self._settings)

    def _on_settings(self) -> None:
        """Try again what waits for settings, because some have arrived: reports and turns."""
        self._ingest.retry_held()
        self._parked.retry()
        self._hint_all()

    def _hint_all(self) -> None:
        """Wake the dispatcher here and, by a hint on the bus, those of other workers: a message was stored."""
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
    """Run a worker until SIGTERM or SIGINT, which also end its wait for NATS and PostgreSQL at startup."""
    stop = asyncio.Event()
    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    readiness = Readiness(settings.readiness_check_seconds)
    with serving_probes(settings.probe_host, settings.probe_port, lambda: readiness.problem) as port:
        log.info("probes_served", port=port)
        connected_to_bus = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(settings, readiness, stop, connected_to_bus))
            stopped = group.create_task(stop.wait())
            await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not connected_to_bus.is_set():
                await end_tasks(serving)
            stopped.cancel()
    log.info("worker_stopped")


async def _serve(
    settings: WorkerSettings, readiness: Readiness, stop: asyncio.Event, connected_to_bus: asyncio.Event
) -> None:
    at_once = settings.concurrency + settings.automation_jobs + settings.campaign_jobs
    connections = at_once + settings.database_spare_connections
    name = f"oxy-ai {os.uname().nodename} {os.getpid()}"
    async with (
        connected_pool(
            str(settings.database_url),
            connections=connections,
            prepared_statements=settings.database_prepared_statements,
        ) as pool,
        connected(settings.nats_url, settings.nats_credentials, name=name) as client,
    ):
        connected_to_bus.set()
        model = ModelClient(settings)
        try:
            await Worker(settings, client, Engine(pool), model).run(readiness, stop)
        finally:
            await model.close()
