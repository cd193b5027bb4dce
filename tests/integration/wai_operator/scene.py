"""An operator process before a real API server and a real NATS, and a test's view of both."""

import asyncio
import os
import signal
import sys
import time
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from oxy_core import subjects
from oxy_core.envelopes import InstanceSettings, LiveState
from oxy_core.tenant import TerminationMessage
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.apiserver import ApiServer
from oxy_dev.cluster.errors import ApiError
from oxy_dev.servers import NatsServer, free_port
from oxy_operator.accounts import nats_configuration, platform_credentials, system_credentials, tenancy
from oxy_operator.keys import PlatformKeys

Json: TypeAlias = Any
"""Any JSON value."""

WITHIN = 30.0
"""Seconds in which whatever a test waits for must happen."""

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


@dataclass
class Scene:
    server: ApiServer
    nats: NatsServer
    keys: PlatformKeys
    folder: Path
    namespace: str
    """Where instances are."""
    home: str
    """The operator's own namespace."""
    name: str = "petshop"
    organization: str = field(default_factory=lambda: f"org-{uuid.uuid4().hex[:12]}")
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def api(self) -> Api:
        return self.server.api

    # -- the operator

    async def start(self) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "KUBECONFIG": str(self.server.kubeconfig),
            "OXY_NAMESPACE": self.home,
            "OXY_NATS_URL": self.nats.url,
            "OXY_TENANT_NATS_URL": "nats://nats.example:4222",
            "OXY_TENANT_IMAGE": "registry.example/tenant:1",
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(self.port),
            **{
                f"OXY_{name}": str(self._file(name, content))
                for name, content in {
                    "NATS_CREDENTIALS": platform_credentials(self.keys),
                    "NATS_SYSTEM_CREDENTIALS": system_credentials(self.keys),
                    "NATS_OPERATOR_SEED": self.keys.operator_seed,
                    "ROOT_SEED": self.keys.root_seed,
                }.items()
            },
        }
        with (self.folder / "operator.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "oxy_operator", env=environment, stderr=log
            )
        await self.until_ready()

    def _file(self, name: str, content: str) -> Path:
        file = self.folder / name.lower()
        file.write_text(content)
        return file

    async def until_ready(self) -> None:
        async with aiohttp.ClientSession() as session, asyncio.timeout(WITHIN):
            while not await self._is_ready(session):
                assert self.process is not None
                assert self.process.returncode is None, self.log()
                await asyncio.sleep(0.05)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def metrics(self) -> dict[str, float]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as response,
        ):
            lines = [line.rpartition(" ") for line in (await response.text()).splitlines() if line[:1] != "#"]
            return {name: float(value) for name, _, value in lines}

    async def stop(self) -> int | None:
        if self.process is None or self.process.returncode is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), 15)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise

    def log(self) -> str:
        return (self.folder / "operator.log").read_text()

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
                "phoneNumber": "+5511987650000",
                **spec,
            },
        }

    def create(self, **spec: Json) -> Object:
        return self.api.create(self.path("wai"), self.instance(**spec))

    def edit(self, patch: Object) -> Object:
        return merge_patch(self.api, self.path("wai", self.name), patch)

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

    def terminated(self, exit_code: int, *, epoch: int | None = None, pod_uid: str | None = None) -> Object:
        message = TerminationMessage(
            epoch=epoch or self.epoch(),
            pod_uid=pod_uid or self.pod_uid(),
            exit_code=exit_code,
            reason="Ended",
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

    # -- the bus

    @property
    def account(self) -> str:
        return self.keys.tenant_account(self.organization, self.name).public

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Client]:
        client = await nats.connect(
            self.nats.url, user_credentials=str(self._file("test_platform", platform_credentials(self.keys)))
        )
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
            assert time.monotonic() < deadline, f"{published}\n{self.log()[-3000:]}"
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
        secret = await self.until_child("secret")
        credentials = b64decode(secret["data"]["user.creds"]).decode()
        client = await nats.connect(self.nats.url, user_credentials=str(self._file("tenant", credentials)))
        try:
            await client.jetstream().publish(subjects.state(self.account, self.name), state.encode())
        finally:
            await client.close()

    def stranger(self) -> str:
        return tenancy(self.keys, "stranger", "stranger", now=time.time()).account


def utc() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(status: Object, kind: str) -> Object:
    return next((item for item in status.get("conditions", ()) if item["type"] == kind), {})


def bus_configuration(keys: PlatformKeys, folder: Path) -> str:
    return nats_configuration(keys, folder / "accounts")
