"""The operator: reflectors, kopf and the bus fill a queue; workers look at what is in it."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Never

import kopf
import structlog

from oxy_core.errors import BusError, OxyError
from oxy_core.probes import serving_probes
from oxy_operator.bus import Bus
from oxy_operator.election import Elector
from oxy_operator.errors import LeadershipLostError
from oxy_operator.handlers import make_registry, make_settings
from oxy_operator.kubernetes_api import PODS, Kubernetes, Resource
from oxy_operator.metrics import BUS, DURATION, ERRORS, LEADS, QUEUE, RECONCILES
from oxy_operator.reconcile import Deployment, Reconciler
from oxy_operator.reflector import Reflector
from oxy_operator.settings import OperatorSettings
from oxy_operator.specs.names import MANAGED
from oxy_operator.store import Sink
from oxy_operator.workqueue import WorkQueue

_CANCEL_AGAIN_SECONDS: Final = 0.5

log = structlog.get_logger()


class Operator:
    """All parts of one operator process."""

    def __init__(self, api: Kubernetes, settings: OperatorSettings) -> None:
        """Put the parts together; raises SettingsError when the keys cannot be read."""
        keys = settings.read_keys()
        self._settings = settings
        self._elector = Elector(
            api, namespace=settings.namespace, identity=settings.identity, seconds=settings.lease_seconds
        )
        api = api.writing_while(lambda: self._elector.leads)
        self._queue = WorkQueue()
        self._bus = Bus(
            settings.nats_url,
            credentials=settings.nats_credentials,
            system_credentials=settings.nats_system_credentials,
            keys=keys,
            wanted=self._wanted_settings,
            on_back=self._look_at_all,
            on_state=self._queue.add,
        )
        deployment = Deployment(
            namespace=settings.namespace,
            tenant_image=settings.tenant_image,
            tenant_nats_url=settings.tenant_nats_url,
            access_mode=settings.session_access_mode,
            rotation_seconds=settings.rotation_seconds,
        )
        self._reconciler = Reconciler(api, self._bus, keys, deployment, enqueue=self._queue.add)
        sinks: list[tuple[Resource, Sink]] = [*self._reconciler.applier.children.items(), (PODS, self._reconciler.pods)]
        self._reflectors = [Reflector(api, resource, MANAGED, sink, self._queue.add) for resource, sink in sinks]
        self._kopf_ready = asyncio.Event()
        QUEUE.set_function(lambda: len(self._queue))
        BUS.set_function(lambda: self._bus.present)
        LEADS.set_function(lambda: self._elector.leads)

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; raises LeadershipLostError, or what a part fails with."""
        settings = self._settings
        with serving_probes(settings.probe_host, settings.probe_port, self._not_ready):
            if await self._leads_before_stop():
                try:
                    await self._lead()
                except BaseExceptionGroup as failures:
                    lost = failures.subgroup(LeadershipLostError)
                    raise (failures if lost is None else lost.exceptions[0]) from None
                finally:
                    await self._elector.give_back()
        log.info("operator_stopped")

    async def _leads_before_stop(self) -> bool:
        """Wait until this process leads; return False if it is told to stop before."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks = {asyncio.create_task(self._elector.acquire()), asyncio.create_task(stop.wait())}
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await _cancelled(pending)
        for task in done:
            task.result()
        return not stop.is_set()

    async def _lead(self) -> None:
        """Act until a signal, which kopf handles from here on."""
        async with asyncio.TaskGroup() as tasks:
            hold = tasks.create_task(self._elector.hold(), name="lease")
            background = [tasks.create_task(reflector.run(), name="reflector") for reflector in self._reflectors]
            for reflector in self._reflectors:
                await reflector.synced.wait()
            await self._reconciler.load()
            # Only now: the bus forgets whom it does not find among the instances, and a look that does not know the
            # children would apply all of them again.
            background.append(tasks.create_task(self._bus.run(), name="bus"))
            background += [tasks.create_task(self._work(), name="worker") for _ in range(self._settings.workers)]
            await self._follow_instances(lambda: _cancelled(background))
            await _cancelled([hold])

    async def _follow_instances(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Run kopf until a signal ends it."""
        await kopf.operator(
            registry=make_registry(self._reconciler.resources, self._queue.add, stop),
            settings=make_settings(),
            clusterwide=True,
            standalone=True,
            ready_flag=self._kopf_ready,
        )

    def _not_ready(self) -> str | None:
        if not self._elector.leads:
            return "another operator leads"
        if not all(reflector.synced.is_set() for reflector in self._reflectors):
            return "children are not listed yet"
        return None if self._kopf_ready.is_set() else "instances are not watched yet"

    def _wanted_settings(self) -> set[str]:
        if not self._elector.leads:
            message = "this operator does not lead any more: others may know instances that it does not"
            raise BusError(message)
        return self._reconciler.resources.settings_keys()

    def _look_at_all(self) -> None:
        for key in self._reconciler.resources:
            self._queue.add(key)

    async def _work(self) -> Never:
        """Look at instances for ever; whatever a look raises is logged, counted and tried again."""
        while True:
            key = await self._queue.take()
            RECONCILES.inc()
            try:
                with DURATION.time():
                    again = await self._reconciler.look(key)
            except OxyError as error:
                ERRORS.labels(type(error).__name__).inc()
                seconds = self._queue.failed(key)
                log.warning(
                    "look_failed", namespace=key.namespace, instance=key.name, error=str(error), again=round(seconds, 1)
                )
            except Exception as error:  # a task's edge: one instance's trouble must not end the others'
                ERRORS.labels(type(error).__name__).inc()
                self._queue.failed(key)
                log.exception("look_broken", namespace=key.namespace, instance=key.name)
            else:
                self._queue.succeeded(key)
                if again is not None:
                    self._queue.add_after(key, again)
                elif self._reconciler.resources.get(key) is None:
                    self._queue.forget(key)
            finally:
                self._queue.done(key)


async def _cancelled(tasks: Collection[asyncio.Task[object]]) -> None:
    """Cancel tasks until all have ended.

    Once is not enough: `asyncio.wait_for` before Python 3.12, which nats-py waits with, loses a cancellation that
    meets its result (https://github.com/python/cpython/issues/86296).
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)
