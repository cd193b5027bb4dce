"""As much of a cluster's API as `oxy` asks for, in front of plain processes: instances, workers, commands in them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import yaml
from aiohttp import WSMsgType, web
from forked import run_forked

from oxy_core.instance.custom_resource import API_VERSION, PLURAL
from oxy_dev.example import example_resource
from oxy_dev.stack import Stack

Object = dict[str, Any]

NAMESPACE = "plain"
STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
"""Channels of Kubernetes' protocol for commands: the first byte of each frame."""
PROTOCOL = "v5.channel.k8s.io"
WORKER = {
    "metadata": {"name": "oxy-ai-0"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


class Kubernetes:
    """An API server whose only pod is a worker of a stack; what is executed in it runs as a child of this process."""

    def __init__(self, stack: Stack, kubeconfig: Path) -> None:
        self._stack = stack
        self._kubeconfig = kubeconfig
        self.statuses: list[Object] = [{}]
        """Of the instances: what each look shows. The last one stays."""

    async def oxy(self, *arguments: str) -> str:
        """Return what ``oxy`` with these arguments prints for people; it must succeed."""
        done = await self.attempt(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def attempt(self, *arguments: str) -> CompletedProcess[str]:
        """Return what ``oxy`` with these arguments ends with."""
        environment = {"PATH": "", "KUBECONFIG": str(self._kubeconfig)}
        return await asyncio.to_thread(run_forked, "oxy_cli.__main__", arguments, environment)

    async def instance(self, request: web.Request) -> web.Response:
        tenant = next((one for one in self._stack.tenants if one.name == request.match_info["name"]), None)
        if tenant is None:
            return web.json_response({"message": "not found"}, status=404)
        resource = example_resource(
            NAMESPACE, {"organizationId": tenant.spec.organization_id, "phoneNumber": tenant.spec.phone_number}
        )
        resource["metadata"] |= {"name": tenant.name, "creationTimestamp": "2026-01-01T00:00:00Z"}
        resource["status"] = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.json_response(resource)

    async def pods(self, _: web.Request) -> web.Response:
        return web.json_response({"items": [WORKER]})

    async def execute(self, request: web.Request) -> web.WebSocketResponse:
        """Run a command to its end once its input is closed, as `kubectl exec` does."""
        socket = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=0)
        await socket.prepare(request)
        given = bytearray()
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            if message.data[0] == CLOSE:
                break
            given += message.data[1:]
        done = await self._run(request.query.getall("command"), bytes(given))
        for channel, content in ((STDOUT, done.stdout), (STDERR, done.stderr), (ERROR, status_of(done.returncode))):
            if content:
                await socket.send_bytes(bytes([channel]) + content.encode())
        await socket.close()
        return socket

    async def _run(self, command: list[str], given: bytes) -> CompletedProcess[str]:
        python, option, module, *arguments = command
        assert (python, option) == ("python", "-m")
        environment = {"PATH": "", **self._stack.worker_settings}
        stdin = given.decode(errors="surrogateescape")
        return await asyncio.to_thread(run_forked, module, arguments, environment, stdin)


def status_of(code: int) -> str:
    """Return how a command ended, as Kubernetes says it."""
    if code == 0:
        return json.dumps({"status": "Success"})
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return json.dumps({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}})


@asynccontextmanager
async def serving_kubernetes(stack: Stack, folder: Path) -> AsyncIterator[Kubernetes]:
    """Serve it on a free port for the duration of the context."""
    cluster = Kubernetes(stack, folder / "kubeconfig")
    application = web.Application()
    pods = "/api/v1/namespaces/{namespace}/pods"
    application.add_routes(
        [
            web.get(f"/apis/{API_VERSION}/namespaces/{{namespace}}/{PLURAL}/{{name}}", cluster.instance),
            web.get(pods, cluster.pods),
            web.get(f"{pods}/{{pod}}/exec", cluster.execute),
        ]
    )
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        write_kubeconfig(folder / "kubeconfig", runner.addresses[0][1])
        yield cluster
    finally:
        await runner.cleanup()


def write_kubeconfig(file: Path, port: int) -> None:
    """Write how `oxy` reaches it."""
    context = {"cluster": "plain", "user": "plain", "namespace": NAMESPACE}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plain",
        "contexts": [{"name": "plain", "context": context}],
        "clusters": [{"name": "plain", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "plain", "user": {}}],
    }
    file.write_text(yaml.safe_dump(config))
