"""The local node alone, through all that can happen to it, and the machine afterwards as it was before."""

import errno
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oxy_dev.cluster import addresses, binary, host, network, packages, processes
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.progress import Reporter
from oxy_dev.cluster.up import EVERYTHING, down, is_ready, stopped_parts, up
from oxy_dev.kubectl import Kubectl, wait_until

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

KILLS = 5
TABLES = (network.TABLE, network.PROXY_TABLES[0])
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "witness"},
    "spec": {"containers": [{"name": "witness", "image": addresses.PAUSE_IMAGE}]},
}
TRACES = ("/tmp", "/run", "/run/netns", "/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log")  # noqa: S108 looked at


@dataclass(frozen=True, slots=True)
class Machine:
    """What a cluster changes on a machine outside its own folder."""

    processes: tuple[str, ...]
    mounts: frozenset[str]
    links: frozenset[str]
    tables: str
    namespaces: str
    groups: frozenset[str]
    settings: tuple[tuple[str, str], ...]
    files: frozenset[str]

    @classmethod
    def seen(cls, root: Path) -> "Machine":
        """Look at the machine; files that other programs make meanwhile do not count."""
        files = {str(path) for folder in TRACES if Path(folder).is_dir() for path in Path(folder).iterdir()}
        ours = ("runc", "containerd", "kube", "cni", "oxy-node")
        return cls(
            processes=tuple(sorted(process.part for process in processes.scan())),
            mounts=frozenset(line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            links=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            tables=output("nft", "list", "tables"),
            namespaces=output("ip", "netns", "list"),
            groups=frozenset(str(path) for path in host.CGROUPS.glob("**/k8s.io/*")),
            settings=tuple((name, (Path("/proc/sys") / name).read_text()) for name in host.SYSCTLS),
            files=frozenset(name for name in files if any(word in name for word in ours) and name != str(root)),
        )


def output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def layout() -> Iterator[Layout]:
    """A folder of this test's own, short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="oxy-node-"))
    one = Layout(folder)
    yield one
    if folder.exists():
        down(one, Reporter())


@pytest.fixture
def before(layout: Layout) -> Machine:
    """The machine without the node, but with the packages that it needs: they stay."""
    with Reporter().step("packages") as step:
        packages.install(step)
    return Machine.seen(layout.root)


def kubectl_of(layout: Layout) -> Kubectl:
    tools = binary.ensure()
    return Kubectl(str(tools.tool("kubectl")), str(tools.tool("helm")), layout.kubeconfig)


def identities(layout: Layout) -> set[tuple[str, int]]:
    return {(process.part, process.pid) for process in processes.of_cluster(layout) if process.pid == process.session}


def kill(layout: Layout, *parts: str) -> None:
    """Kill parts without warning; none named: everything, containers and their helpers too, as a power cut does."""
    chosen = [process for process in processes.of_cluster(layout) if not parts or process.part in parts]
    processes.stop(chosen, signal.SIGKILL)
    if not parts:
        host.kill_containers(host.container_ids(layout))


def reboot(layout: Layout, before: Machine) -> None:
    """Make the machine look as after a new start: its settings are its own, and the start has another name."""
    for name, value in before.settings:
        (Path("/proc/sys") / name).write_text(value)
    layout.boot_id.write_text("that of an earlier start of the machine")


def assert_serves(layout: Layout) -> None:
    """The node is Ready, every part runs, and the pod of earlier is Running again, as are new ones."""
    assert is_ready(layout)
    assert stopped_parts(layout) == []
    kubectl = kubectl_of(layout)
    kubectl("wait", "--for=condition=Ready", "pod/witness", "--timeout=90s")
    assert kubectl.get("configmap", "kept")["data"] == {"key": "value"}
    address = kubectl.get("pod", "witness")["status"]["podIP"]
    wait_until("the pod is reached", 30, lambda: refuses(address) or None)


def refuses(address: str) -> bool:
    """Tell whether the way to an address is open: nobody listens there, and its kernel says so."""
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex((address, 9)) == errno.ECONNREFUSED


def test_up_twice_killed_rebooted_and_down_without_a_trace(layout: Layout, before: Machine) -> None:
    up(layout, Reporter())
    kubectl = kubectl_of(layout)
    kubectl("create", "configmap", "kept", "--from-literal=key=value")
    kubectl.apply(POD)
    assert_serves(layout)
    first = identities(layout)
    up(layout, Reporter())
    assert identities(layout) == first

    kill(layout, "etcd", "kubelet")
    wait_until("the dead are noticed", 10, lambda: stopped_parts(layout) == ["etcd", "kubelet"] or None)
    up(layout, Reporter())
    assert_serves(layout)

    kill(layout, "containerd", "kube-apiserver", "kube-proxy", "coredns", "provisioner")
    up(layout, Reporter())
    assert_serves(layout)

    for argv in (["ip", "link", "delete", addresses.BRIDGE], *(["nft", "delete", "table", *name] for name in TABLES)):
        subprocess.run(argv, check=True)
    up(layout, Reporter())
    assert_serves(layout)
    wait_until("services are translated again", 30, lambda: network.services_are_translated() or None)

    kill(layout)
    wait_until("the dead are noticed", 10, lambda: stopped_parts(layout) == [EVERYTHING] or None)
    reboot(layout, before)
    up(layout, Reporter())
    assert_serves(layout)

    down(layout, Reporter())
    assert not layout.root.exists()
    assert Machine.seen(layout.root) == before
    down(layout, Reporter())
    assert Machine.seen(layout.root) == before


def test_killed_at_any_moment_of_coming_up_it_comes_up_and_goes_down(layout: Layout, before: Machine) -> None:
    seed = int(os.environ.get("OXY_CHAOS_SEED") or secrets.randbits(32))
    print(f"OXY_CHAOS_SEED={seed}")  # noqa: T201 shown with a failed test
    dice = random.Random(seed)
    for _ in range(KILLS):
        killed(layout, "up", dice.uniform(0.5, 8.0))
    up(layout, Reporter())
    kubectl_of(layout)("create", "configmap", "kept", "--from-literal=key=value")
    kubectl_of(layout).apply(POD)
    assert_serves(layout)
    killed(layout, "down", dice.uniform(0.2, 2.0))
    killed(layout, "up", dice.uniform(0.5, 4.0))
    down(layout, Reporter())
    assert Machine.seen(layout.root) == before


def killed(layout: Layout, command: str, seconds: float) -> None:
    """Run a command of the cluster and kill it after so long, unless it has ended by then."""
    argv = [sys.executable, "-m", "oxy_dev.cluster", command, f"--state-dir={layout.root}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environment) as process:
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
