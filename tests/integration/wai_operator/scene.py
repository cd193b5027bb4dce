"""An operator process before a real API server and a real NATS, and a test's view of both."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from forked import ForkedProcess
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from oxy_core import subjects
from oxy_core.envelopes import InstanceSettings, LiveState
from oxy_core.tasks import end_tasks
from oxy_core.tenant import TerminationMessage
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.apiserver import ApiServer
from oxy_dev.cluster.errors import ApiError
from oxy_dev.servers import NatsServer, free_port
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.live_state import HEARTBEAT_SECONDS

Json: TypeAlias = Any
"""Any JSON value."""

WITHIN = 60.0
"""Seconds in which whatever a test waits for must happen."""

LEASE_SECONDS = 180
"""Of an operator's lease where no other waits for it. Of the default one, whoever stalls for ten seconds loses it and
ends, and a busy machine may stall for twenty."""

Object: TypeAlias = dict[str, Any]

PATHS = {
    "wai": "/apis/oxy.dev/v1alpha1/namespaces/{}/whatsappinstances",
    "claim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "configmap": "/api/v1/namespaces/{}/configmaps",
    "secret": "/api/v1/namespaces/{}/secrets",
    "pod": "/api/v1/namespaces/{}/pods",
    "statefulset": "/apis/apps/v1/namespaces/{}/statefulsets",
    "networkpolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}


async def eventually(condition: Callable[[], Any], what: str, within: float = WITHIN) -> Json:
    """Wait until a condition returns something true, and return that."""
    deadline = time.monotonic() + within
    while not (result := await asyncio.to_thread(condition)):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.05)
    return result


def merge_patch(api: Api, path: str, patch: Object) -> Object:
    return api._json("PATCH", path, patch, "application/merge-patch+json")  # noqa: SLF001 the client has no patch


class PatientClient(Client):
    """Waits for JetStream's answers for as long as tests wait for anything."""

    def jetstream(self, **options: Json) -> JetStreamContext:
        return super().jetstream(**{"timeout": WITHIN} | options)


async def connect(url: str, credentials: Path) -> Client:
    """Connect to NATS with the credentials in a file."""
    client = PatientClient()
    await client.connect(url, user_credentials=str(credentials))
    return client


@dataclass
class Operator:
    """An operator process before a real API server and a NATS of its own."""

    server: ApiServer
    nats: NatsServer
    keys: PlatformKeys
    folder: Path
    home: str
    """The operator's own namespace."""
    port: int = field(default_factory=free_port)
    process: ForkedProcess | None = None
    variables: dict[str, str] = field(default_factory=dict)
    """Added to its environment."""

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the process."""
        with (self.folder / "operator.log").open("ab") as log:
            self.process = ForkedProcess("oxy_operator", self.environment(), log.fileno())

    def wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + WITHIN
        while not self._is_ready():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def wait_until_prepared(self) -> None:
        """Wait until it has prepared the bus: what is created from then on gets all that it will have at once."""
        deadline = time.monotonic() + WITHIN
        while "bus_prepared" not in self.log():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def environment(self) -> dict[str, str]:
        files = {
            "OXY_NATS_CREDENTIALS": platform_credentials(self.keys),
            "OXY_NATS_SYSTEM_CREDENTIALS": system_credentials(self.keys),
            "OXY_NATS_OPERATOR_SEED": self.keys.operator_seed,
            "OXY_ROOT_SEED": self.keys.root_seed,
        }
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "KUBECONFIG": str(self.server.kubeconfig),
            "OXY_NAMESPACE": self.home,
            "OXY_NATS_URL": self.nats.url,
            "OXY_TENANT_NATS_URL": "nats://nats.example:4222",
            "OXY_TENANT_IMAGE": "registry.example/tenant:1",
            "OXY_LEASE_SECONDS": str(LEASE_SECONDS),
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(self.port),
            **{name: str(self.file(name, content)) for name, content in files.items()},
            **self.variables,
        }

    def file(self, name: str, content: str) -> Path:
        """Write a file of the test's own."""
        file = self.folder / name.lower()
        file.write_text(content)
        return file

    def _page(self, page: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{page}", timeout=WITHIN) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            return None

    def _is_ready(self) -> bool:
        return self._page("readyz") is not None

    def metrics(self) -> dict[str, float]:
        lines = (self._page("metrics") or "").splitlines()
        parts = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in parts}

    def kill(self) -> None:
        """End the process as a lost node does: without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int | None:
        """End the process and return its exit code; None if it did not run."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    async def until_prepared(self, times: int = 1) -> None:
        """Wait until operators have prepared the bus so often."""
        await eventually(lambda: self.log().count("bus_prepared") >= times, "the bus is prepared")

    def beside(self, folder: Path, **variables: str) -> "Operator":
        """Return another operator process of the same installation, not started yet."""
        folder.mkdir()
        return replace(self, folder=folder, port=free_port(), process=None, variables=self.variables | variables)

    def lose_bus_data(self) -> None:
        """Remove everything that the stopped server keeps."""
        for folder in (self.folder / "accounts", self.folder / "nats" / "jetstream"):
            shutil.rmtree(folder, ignore_errors=True)

    def log(self) -> str:
        return (self.folder / "operator.log").read_text()


