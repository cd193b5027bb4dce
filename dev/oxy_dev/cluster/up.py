"""The whole cluster: up, and what state it is in."""

import errno
import fcntl
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from oxy_dev.cluster import (
    addons,
    addresses,
    binary,
    controlplane,
    host,
    images,
    kubeconfig,
    network,
    node,
    packages,
    preflight,
    processes,
    teardown,
)
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.binary import KubeBinary
from oxy_dev.cluster.certificates import KeyPair
from oxy_dev.cluster.errors import ApiError, ClusterError
from oxy_dev.cluster.files import write_if_changed
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.processes import Spec, Waiter
from oxy_dev.cluster.progress import Reporter, Step

HEALTH: Final = {
    "the kubelet": (addresses.LOOPBACK, addresses.KUBELET_HEALTH_PORT, "/healthz"),
    "kube-proxy": (addresses.LOOPBACK, addresses.PROXY_HEALTH_PORT, "/healthz"),
    "the DNS server": (addresses.GATEWAY, addresses.DNS_READY_PORT, "/ready"),
}
"""Where the parts of the node say that they work: address, port and path."""
MACHINE_LOCK: Final = "\0oxy-local-cluster"
"""Name of an abstract socket, which one process of the machine can hold."""
LOCK_PATIENCE: Final = 1.0
"""Seconds to wait for it."""
EVERYTHING: Final = "the cluster"
"""Stands for all parts together."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """A part of the cluster: ``pid`` is ``None`` when it does not run; ``memory`` is its share, in bytes."""

    part: str
    pid: int | None
    memory: int


def up(layout: Layout, reporter: Reporter) -> KubeBinary:
    """Bring the cluster up, from whatever state it is in, and return the binary with its tools.

    Raises `ClusterError` with what to do about it when that fails; calling it again goes on from there.
    """
    with reporter.step("preflight"):
        preflight.check_machine(layout)
    with reporter.step("packages") as step:
        packages.install(step)
        preflight.check_kernel()
    kube = binary.ensure(reporter)
    with locked(layout):
        # Another one may have come up while this one was compiling.
        preflight.check_alone(layout)
        with reporter.step("network and certificates"):
            _prepare(kube, layout)
        with reporter.step("control plane") as step:
            _start_control_plane(kube, layout, step)
        with reporter.step("node") as step:
            _start_node(kube, layout, step)
    return kube


def down(layout: Layout, reporter: Reporter) -> None:
    """Take the cluster down without a trace."""
    preflight.check_root()
    with reporter.step("cluster down"), locked(layout):
        teardown.tear_down(layout)
        layout.root.rmdir()


def specs(kube: KubeBinary, layout: Layout) -> list[Spec]:
    """Return every part of the cluster, in the order in which they start."""
    return [*_control_plane(kube, layout), *_node(kube, layout)]


def status(layout: Layout) -> list[PartStatus]:
    """Return the state of every part, and of containerd's helpers together."""
    running = processes.of_cluster(layout)
    if not (layout.config / "Corefile").exists():
        return []
    return [_part_status(spec, running) for spec in specs(KubeBinary(_tools_target(layout)), layout)]


def stopped_parts(layout: Layout) -> list[str]:
    """Return the names of the parts that should run and do not; that of one for all for a cluster that is half made."""
    if not (layout.tools / "kubectl").is_symlink():
        return [EVERYTHING]
    running = processes.of_cluster(layout)
    wanted = specs(KubeBinary(_tools_target(layout)), layout)
    stopped = [part.part for part in wanted if not any(process.is_main(part) for process in running)]
    return [EVERYTHING] if len(stopped) == len(wanted) else stopped


def answers(layout: Layout) -> bool:
    """Tell whether the API server of the cluster answers that it is ready."""
    return (layout.pki / "admin.crt").exists() and controlplane.client(layout).is_ready()


def is_ready(layout: Layout) -> bool:
    """Tell whether the node of the cluster is Ready."""
    if not layout.kubeconfig.exists():
        return False
    with suppress(OSError, HTTPException, ApiError):
        return node.is_ready(controlplane.client(layout))
    return False


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the cluster's folder for one ``up`` or ``down`` at a time.

    Raises `ClusterError` when another one holds it.
    """
    with socket.socket(socket.AF_UNIX) as name:
        # Clusters of different folders share bridge, ports and tables, so one lock is for the machine: a name that
        # leaves no file and is free again when its holder dies.
        if not _patiently(partial(_takes, name)):
            message = "another `make up` or `make down` is at work on this machine. Wait until it has ended; try again."
            raise ClusterError(message)
        descriptor = _open_folder(layout)
        try:
            yield
        finally:
            os.close(descriptor)


def is_held(layout: Layout) -> bool:
    """Tell whether a command is bringing the cluster up or down at this moment."""
    try:
        descriptor = os.open(layout.root, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        return not _flocks(descriptor)
    finally:
        os.close(descriptor)


def _open_folder(layout: Layout) -> int:
    """Open the cluster's folder and lock it; raises ClusterError when it is locked."""
    layout.root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(layout.root, os.O_RDONLY | os.O_DIRECTORY)
    if not _patiently(partial(_flocks, descriptor)):
        os.close(descriptor)
        message = f"another command is working on {layout.root}. Wait until it has ended, and try again."
        raise ClusterError(message)
    return descriptor


