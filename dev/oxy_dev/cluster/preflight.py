"""What a machine must have before anything is changed on it. Every problem is named at once, each with its remedy."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oxy_dev.cluster import addresses, binary, network, processes
from oxy_dev.cluster.errors import PreflightError
from oxy_dev.cluster.layout import LONGEST_ROOT, Layout
from oxy_dev.cluster.shell import succeeds

GIB: Final = 1024**3
MEMORY_TO_RUN: Final = 3 * GIB
"""Free memory for the cluster with the system on it."""
MEMORY_TO_BUILD: Final = 4 * GIB
"""Linking the Kubernetes binary alone takes 3.5 GiB."""
DISK_TO_RUN: Final = 5 * GIB
"""Free disk for images and volumes."""
DISK_TO_BUILD: Final = 12 * GIB
"""The Go build needs its modules and its cache as well."""
CONTROLLERS_V1: Final = ("cpu", "cpuacct", "cpuset", "devices", "memory", "pids")
"""Control-group controllers that the kubelet and runc cannot do without, by version."""
CONTROLLERS_V2: Final = ("cpu", "cpuset", "memory", "pids")
LISTENING: Final = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
"""States of a listening socket in `/proc/net/tcp` and of a bound one in `/proc/net/udp`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is missing, and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}"


def check_machine(layout: Layout) -> None:
    """Raise `PreflightError` with every problem that can be seen before packages are installed."""
    check_root()
    running = processes.scan()
    ours = {process.pid for process in running}
    own = any(process.cluster == str(layout.root) for process in running)
    problems = [
        *path_problems(layout),
        *other_cluster_problems(layout, {process.cluster for process in running}),
        *_port_problems(ours),
        *([] if own else _resource_problems(layout)),
        *cgroup_problems(Path("/proc/self/mounts").read_text(), _v2_controllers()),
        *_delegation_problems(),
        *route_problems(Path("/proc/net/route").read_text()),
        *other_node_problems(_other_kubelets(ours)),
    ]
    _raise(problems)


def check_alone(layout: Layout) -> None:
    """Raise `PreflightError` when another cluster, or a program on one of the ports, would be in the way."""
    running = processes.scan()
    others = other_cluster_problems(layout, {process.cluster for process in running})
    _raise([*others, *_port_problems({process.pid for process in running})])


def check_root() -> None:
    """Raise `PreflightError` unless this process is root's; nobody else can even make the other checks."""
    _raise(root_problems(os.geteuid()))


def check_kernel() -> None:
    """Raise `PreflightError` with the features that the kernel lacks; it tries them, with ``ip`` and ``nft``."""
    tries: Mapping[str, Callable[[], bool]] = {
        "overlay": lambda: "overlay" in Path("/proc/filesystems").read_text() or succeeds(["modprobe", "overlay"]),
        "bridge": _can_bridge,
        "nf_tables": _can_filter,
    }
    _raise(feature_problems({name: attempt() for name, attempt in tries.items()}))


def root_problems(user: int) -> list[Problem]:
    """Network namespaces, mounts and control groups are for root."""
    return [] if user == 0 else [Problem("not root", "Run this as root, for example with sudo")]


def path_problems(layout: Layout) -> list[Problem]:
    """Judge the state folder: its path must fit into a socket's, and a foreign folder is never taken over."""
    problems = []
    if len(str(layout.root)) > LONGEST_ROOT:
        what = f"the state folder's path {layout.root} is longer than {LONGEST_ROOT} characters, too long for sockets"
        problems.append(Problem(what, "Choose a shorter one with OXY_STATE"))
    if re.search(r"[^\w./@+-]", str(layout.root)):
        what = f"the state folder's path {layout.root} has characters that some configuration files cannot hold"
        problems.append(Problem(what, "Choose one of letters, digits, dots and dashes with OXY_STATE"))
    if layout.root.is_dir() and any(layout.root.iterdir()) and not layout.marker.exists():
        what = f"{layout.root} holds files and is not a cluster's state folder"
        problems.append(Problem(what, "Choose an empty folder with OXY_STATE"))
    return problems


