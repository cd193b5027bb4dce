"""Runs the pods of a namespace as plain processes: what a kubelet does, without a node and without containers.

Pods come from the API server, where the real StatefulSet controller makes them. This gives each its volumes (claims
are folders; ConfigMaps and Secrets are files that follow their objects), starts its process, restarts it when it ends,
probes it, and writes its status, terminations included, where the operator reads them.
"""

import asyncio
import contextlib
import http.client
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from oxy_core.tasks import end_tasks
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.errors import ApiError
from oxy_dev.plain_pod import TERMINATION_LOG, pod_environment
from oxy_dev.programs import Program
from oxy_dev.servers import free_port

Object = dict[str, Any]

NODE: Final = "plain"
LOOK_SECONDS: Final = 0.5
UNREACHABLE: Final = (OSError, http.client.HTTPException)
"""A server that a busy machine does not let answer in time: a kubelet goes on, and asks again."""
VOLUME_SECONDS: Final = 2.0
"""How often the files of ConfigMaps and Secrets follow their objects; a real kubelet takes up to a minute."""
RESTART_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 5.0
_COMMAND: Final = ("-m", "oxy_tenant")


@dataclass(eq=False)
class PodProcess:
    """A pod as a plain process."""

    name: str
    uid: str
    folder: Path
    program: Program
    mounts: Mapping[Path, str]
    """Folders that follow a ConfigMap or Secret, by its path in the API."""
    port: int
    restarts: int = 0
    started_at: str = ""
    last: Object = field(default_factory=dict)
    shown: Object | None = None
    """The status as last written."""