@dataclass
class Scene:
    """One test's view: a namespace, an organization, an instance."""

    operator: Operator
    namespace: str
    name: str = "petshop"
    organization: str = field(default_factory=lambda: f"org-{uuid.uuid4().hex[:12]}")

    @property
    def phone(self) -> str:
        """A number of this instance's own, though tests share an operator."""
        return (
            f"+1{int.from_bytes(hashlib.blake2b(f'{self.namespace}/{self.name}'.encode(), digest_size=5).digest()):013}"
        )

    @property
    def api(self) -> Api:
        return self.operator.server.api

    @property
    def keys(self) -> PlatformKeys:
        return self.operator.keys

    @property
    def nats(self) -> NatsServer:
        return self.operator.nats

    def log(self) -> str:
        """What the operator logged about this test's instances."""
        return "\n".join(line for line in self.operator.log().splitlines() if self.namespace in line)

    def new_namespace(self) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def clear(self) -> None:
        """Remove all instances of the namespace, whatever the operator thinks of it."""
        for found in self.api.get(self.path("wai"))["items"]:
            path = self.path("wai", found["metadata"]["name"])
            with contextlib.suppress(ApiError):
                merge_patch(self.api, path, {"metadata": {"finalizers": None}})
                self.api.delete(path)

    # -- Kubernetes

    def path(self, kind: str, name: str | None = None) -> str:
        return PATHS[kind].format(self.namespace) + (f"/{name}" if name else "")

    def find(self, kind: str, name: str) -> Object | None:
        try:
            return self.api.get(self.path(kind, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def instance(self, **spec: Json) -> Object:
        return {
            "apiVersion": "oxy.dev/v1alpha1",
            "kind": "WhatsAppInstance",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "organizationId": self.organization,
                "displayName": "Pet Shop Aurora",
                "phoneNumber": self.phone,
                **spec,
            },
        }

    def create(self, **spec: Json) -> Object:
        return self.api.create(self.path("wai"), self.instance(**spec))

    def instance_time(self) -> str:
        """When the instance was created, to the second."""
        found = self.find("wai", self.name) or {}
        return str(found["metadata"]["creationTimestamp"])

    def server_time(self) -> str:
        """What the server would note as a creation's time now."""
        probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"probe-{uuid.uuid4().hex[:12]}"}}
        created = self.api.create(self.path("configmap") + "?dryRun=All", probe)
        return str(created["metadata"]["creationTimestamp"])

    def edit(self, patch: Object) -> Object:
        return merge_patch(self.api, self.path("wai", self.name), patch)

    def drop_status(self) -> None:
        path = self.path("wai", self.name) + "/status"
        self.api._json("PATCH", path, [{"op": "remove", "path": "/status"}], "application/json-patch+json")  # noqa: SLF001

    def child(self, kind: str) -> Object | None:
        return self.find(kind, f"wai-{self.name}-session" if kind == "claim" else f"wai-{self.name}")

    async def until_child(self, kind: str, holds: Callable[[Object], Any] = bool) -> Object:
        def look() -> Object | None:
            found = self.child(kind)
            return found if found and holds(found) else None

        found: Object = await eventually(look, f"{kind} of {self.name}\n{self.log()[-3000:]}")
        return found

    def status(self) -> Object:
        found = self.find("wai", self.name)
        return (found or {}).get("status", {})

    async def until_status(self, holds: Callable[[Object], Any]) -> Object:
        def look() -> Object | None:
            status = self.status()
            return status if status and holds(status) else None

        try:
            found: Object = await eventually(look, "status")
        except AssertionError:
            pytest.fail(f"the status stays {self.status()}\n{self.log()[-4000:]}")
        return found

    async def until_phase(self, phase: str, reason: str) -> Object:
        return await self.until_status(
            lambda status: (status["phase"], condition(status, "Ready").get("reason")) == (phase, reason)
        )

    # -- what the kubelet does

    def epoch(self) -> int:
        found = self.child("claim")
        return int((found or {})["metadata"]["annotations"]["oxy.dev/epoch"])

    def start_pod(self, **status: Json) -> Object:
        """Create the pod as the StatefulSet's controller would, with the status that a kubelet would write."""
        template = (self.child("statefulset") or {})["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": f"wai-{self.name}-0", "namespace": self.namespace},
            "spec": {**template["spec"], "nodeName": "node"},
        }
        self.api.create(self.path("pod"), pod)
        return self.pod_status(**status) if status else pod

    def pod_status(
        self,
        *,
        ready: bool = False,
        state: Object | None = None,
        last: Object | None = None,
        restarts: int = 0,
        **more: Json,
    ) -> Object:
        container = {
            "name": "tenant",
            "image": "registry.example/tenant:1",
            "imageID": "",
            "ready": ready,
            "restartCount": restarts,
            "state": {"running": {"startedAt": utc()}} if state is None else state,
            "lastState": last or {},
        }
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [container],
            **more,
        }
        return merge_patch(self.api, self.path("pod", f"wai-{self.name}-0") + "/status", {"status": status})

    def pod_uid(self) -> str:
        return str((self.find("pod", f"wai-{self.name}-0") or {})["metadata"]["uid"])

    def kill_pod(self) -> None:
        name = f"wai-{self.name}-0?gracePeriodSeconds=0"
        self.api.delete(self.path("pod", name))

    def terminated(
        self, exit_code: int, *, epoch: int | None = None, pod_uid: str | None = None, reason: str = "Ended"
    ) -> Object:
        message = TerminationMessage(
            epoch=epoch or self.epoch(),
            pod_uid=pod_uid or self.pod_uid(),
            exit_code=exit_code,
            reason=reason,
            message="as the test wants it",
            ended_at=datetime.now(UTC),
        )
        return {
            "terminated": {
                "exitCode": exit_code,
                "reason": "Error",
                "finishedAt": utc(),
                "startedAt": utc(),
                "message": message.encode().decode(),
            }
        }

    def warned(self, reason: str) -> list[str]:
        """What events of this reason tell people about the instance."""
        found = self.api.get(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return [
            event["note"] for event in found if (event["reason"], event["regarding"]["name"]) == (reason, self.name)
        ]

    # -- the bus

    @property
    def account(self) -> str:
        return self.keys.tenant_account(self.organization, self.name).public

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Client]:
        file = self.operator.file("test_platform", platform_credentials(self.keys))
        client = await connect(self.nats.url, file)
        try:
            yield client
        finally:
            await client.close()

    async def published(self) -> InstanceSettings | None:
        async with self.platform() as client:
            try:
                bucket = await client.jetstream().key_value(subjects.INSTANCES_BUCKET)
                entry = await bucket.get(subjects.instance_key(self.organization, self.name))
            except NotFoundError:
                return None
            return InstanceSettings.decode(entry.value or b"")

    async def until_published(self, holds: Callable[[InstanceSettings | None], Any]) -> InstanceSettings | None:
        deadline = time.monotonic() + WITHIN
        while not holds(published := await self.published()):
            assert time.monotonic() < deadline, f"{published}\n{self.operator.log()[-3000:]}"
            await asyncio.sleep(0.05)
        return published

    def state(self, **fields: Json) -> LiveState:
        return LiveState.model_validate(
            {
                "organization": self.organization,
                "instance": self.name,
                "pod_uid": self.pod_uid(),
                "epoch": self.epoch(),
                "heartbeat_at": datetime.now(UTC),
                "connection": "reconnecting",
                **fields,
            }
        )

    async def say(self, state: LiveState) -> None:
        """Publish a live state as the tenant runtime does, with the credentials of its Secret."""
        await self.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
        client = await connect(self.nats.url, self.tenant_credentials())
        try:
            await client.jetstream().publish(subjects.state(self.account, self.name), state.encode())
        finally:
            await client.close()

    @asynccontextmanager
    async def repeating(self, state: LiveState) -> AsyncIterator[None]:
        """Say a live state again and again, as a pod does: one that a busy operator reads too late counts no more."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS / 3)
                await self.say(state)

        await self.say(state)
        again = asyncio.create_task(repeat())
        try:
            yield
        finally:
            await end_tasks(again)

    def tenant_credentials(self) -> Path:
        secret = self.child("secret") or {}
        return self.operator.file("tenant", b64decode(secret["data"]["user.creds"]).decode())


def utc() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(status: Object, kind: str) -> Object:
    return next((item for item in status.get("conditions", ()) if item["type"] == kind), {})


def bus_configuration(keys: PlatformKeys, folder: Path) -> str:
    return nats_configuration(keys, folder / "accounts")