def other_cluster_problems(layout: Layout, clusters: Iterable[str]) -> list[Problem]:
    """Return a problem for each local cluster with another folder: they would share the bridge and the ports."""
    return [
        Problem(
            f"a local cluster with the state folder {folder} is running",
            f"Use that one (OXY_STATE={folder}), or take it down: OXY_STATE={folder} make down",
        )
        for folder in sorted(clusters)
        if folder != str(layout.root)
    ]


def port_problems(users: Mapping[int, str]) -> list[Problem]:
    """Return a problem for each needed port that another program uses; ``users`` says by port who does."""
    return [
        Problem(f"port {port}, which {part} needs, is used by {users[port]}", "End that program")
        for port, part in addresses.PORTS.items()
        if port in users
    ]


def memory_problems(available: int, wanted: int) -> list[Problem]:
    """Compare free memory, in bytes, with what is wanted."""
    if available >= wanted:
        return []
    what = f"{available / GIB:.1f} GiB of memory are free and {wanted / GIB:.0f} GiB are needed"
    return [Problem(what, "End other programs or use a machine with more memory")]


def disk_problems(path: Path, free: int, wanted: int) -> list[Problem]:
    """Compare free disk space, in bytes, with what is wanted."""
    if free >= wanted:
        return []
    what = f"{free / GIB:.1f} GiB are free on the disk of {path} and {wanted / GIB:.0f} GiB are needed"
    return [Problem(what, "Free some space, or put the folder elsewhere (OXY_STATE, OXY_CACHE)")]


def cgroup_problems(mounts: str, v2_controllers: str | None) -> list[Problem]:
    """Judge the control groups by the text of ``/proc/self/mounts`` and of the root's ``cgroup.controllers``.

    ``v2_controllers`` is ``None`` where version 2 is not mounted at ``/sys/fs/cgroup``.
    """
    mounted = [line.split(" ") for line in mounts.splitlines() if line.split(" ")[2] in ("cgroup", "cgroup2")]
    remedy = "In a container, run it privileged with its own control-group namespace; else boot with systemd's defaults"
    if not mounted:
        return [Problem("no control groups are mounted below /sys/fs/cgroup", remedy)]
    if any(fields[3].split(",")[0] == "ro" for fields in mounted):
        return [Problem("the control groups are mounted read-only", remedy)]
    if v2_controllers is not None:
        lacking = set(CONTROLLERS_V2) - set(v2_controllers.split())
    else:
        lacking = set(CONTROLLERS_V1) - {option for fields in mounted for option in fields[3].split(",")}
    return [Problem(f"control-group controllers are missing: {', '.join(sorted(lacking))}", remedy)] if lacking else []


def delegation_problems(subtree_control: str) -> list[Problem]:
    """Judge ``cgroup.subtree_control`` of a container's own root group, which cannot do what the machine's can."""
    lacking = sorted(set(CONTROLLERS_V2) - set(subtree_control.split()))
    if not lacking:
        return []
    enabled = " ".join(f"+{name}" for name in CONTROLLERS_V2)
    what = f"this container does not hand on the control-group controllers {', '.join(lacking)}"
    remedy = (
        "Run `cd /sys/fs/cgroup && mkdir -p init && xargs -rn1 < cgroup.procs > init/cgroup.procs; "
        f'echo "{enabled}" > cgroup.subtree_control`'
    )
    return [Problem(what, remedy)]


def route_problems(routes: str) -> list[Problem]:
    """Judge the text of ``/proc/net/route``: nobody else may use the cluster's networks."""
    networks = (addresses.POD_NETWORK, addresses.SERVICE_NETWORK)
    return [
        Problem(
            f"the network {taken} on {interface} overlaps the cluster's {' or '.join(networks)}",
            f"Take {interface} down; it may belong to another Kubernetes",
        )
        for taken, interface in network.overlapping_routes(routes, networks)
    ]