@dataclass(eq=False)
class PlainKubelet:
    """Runs every pod of a namespace."""

    api: Api
    namespace: str
    folder: Path
    python: str
    variables: Callable[[str], Mapping[str, str]]
    """Variables for the pod of an instance, instead of the template's: where the servers are on this machine."""
    pods: dict[str, PodProcess] = field(default_factory=dict)
    """The running pods by instance."""
    exits: list[str] = field(default_factory=list)
    """How containers ended, in order."""

    async def run(self) -> None:
        """Serve pods until cancelled; ends their processes then."""
        known: set[str] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                for pod in await self._known():
                    if pod["metadata"]["uid"] not in known:
                        known.add(pod["metadata"]["uid"])
                        group.create_task(self._serve(pod))
                await asyncio.sleep(LOOK_SECONDS)

    def delete(self, instance: str) -> None:
        """Delete an instance's pod, as `kubectl delete pod` does."""
        with contextlib.suppress(ApiError):
            self.api.delete(self._pod_path(f"wai-{instance}-0"))

    async def _known(self) -> list[Object]:
        """Return the pods that there are; none while the server does not say."""
        with contextlib.suppress(*UNREACHABLE):
            return await asyncio.to_thread(self._list)
        return []

    def _list(self) -> list[Object]:
        found: list[Object] = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return found

    async def _serve(self, pod: Object) -> None:
        instance = pod["metadata"]["labels"]["oxy.dev/instance"]
        process = await self._prepared(instance, pod)
        if process is None:
            return
        self.pods[instance] = process
        following = asyncio.create_task(self._follow(process))
        try:
            await self._keep_running(process)
        finally:
            await end_tasks(following)
            status = await asyncio.shield(asyncio.to_thread(process.program.stop))
        if status:
            self.exits.append(f"{instance} {status}")
        while not await asyncio.to_thread(self._remove, process):  # noqa: ASYNC110 another process answers
            await asyncio.sleep(LOOK_SECONDS)
        if self.pods.get(instance) is process:
            del self.pods[instance]

    async def _prepared(self, instance: str, pod: Object) -> PodProcess | None:
        """Prepare a pod as soon as what it mounts exists; None if it is deleted before."""
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        bound = False
        while not await asyncio.to_thread(self._is_deleted, name, uid):
            try:
                if not bound:
                    await asyncio.to_thread(self._bind, name)
                    bound = True
                return await asyncio.to_thread(self._prepare, instance, pod)
            except UNREACHABLE:
                pass
            except ApiError as error:
                if error.status != http.client.NOT_FOUND:
                    raise
            await asyncio.sleep(LOOK_SECONDS)
        return None

    async def _keep_running(self, process: PodProcess) -> None:
        """Start and restart the process until its pod is deleted."""
        while not await asyncio.to_thread(self._is_deleted, process.name, process.uid):
            if process.program.exit_code is not None:
                self._note_end(process, process.program.exit_code)
                await asyncio.sleep(RESTART_SECONDS)
            if process.program.exit_code is not None or process.program.pid is None:
                process.started_at = _utc()
                (process.folder / TERMINATION_LOG).unlink(missing_ok=True)
                process.program.start()
            await asyncio.to_thread(self._show, process)
            await asyncio.sleep(LOOK_SECONDS)

    async def _follow(self, process: PodProcess) -> None:
        while True:
            await asyncio.sleep(VOLUME_SECONDS)
            with contextlib.suppress(ApiError, *UNREACHABLE):
                await asyncio.to_thread(self._fill, process)

    def _prepare(self, instance: str, pod: Object) -> PodProcess:
        name, spec = pod["metadata"]["name"], pod["spec"]
        folder = self.folder / pod["metadata"]["uid"]
        for volume in spec["volumes"]:
            self._make_volume(folder, volume)
        proxy = spec["containers"][0]["env"]
        secrets = {name: self._content(self._path("secrets", name)) for name in _secret_names(proxy)}
        port = free_port()
        environment = pod_environment(
            {"metadata": pod["metadata"], "spec": spec},
            folder,
            uid=pod["metadata"]["uid"],
            secrets={name: {key: value.decode() for key, value in data.items()} for name, data in secrets.items()},
        )
        environment |= {"OXY_PROBE_HOST": "127.0.0.1", "OXY_PROBE_PORT": str(port)} | dict(self.variables(instance))
        environment["OXY_NOISE_ROOT_FILE"] = str(folder / "authorities" / "noise-root.hex")
        program = Program(instance, [self.python, *_COMMAND], self.folder.parent / "logs", environment)
        mounts = {folder / item["name"]: path for item in spec["volumes"] if (path := self._source(item))}
        process = PodProcess(name, pod["metadata"]["uid"], folder, program, mounts, port)
        self._fill(process)
        return process

    def _bind(self, name: str) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        }
        try:
            self.api.create(f"{self._pod_path(name)}/binding", binding)
        except ApiError as error:
            if error.status != http.client.CONFLICT:  # it is bound, by an attempt whose answer came too late
                raise

    def _make_volume(self, folder: Path, volume: Object) -> None:
        """Make the folder of a volume; a claim's is the same for every pod that mounts it."""
        folder.mkdir(parents=True, exist_ok=True)
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim is None:
            (folder / volume["name"]).mkdir(exist_ok=True)
            return
        (self.folder / claim).mkdir(exist_ok=True)
        if not (folder / volume["name"]).exists():
            (folder / volume["name"]).symlink_to(self.folder / claim)

    def _source(self, volume: Object) -> str | None:
        if "secret" in volume:
            return self._path("secrets", volume["secret"]["secretName"])
        return self._path("configmaps", volume["configMap"]["name"]) if "configMap" in volume else None

    def _fill(self, process: PodProcess) -> None:
        """Write the files of ConfigMaps and Secrets as they are now."""
        for folder, path in process.mounts.items():
            for key, value in self._content(path).items():
                file = folder / key
                if not file.exists() or file.read_bytes() != value:
                    fresh = folder / f".{key}"
                    fresh.write_bytes(value)
                    fresh.replace(file)

    def _content(self, path: str) -> dict[str, bytes]:
        data: dict[str, str] = self.api.get(path).get("data") or {}
        if "/secrets/" in path:
            return {key: b64decode(value) for key, value in data.items()}
        return {key: value.encode() for key, value in data.items()}

    def _is_deleted(self, name: str, uid: str) -> bool:
        try:
            metadata = self.api.get(self._pod_path(name))["metadata"]
        except UNREACHABLE:
            return False
        except ApiError as error:
            return error.status == http.client.NOT_FOUND
        return "deletionTimestamp" in metadata or metadata["uid"] != uid

    def _note_end(self, process: PodProcess, exit_code: int) -> None:
        self.exits.append(f"{process.program.name} {exit_code}")
        log = process.folder / TERMINATION_LOG
        process.restarts += 1
        process.last = {
            "terminated": {
                "exitCode": exit_code if exit_code >= 0 else 128 - exit_code,
                "reason": "Error",
                "startedAt": process.started_at,
                "finishedAt": _utc(),
                "message": log.read_text(errors="replace") if log.exists() else "",
            }
        }

    def _show(self, process: PodProcess) -> None:
        """Write the pod's status if it has changed."""
        ready = is_ready(process.port)
        container = {
            "name": "tenant",
            "image": "plain",
            "imageID": "",
            "ready": ready,
            "restartCount": process.restarts,
            "state": {"running": {"startedAt": process.started_at}},
            "lastState": process.last,
        }
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [container],
        }
        if status != process.shown:
            with contextlib.suppress(ApiError, *UNREACHABLE):
                path = f"{self._pod_path(process.name)}/status"
                self.api._json("PATCH", path, {"status": status}, "application/merge-patch+json")  # noqa: SLF001 the client has no patch
                process.shown = status

    def _remove(self, process: PodProcess) -> bool:
        """Remove a pod that has ended; return whether the server knows."""
        with contextlib.suppress(*UNREACHABLE):
            with contextlib.suppress(ApiError):
                self.api.delete(f"{self._pod_path(process.name)}?gracePeriodSeconds=0")
            return True
        return False

    def _pod_path(self, name: str) -> str:
        return self._path("pods", name)

    def _path(self, kind: str, name: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{kind}/{name}"


def is_ready(port: int) -> bool:
    """Ask a process whether it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _secret_names(variables: list[Object]) -> set[str]:
    references = (variable.get("valueFrom", {}).get("secretKeyRef") for variable in variables)
    return {reference["name"] for reference in references if reference}


def _utc() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
