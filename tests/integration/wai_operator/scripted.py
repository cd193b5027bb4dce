"""One reconciler in the test's own process, before an API server that does what the test says.

A real API server cannot be made to answer late or with an error at a certain request.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from kubernetes.aio.client import Configuration
from unit.wai_operator.making import UID, Json, deployment, pod_object, resource

from oxy_core.instance.custom_resource import INSTANCE_LABEL
from oxy_dev.servers import free_port
from oxy_operator.act import Actor
from oxy_operator.bus.connection import Bus
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.kube.applier import Applier
from oxy_operator.kube.cache import ClusterCache
from oxy_operator.kube.client import connected
from oxy_operator.kube.client_refusals import ClientRefusals
from oxy_operator.kube.event_recorder import EventRecorder
from oxy_operator.kube.freeze_record import FreezeStore
from oxy_operator.kube.instance_writer import InstanceWriter
from oxy_operator.kube.key_store import KeyStore
from oxy_operator.kube.secret_reads import SecretReads
from oxy_operator.objects import Key, Kind
from oxy_operator.observe import Observer
from oxy_operator.ownership.arbitration import Ownership
from oxy_operator.reconcile import Reconciler

KEY = Key("shops", "petshop")

Reaction = Callable[[], HTTPStatus]
"""Runs when a request arrives and chooses its answer."""


@dataclass
class ScriptedServer:
    """Accepts every write and holds no objects, except as `reactions` say."""

    requests: list[str] = field(default_factory=list)
    """Method and plural or name of the object, in the order of arrival."""
    bodies: dict[str, Json] = field(default_factory=dict)
    """The last body of each request."""
    reactions: dict[str, Reaction] = field(default_factory=dict)
    version: int = 100

    async def answer(self, request: web.Request) -> web.Response:
        """Record a request and answer it."""
        made = f"{request.method} {request.path.partition('/namespaces/')[2].partition('/')[2]}"
        self.requests.append(made)
        self.bodies[made] = await request.json() if request.can_read_body else None
        status = HTTPStatus.NOT_FOUND if request.method == "GET" else HTTPStatus.OK
        if made in self.reactions:
            status = self.reactions[made]()
        self.version += 1
        metadata = {"uid": UID, "resourceVersion": str(self.version)}
        return web.json_response({"metadata": metadata, "message": status.phrase}, status=status)

    def refuse(self, request: str, status: HTTPStatus) -> None:
        """Answer a request with this status from now on."""
        self.reactions[request] = lambda: status


@dataclass
class Scripted:
    """A reconciler of one instance, its cache, its bus and its API server."""

    server: ScriptedServer
    cache: ClusterCache
    bus: Bus
    reconciler: Reconciler
    enqueued: list[Key]
    freezes: FreezeStore

    def put(self, **fields: Json) -> None:
        """Let the watch report the custom resource."""
        self.server.version += 1
        made = resource(**fields)
        made["metadata"] |= {
            "resourceVersion": str(self.server.version),
            "creationTimestamp": datetime.now(UTC).isoformat(),
        }
        self.cache.instances.put(made)

    def observe_child(self, kind: Kind, name: str, **annotations: str) -> None:
        """Let the watch report a child that nothing but its name makes right."""
        self.server.version += 1
        metadata = {"name": name, "namespace": KEY.namespace, "uid": UID, "resourceVersion": str(self.server.version)}
        metadata |= {"labels": {INSTANCE_LABEL: KEY.name}, "annotations": annotations}
        self.cache.children[kind].observe({"metadata": metadata})

    def start_pod(self, **fields: Json) -> None:
        """Let the watch report a pod."""
        self.cache.pods.observe(pod_object(**fields))

    async def reconcile(self) -> float | None:
        """Reconcile the instance once."""
        return await self.reconciler.reconcile(KEY)


@asynccontextmanager
async def scripted(
    folder: Path, *, nats_url: str = "nats://127.0.0.1:1", keys: PlatformKeys | None = None
) -> AsyncIterator[Scripted]:
    """Serve a scripted API, and build a reconciler before it whose bus is not connected yet."""
    server, port = ScriptedServer(), free_port()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with connected(Configuration(host=f"http://127.0.0.1:{port}")) as api:
            keys, cache, enqueued = keys or PlatformKeys.generate(), ClusterCache(), list[Key]()
            freezes = FreezeStore("oxy", lambda: enqueued.append(KEY))
            bus = Bus(
                nats_url,
                credentials=folder / "platform.creds",
                system_credentials=folder / "system.creds",
                keys=keys,
                wanted=dict,
                on_connected=lambda: None,
                on_away=lambda: None,
                on_state=enqueued.append,
                freeze_of=freezes.of,
                restoring=frozenset,
            )
            ownership, writer = Ownership(api, "oxy", cache), InstanceWriter(api, cache.instances)
            reads, store = SecretReads(enqueued.append), KeyStore(api, "oxy", "oxy", enqueued.append)
            refusals = ClientRefusals(api, "oxy", lambda: enqueued.append(KEY))
            reconciler = Reconciler(
                cache.instances,
                Observer(
                    api,
                    cache,
                    bus,
                    ownership,
                    reads=reads,
                    keys=keys,
                    refusals=refusals,
                    freezes=freezes,
                    rotation_seconds=3600,
                    clock=time.time,
                ),
                Actor(cache, Applier(api, cache), writer, bus, ownership=ownership, keys=store, refusals=refusals),
                writer,
                EventRecorder(api, "oxy-operator"),
                deployment=deployment(),
                enqueue=enqueued.append,
            )
            yield Scripted(server, cache, bus, reconciler, enqueued, freezes)
    finally:
        await runner.cleanup()