def other_node_problems(kubelets: Iterable[str]) -> list[Problem]:
    """Return a problem for each kubelet: a second one in a file system clears the first one's device plugins."""
    return [
        Problem(
            f"another Kubernetes node runs on this machine: {kubelet}",
            "Use that cluster (CLUSTER=existing) or stop its kubelet and kube-proxy",
        )
        for kubelet in kubelets
    ]


def feature_problems(features: Mapping[str, bool]) -> list[Problem]:
    """Return a problem for each kernel feature that does not work."""
    return [
        Problem(f"the kernel lacks {name}", f"Run `modprobe {name}`, or use a kernel that has it")
        for name, works in features.items()
        if not works
    ]


def listening(table: str, state: str) -> dict[int, str]:
    """Read the text of ``/proc/net/tcp`` or ``udp``: the inode of the socket by its local port."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16): row[9] for row in rows if row[3] == state}


def meminfo_available(text: str) -> int:
    """Read the bytes of memory that are free or can be freed from the text of ``/proc/meminfo``."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, flags=re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _raise(problems: list[Problem]) -> None:
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        message = f"this machine is not ready for the cluster:\n{lines}"
        raise PreflightError(message)


def _port_problems(ours: set[int]) -> list[Problem]:
    inodes: dict[int, str] = {}
    for protocol, state in LISTENING.items():
        table = Path("/proc/net") / protocol
        if table.exists():
            inodes |= {
                port: inode for port, inode in listening(table.read_text(), state).items() if port in addresses.PORTS
            }
    if not inodes:
        return []
    owners = _socket_owners(set(inodes.values()))
    users = {port: _describe(owners.get(inode)) for port, inode in inodes.items() if owners.get(inode) not in ours}
    return port_problems(users)


def _socket_owners(inodes: set[str]) -> dict[str, int]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[str, int] = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if (target := str(link.readlink())) in wanted:
                owners[wanted[target]] = int(link.parts[2])
    return owners


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process that cannot be seen"
    with suppress(OSError):
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return f"process {pid} ({' '.join(words[:2]).strip()})"
    return f"process {pid}"


def _resource_problems(layout: Layout) -> list[Problem]:
    building = not binary.is_cached()
    available = meminfo_available(Path("/proc/meminfo").read_text())
    problems = memory_problems(available, MEMORY_TO_BUILD if building else MEMORY_TO_RUN)
    folders = {"state": (layout.root, DISK_TO_RUN)}
    if building:
        folders = {"state": (layout.root, DISK_TO_BUILD), "cache": (binary.cache_root(), DISK_TO_BUILD)}
    for path, wanted in folders.values():
        existing = next(parent for parent in [path, *path.parents] if parent.exists())
        problems += disk_problems(path, shutil.disk_usage(existing).free, wanted)
    return problems


def _v2_controllers() -> str | None:
    with suppress(OSError):
        return Path("/sys/fs/cgroup/cgroup.controllers").read_text()
    return None


def _delegation_problems() -> list[Problem]:
    root = Path("/sys/fs/cgroup")
    # Only a group that is not the machine's own root has a type.
    if not (root / "cgroup.type").exists():
        return []
    return delegation_problems((root / "cgroup.subtree_control").read_text())


def _other_kubelets(ours: set[int]) -> list[str]:
    """Return the kubelets in this process's own mount namespace that are not the cluster's."""
    found = []
    here = Path("/proc/self/ns/mnt").readlink()
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            pid = int(comm.parts[2])
            kubelet = comm.read_text().strip() == "kubelet" and pid not in ours
            if kubelet and (comm.with_name("ns") / "mnt").readlink() == here:
                found.append(_describe(pid))
    return found


def _can_bridge() -> bool:
    name = "oxytrial0"
    made = succeeds(["ip", "link", "add", name, "type", "bridge"])
    succeeds(["ip", "link", "delete", name])
    return made


def _can_filter() -> bool:
    made = succeeds(["nft", "add", "table", "ip", "oxy-trial"])
    succeeds(["nft", "delete", "table", "ip", "oxy-trial"])
    return made
