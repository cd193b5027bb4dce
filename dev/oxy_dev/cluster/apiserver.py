"""An API server alone, without a node: what integration tests of the operator speak to.

Everything is private to one `running` block: free ports, an authority of its own, a folder for the data. The
processes end with the block, and also when the process that opened it is killed.
"""

import asyncio
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from oxy_dev.cluster import binary, kubeconfig
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.certificates import Authority, Identity, signing_key
from oxy_dev.cluster.errors import StartError
from oxy_dev.cluster.files import write_private
from oxy_dev.cluster.shell import cluster_environment

LOOPBACK: Final = "127.0.0.1"
READY_TIMEOUT: Final = 60.0
"""Seconds until a server that is not ready counts as failed, and between two looks at it."""
POLL: Final = 0.05
START_ATTEMPTS: Final = 3
"""Another process may take a port between our choosing it and the server's opening it."""
SERVICE_RANGE: Final = "10.0.0.0/24"
GUARD: Final = (
    'pids=""; while read -r line; do [ "$line" = done ] && exit 0; pids="$pids $line"; done; kill -KILL $pids'
)
"""Reads process ids, one a line, and kills them when its input ends without the word that all is well."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server. ``token`` and ``kubeconfig`` are an administrator's."""

    url: str
    ca: Path
    token: str
    kubeconfig: Path
    directory: Path

    @property
    def api(self) -> Api:
        """A client with the administrator's rights."""
        return Api.with_token(self.url, self.ca, self.token)


@contextmanager
def running(directory: Path, *, controllers: str | None = None) -> Iterator[ApiServer]:
    """Run etcd and an API server, and some controllers if asked for, with their data under ``directory``.

    ``controllers`` is the controller manager's list: names with commas between, or ``*`` for all that run by default.
    Without any nothing creates pods, service accounts or default values of other controllers, and nothing collects
    garbage; pods need no service account unless all controllers run.

    The Kubernetes binary is built first when it is not cached. Raises `StartError` with the end of the log when
    a part does not become ready.
    """
    kube = binary.ensure()
    for attempt in range(1, START_ATTEMPTS + 1):
        directory.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="apiserver-", dir=directory))
        with _Processes(folder) as processes:
            try:
                server = _start(kube, processes, folder, controllers=controllers)
            except StartError:
                if attempt == START_ATTEMPTS:
                    raise
                continue
            yield server
            return


@asynccontextmanager
async def running_async(directory: Path, *, controllers: str | None = None) -> AsyncIterator[ApiServer]:
    """Do as `running`, without holding up the event loop."""
    block = running(directory, controllers=controllers)
    server = await asyncio.to_thread(block.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(block.__exit__, None, None, None)


@dataclass(slots=True)
class _Processes:
    """Child processes that end with the block, or with this process, however it ends."""

    folder: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.guard = subprocess.Popen(["/bin/sh", "-c", GUARD], stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        # The data is thrown away: nothing is gained by an orderly shutdown.
        for child in self.children.values():
            child.kill()
            child.wait()
        self._tell_guard("done")
        if self.guard is not None:
            self.guard.communicate()

    def start(self, argv: Sequence[str | Path]) -> None:
        """Start a program; its name is that of its file."""
        name = Path(argv[0]).name
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=cluster_environment(),
                start_new_session=True,
            )
        self.children[name] = child
        self._tell_guard(str(child.pid))

    def raise_if_ended(self) -> None:
        """Raise `StartError` if a child has ended by itself."""
        for name, child in self.children.items():
            if child.poll() is not None:
                tail = "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:])
                message = f"{name} ended with status {child.returncode} while starting:\n{tail}"
                raise StartError(message)

    def _tell_guard(self, line: str) -> None:
        if self.guard is not None and self.guard.stdin is not None:
            with suppress(BrokenPipeError):
                self.guard.stdin.write(f"{line}\n".encode())
                self.guard.stdin.flush()


def _start(kube: binary.KubeBinary, processes: _Processes, folder: Path, *, controllers: str | None) -> ApiServer:
    etcd_port, peer_port, port = _free_ports(3)
    authority = Authority.create("oxy-test")
    authority.pair.write(folder, "ca")
    authority.issue(Identity("kube-apiserver", hosts=(LOOPBACK, "localhost", "kubernetes.default.svc"))).write(
        folder, "apiserver"
    )
    signing_key().write(folder, "service-account")
    url = f"https://{LOOPBACK}:{port}"
    token = secrets.token_hex(16)
    write_private(folder / "tokens.csv", f'{token},admin,admin,"system:masters"\n'.encode())
    kubeconfig.write(folder / "kubeconfig", url, authority.pair.certificate, token)
    server = ApiServer(url, folder / "ca.crt", token, folder / "kubeconfig", folder)
    processes.start([kube.tool("etcd"), *_etcd_flags(folder, etcd_port, peer_port)])
    processes.start(
        [kube.tool("kube-apiserver"), *_apiserver_flags(folder, etcd_port, port, accounts=controllers == "*")]
    )
    _wait_until_ready(server, processes)
    if controllers:  # by now: it gives up if the server is not healthy within twenty seconds
        processes.start([kube.tool("kube-controller-manager"), *_controller_manager_flags(folder, controllers)])
    return server


def _wait_until_ready(server: ApiServer, processes: _Processes) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    api = server.api
    # The server is ready a moment before it has made the namespace that people take for granted.
    while not (api.is_ready() and api.exists("/api/v1/namespaces/default")):
        processes.raise_if_ended()
        if time.monotonic() > deadline:
            message = f"the API server was not ready within {READY_TIMEOUT:.0f} s; its logs are in {server.directory}"
            raise StartError(message)
        time.sleep(POLL)


def _etcd_flags(folder: Path, port: int, peer_port: int) -> list[str]:
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://{LOOPBACK}:{port}",
        f"--advertise-client-urls=http://{LOOPBACK}:{port}",
        f"--listen-peer-urls=http://{LOOPBACK}:{peer_port}",
        f"--initial-advertise-peer-urls=http://{LOOPBACK}:{peer_port}",
        f"--initial-cluster=default=http://{LOOPBACK}:{peer_port}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver_flags(folder: Path, etcd_port: int, port: int, *, accounts: bool) -> list[str]:
    flags = [
        f"--etcd-servers=http://{LOOPBACK}:{etcd_port}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'apiserver.crt'}",
        f"--tls-private-key-file={folder / 'apiserver.key'}",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={folder / 'service-account.crt'}",
        f"--service-account-signing-key-file={folder / 'service-account.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
    ]
    return flags if accounts else [*flags, "--disable-admission-plugins=ServiceAccount"]


def _controller_manager_flags(folder: Path, controllers: str) -> list[str]:
    return [
        f"--controllers={controllers}",
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--service-account-private-key-file={folder / 'service-account.key'}",
        f"--root-ca-file={folder / 'ca.crt'}",
        f"--flex-volume-plugin-dir={folder / 'volume-plugins'}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
