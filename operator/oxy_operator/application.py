"""The operator's process: reflectors, kopf and the bus fill a work queue; workers reconcile its keys."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Never

import structlog

from oxy_core.early_signals import STOPPING
from oxy_core.errors import BusError, OxyError
from oxy_core.model_keys import entry_name
from oxy_core.probes import serving_probes
from oxy_core.tasks import end_tasks
from oxy_operator.act import Actor
from oxy_operator.bus.connection import Bus
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.observed import Deployment
from oxy_operator.decide.specs.metadata import MANAGED
from oxy_operator.errors import LeadershipLostError
from oxy_operator.kube.applier import Applier
from oxy_operator.kube.cache import ClusterCache, Sink
from oxy_operator.kube.client import Kubernetes
from oxy_operator.kube.client_refusals import ClientRefusals
from oxy_operator.kube.election import Elector
from oxy_operator.kube.event_recorder import EventRecorder
from oxy_operator.kube.freeze_record import FREEZE_RECORDS, FreezeStore
from oxy_operator.kube.instance_watch import InstanceWatch
from oxy_operator.kube.instance_writer import InstanceWriter
from oxy_operator.kube.key_store import KEY_STORES, KeyStore
from oxy_operator.kube.reflector import Reflector
from oxy_operator.kube.secret_reads import SecretReads
from oxy_operator.metrics import BUS, DURATION, ERRORS, LEADS, QUEUE, RECONCILES
from oxy_operator.objects import CONFIG_MAPS, METADATA_ONLY, PODS, SECRETS, Key, Kind
from oxy_operator.observe import Observer
from oxy_operator.ownership.arbitration import Ownership
from oxy_operator.reconcile import Reconciler
from oxy_operator.settings import OperatorSettings
from oxy_operator.workqueue import WorkQueue

log = structlog.get_logger()


class Operator:
    """One operator process."""

    def __init__(self, api: Kubernetes, settings: OperatorSettings) -> None:
        """Wire up the parts; raises SettingsError if the keys cannot be read."""
        keys = settings.read_keys()
        self._settings = settings
        self._elector = Elector(
            api, namespace=settings.namespace, identity=settings.identity, seconds=settings.lease_seconds
        )
        api = api.writing_while(lambda: self._elector.leads)
        self._queue = WorkQueue()
        self._cache = ClusterCache()
        self._freezes = FreezeStore(settings.namespace, self._enqueue_all)
        self._bus = self._make_bus(keys)
        self._ownership = Ownership(api, settings.namespace, self._cache)
        self._keys = KeyStore(api, settings.namespace, settings.secret_prefix, self._enqueue_existing)
        self._refusals = ClientRefusals(api, settings.namespace, self._enqueue_all)
        self._secrets = SecretReads(self._enqueue_existing)
        self._reconciler = self._make_reconciler(api, keys)
        self._reflectors = self._make_reflectors(api)
        self._instances = InstanceWatch(api, self._cache.instances, self._queue.add)
        self._prepared = asyncio.Event()
        QUEUE.set_function(lambda: len(self._queue))
        BUS.set_function(lambda: self._bus.present)
        LEADS.set_function(lambda: self._elector.leads)

    def _make_bus(self, keys: PlatformKeys) -> Bus:
        return Bus(
            self._settings.nats_url,
            credentials=self._settings.nats_credentials,
            system_credentials=self._settings.nats_system_credentials,
            keys=keys,
            wanted=self._wanted_settings,
            on_connected=self._enqueue_all,
            on_away=self._enqueue_all,
            on_state=self._queue.add,
            freeze_of=self._freezes.of,
            restoring=self._cache.restoring,
            replicas=self._settings.nats_replicas,
        )

    def _make_reconciler(self, api: Kubernetes, keys: PlatformKeys) -> Reconciler:
        settings, cache = self._settings, self._cache
        writer = InstanceWriter(api, cache.instances)
        observer = Observer(
            api,
            cache,
            self._bus,
            self._ownership,
            reads=self._secrets,
            freezes=self._freezes,
            keys=keys,
            refusals=self._refusals,
            rotation_seconds=settings.rotation_seconds,
            clock=time.time,
        )
        return Reconciler(
            cache.instances,
            observer,
            Actor(
                cache,
                Applier(api, cache),
                writer,
                self._bus,
                ownership=self._ownership,
                keys=self._keys,
                refusals=self._refusals,
            ),
            writer,
            EventRecorder(api, settings.identity),
            deployment=Deployment(
                tenant_image=settings.tenant_image,
                tenant_nats_url=settings.tenant_nats_url,
                access_mode=settings.session_access_mode,
                endpoints=settings.endpoint_rules,
            ),
            enqueue=self._queue.add,
        )

    def _make_reflectors(self, api: Kubernetes) -> list[Reflector]:
        sinks: list[tuple[Kind, Sink]] = [*self._cache.children.items(), (PODS, self._cache.pods)]
        enqueue = self._enqueue_existing
        children = [
            Reflector(api, kind, MANAGED, sink, enqueue, metadata_only=kind in METADATA_ONLY) for kind, sink in sinks
        ]
        # Tenants label their own Secrets as they like, so all are watched, but nothing is learnt of what they hold.
        named = Reflector(api, SECRETS, "", self._secrets, enqueue, metadata_only=True)
        freezes = Reflector(api, CONFIG_MAPS, FREEZE_RECORDS, self._freezes, enqueue)
        return [*children, named, freezes, Reflector(api, SECRETS, KEY_STORES, self._keys, enqueue)]

    def _enqueue_existing(self, key: Key) -> None:
        """Enqueue an instance one of whose objects changed; what seems to belong to one that does not exist is left."""
        if self._cache.instances.get(key) is not None:
            self._queue.add(key)

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises LeadershipLostError, or an exception group if a part crashes."""
        settings, loop, stop = self._settings, asyncio.get_running_loop(), asyncio.Event()
        for number in STOPPING:
            loop.add_signal_handler(number, stop.set)
        with serving_probes(settings.probe_host, settings.probe_port, self._not_ready):
            if await self._wait_to_lead(stop):
                try:
                    await self._lead(stop)
                except BaseExceptionGroup as failures:
                    # Raised alone, `__main__` tells it from a crash.
                    lost = failures.subgroup(LeadershipLostError)
                    raise (failures if lost is None else lost.exceptions[0]) from None
                finally:
                    await self._elector.release()
        log.info("operator_stopped")

    async def _wait_to_lead(self, stop: asyncio.Event) -> bool:
        """Wait until this process leads; return False if a signal arrives first."""
        tasks = {asyncio.create_task(self._elector.acquire()), asyncio.create_task(stop.wait())}
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await end_tasks(*pending)
        for task in done:
            task.result()
        return not stop.is_set()

    async def _lead(self, stop: asyncio.Event) -> None:
        """Reconcile until a signal arrives; kopf handles those that have not arrived before it runs."""
        async with asyncio.TaskGroup() as tasks:
            hold = tasks.create_task(self._elector.hold(), name="lease")
            background = [tasks.create_task(reflector.run(), name="reflector") for reflector in self._reflectors]
            background.append(tasks.create_task(self._prepare(), name="preparation"))
            background.append(tasks.create_task(self._when_prepared(self._bus.run), name="bus"))
            background.append(tasks.create_task(self._when_prepared(self._bus.absence.watch), name="bus watch"))
            background.append(tasks.create_task(self._when_prepared(self._tell_freezes), name="freezes"))
            background += [
                tasks.create_task(self._when_prepared(self._work), name="worker") for _ in range(self._settings.workers)
            ]
            await self._instances.run(lambda: end_tasks(*background), stop)
            # Keep the lease until everything that writes has ended.
            await end_tasks(hold)

    async def _prepare(self) -> None:
        """Wait until the caches are full, then load who owns what. Raises ApiError."""
        for reflector in self._reflectors:
            await reflector.synced.wait()
        await self._instances.until_listed()
        await self._ownership.load()
        await self._refusals.load()
        await self._keys.sweep({entry_name(*name) for name in self._cache.instances.names()})
        self._prepared.set()

    async def _when_prepared(self, run: Callable[[], Awaitable[None]]) -> None:
        # With half-filled caches the bus would forget instances missing from them, a number could go to the wrong one
        # of two instances, and every child not yet cached would be applied again.
        await self._prepared.wait()
        await run()

    def _not_ready(self) -> str | None:
        if not self._elector.leads:
            return "another operator leads"
        if not all(reflector.synced.is_set() for reflector in self._reflectors):
            return "children are not listed yet"
        return None if self._instances.started.is_set() and self._prepared.is_set() else "instances are not listed yet"

    def _wanted_settings(self) -> dict[str, set[str]]:
        if not self._elector.leads:
            message = "this operator no longer leads; its list of instances may be out of date"
            raise BusError(message)
        return self._cache.instances.settings_keys()

    def _enqueue_all(self) -> None:
        for key in self._cache.instances:
            self._queue.add(key)

    async def _tell_freezes(self) -> Never:
        """Tell the pods at once what changes of the freezes, until cancelled; each heartbeat shows who was not told."""
        while True:
            await self._freezes.changed.wait()
            self._freezes.changed.clear()
            await self._bus.tell_freezes()

    async def _work(self) -> Never:
        """Reconcile instances until cancelled."""
        while True:
            key = await self._queue.take()
            RECONCILES.inc()
            try:
                await self._reconcile(key)
            finally:
                self._queue.done(key)

    async def _reconcile(self, key: Key) -> None:
        """Reconcile one instance; log and count any error, and requeue with back-off."""
        try:
            with DURATION.time():
                requeue_after = await self._reconciler.reconcile(key)
        except OxyError as error:
            ERRORS.labels(type(error).__name__).inc()
            seconds = round(self._queue.failed(key), 1)
            log.warning(
                "reconcile_failed", namespace=key.namespace, instance=key.name, error=str(error), requeue_after=seconds
            )
        except Exception as error:  # the edge of a task: a fault in one instance must not stop the others
            ERRORS.labels(type(error).__name__).inc()
            self._queue.failed(key)
            log.exception("reconcile_crashed", namespace=key.namespace, instance=key.name)
        else:
            self._queue.succeeded(key)
            if requeue_after is not None:
                self._queue.add_after(key, requeue_after)
            elif self._cache.instances.get(key) is None:
                self._queue.forget(key)