def _takes(name: socket.socket) -> bool:
    try:
        name.bind(MACHINE_LOCK)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def _flocks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _patiently(attempt: Callable[[], bool]) -> bool:
    """Try for a moment: somebody who only looks whether a lock is held holds it meanwhile."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while not (done := attempt()) and time.monotonic() < deadline:
        time.sleep(processes.POLL)
    return done


def _prepare(kube: KubeBinary, layout: Layout) -> None:
    if layout.removing.exists():
        # Somebody stopped taking it down halfway.
        teardown.tear_down(layout)
    layout.marker.touch()
    # Others pass through on the way to a volume that is theirs; they list nothing.
    layout.root.chmod(0o711)
    if host.is_new_boot(layout):
        teardown.stop_everything(layout)
        shutil.rmtree(layout.run, ignore_errors=True)
        layout.sysctls.unlink(missing_ok=True)
    host.remember_boot(layout)
    host.remember_sysctls(layout)
    for folder in (layout.logs, layout.config, layout.run, layout.volumes, layout.tools, layout.kubelet):
        folder.mkdir(exist_ok=True)
    layout.volumes.chmod(0o711)
    _link_tools(kube, layout)
    network.set_up(layout)
    controlplane.make_certificates(layout)
    _choose_snapshotter(layout)
    node.write_configs(layout, images.snapshotter(layout))
    _write_kubeconfig(layout)


def _start_control_plane(kube: KubeBinary, layout: Layout, step: Step) -> None:
    wanted = _control_plane(kube, layout)
    served, serving = wanted[2:], wanted[:2]
    # containerd takes a while to open its database, and depends on nothing.
    processes.ensure(layout, [*serving, _containerd(layout)])
    api = controlplane.client(layout)
    Waiter(layout, step).wait("the API server", api.is_ready, serving)
    # The controller manager ends when the API server is not ready within ten seconds, which a busy machine may take.
    processes.ensure(layout, served)
    addons.apply(api)


def _start_node(kube: KubeBinary, layout: Layout, step: Step) -> None:
    waiter = Waiter(layout, step)
    waiter.wait("containerd", partial(_listens, layout.containerd_socket), [_containerd(layout)])
    images.load_pause(kube, layout)
    wanted = _node(kube, layout)
    if not network.services_are_translated():
        # Somebody flushed the tables under it: firewalls do that when they are loaded again.
        proxy = node.kube_proxy(kube, layout)
        processes.stop(process for process in processes.of_cluster(layout) if process.is_main(proxy))
    processes.ensure(layout, wanted)
    # A part that was started again: what the API server says of the node may be from before.
    for part, url in HEALTH.items():
        waiter.wait(part, partial(_answers, *url), wanted)
    api = controlplane.client(layout)
    waiter.wait("the node", partial(_node_is_ready, api), wanted)
    waiter.wait("the controllers", lambda: _has_accounts(api) and not stopped_parts(layout), specs(kube, layout))


def _control_plane(kube: KubeBinary, layout: Layout) -> list[Spec]:
    parts = (controlplane.etcd, controlplane.apiserver, controlplane.controller_manager, controlplane.scheduler)
    return [part(kube, layout) for part in parts]


def _node(kube: KubeBinary, layout: Layout) -> list[Spec]:
    return [
        _containerd(layout),
        node.kubelet(kube, layout),
        node.kube_proxy(kube, layout),
        node.coredns(kube, layout),
        _provisioner(layout),
    ]


def _containerd(layout: Layout) -> Spec:
    return node.containerd(layout, node.proxy_environment(dict(os.environ)))


def _provisioner(layout: Layout) -> Spec:
    module = "oxy_dev.cluster.provisioner"
    sources = Path(__file__).resolve().parents[2]
    return Spec(
        "provisioner",
        (sys.executable, "-m", module, str(layout.root)),
        (Path(__file__).with_name("provisioner.py"),),
        {"PYTHONPATH": str(sources)},
    )


def _node_is_ready(api: Api) -> bool:
    with suppress(OSError, HTTPException, ApiError):
        return node.is_ready(api)
    return False


def _has_accounts(api: Api) -> bool:
    """Tell whether the controller manager has made what no pod can do without."""
    with suppress(OSError, HTTPException, ApiError):
        return api.exists("/api/v1/namespaces/default/serviceaccounts/default")
    return False


def _answers(host: str, port: int, path: str) -> bool:
    connection = HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _listens(path: Path) -> bool:
    """Tell whether somebody listens on a Unix socket; after a kill its file stays."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


def _choose_snapshotter(layout: Layout) -> None:
    choice = layout.config / "snapshotter"
    if not choice.exists():
        write_if_changed(choice, "overlayfs" if host.overlay_works(layout.root) else "native")


def _write_kubeconfig(layout: Layout) -> None:
    pair = KeyPair((layout.pki / "admin.crt").read_bytes(), (layout.pki / "admin.key").read_bytes())
    kubeconfig.write(layout.kubeconfig, addresses.API_URL, (layout.pki / "ca.crt").read_bytes(), pair)


def _link_tools(kube: KubeBinary, layout: Layout) -> None:
    for name in binary.TOOLS:
        link = layout.tools / name
        if not link.is_symlink() or link.readlink() != kube.tool(name):
            link.unlink(missing_ok=True)
            link.symlink_to(kube.tool(name))


def _tools_target(layout: Layout) -> Path:
    return (layout.tools / "kubectl").readlink().parent


def _part_status(spec: Spec, running: list[processes.Process]) -> PartStatus:
    mains = [process for process in running if process.is_main(spec)]
    family = [process for process in running if process.part == spec.part]
    memory = sum(_proportional_memory(process.pid) for process in family)
    return PartStatus(spec.part, mains[0].pid if mains else None, memory)


def _proportional_memory(pid: int) -> int:
    with suppress(OSError):
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
