"""What the cluster changes on the host outside its folder, other than the network: how to see it and how to undo it."""

import json
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from oxy_dev.cluster.errors import ClusterError
from oxy_dev.cluster.files import write_if_changed
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.shell import run, succeeds

SYSCTLS: Final = (
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Kernel settings that containerd's network plugins (the first) and the kubelet (the rest) change for good."""
CGROUPS: Final = Path("/sys/fs/cgroup")
CONTAINER_CGROUP: Final = "k8s.io"
"""containerd puts the containers of its Kubernetes namespace into control groups of this name."""
DEVICE_PLUGINS: Final = Path("/var/lib/kubelet/device-plugins")
"""The kubelet writes these whatever its root is."""
LOG_LINKS: Final = Path("/var/log/containers")
CNI_RESULTS: Final = Path("/var/lib/cni/results")
"""libcni remembers the result of each attachment here."""
CGROUP_TIMEOUT: Final = 5.0
"""Seconds that killed processes have to leave their control group."""
POLL: Final = 0.05
"""Seconds between two checks whether they have."""


def remember_sysctls(layout: Layout) -> None:
    """Write down the kernel settings as they are, unless that was done before the cluster first started."""
    if not layout.sysctls.exists():
        found = {name: path.read_text().strip() for name in SYSCTLS if (path := _sysctl(name)).exists()}
        write_if_changed(layout.sysctls, json.dumps(found))


def restore_sysctls(layout: Layout) -> None:
    """Set the kernel settings to what they were."""
    if layout.sysctls.exists():
        for name, value in json.loads(layout.sysctls.read_text()).items():
            with suppress(OSError):
                if _sysctl(name).read_text().strip() != value:
                    _sysctl(name).write_text(value)


def is_new_boot(layout: Layout) -> bool:
    """Tell whether the machine was started again since the cluster was."""
    return layout.boot_id.exists() and layout.boot_id.read_text() != _boot_id()


def remember_boot(layout: Layout) -> None:
    """Write down which start of the machine this is."""
    write_if_changed(layout.boot_id, _boot_id())


def mounts_below(mountinfo: str, root: Path) -> list[str]:
    """Return the mount points below ``root`` in the text of ``/proc/self/mountinfo``, the last mounted first."""
    points = (line.split(" ")[4].encode().decode("unicode_escape") for line in mountinfo.splitlines())
    return [point for point in points if point.startswith(f"{root}/")][::-1]


def unmount_below(folder: Path) -> None:
    """Detach every mount below a folder.

    Raises `ClusterError` when one stays: what is mounted there would be deleted with the folder.
    """
    for point in _mounts(folder):
        succeeds(["umount", "--lazy", point])
    if left := _mounts(folder):
        message = (
            f"cannot unmount {', '.join(left)}. Find what uses it (`fuser -vm {left[0]}`), end that, and try again."
        )
        raise ClusterError(message)


def container_ids(layout: Layout) -> set[str]:
    """Return the ids of the containers that containerd or runc know as running."""
    folders = (layout.runc / "k8s.io", task_folder(layout))
    return {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()}


def task_folder(layout: Layout) -> Path:
    """Return where containerd keeps a folder for each running container."""
    return layout.run / "containerd" / "io.containerd.runtime.v2.task" / "k8s.io"


def kill_containers(ids: Iterable[str]) -> None:
    """Kill every process of these containers; remove their control groups, in all hierarchies, and loopback results."""
    for identity in sorted(ids):
        _unlink(CNI_RESULTS.glob(f"cni-loopback-{identity}-*"))
        groups = _groups(f"{CONTAINER_CGROUP}/{identity}")
        _empty(groups)
        for group in groups:
            for folder in sorted([group, *(path for path in group.rglob("*") if path.is_dir())], reverse=True):
                with suppress(OSError):
                    folder.rmdir()
    for group in _groups(CONTAINER_CGROUP):
        with suppress(OSError):
            group.rmdir()


def remove_shim_sockets(layout: Layout) -> None:
    """Remove the sockets that containerd's shims open outside the cluster's folder."""
    if not task_folder(layout).is_dir():
        return
    for folder in task_folder(layout).iterdir():
        with suppress(OSError):
            Path((folder / "address").read_text().removeprefix("unix://")).unlink()


def remove_traces(layout: Layout) -> None:
    """Remove what the kubelet and the network plugins leave at fixed places outside the cluster's folder."""
    _unlink(path for path in LOG_LINKS.glob("*.log") if path.readlink().is_relative_to(layout.root))
    _unlink(CNI_RESULTS.glob("oxy-*"))
    _unlink(DEVICE_PLUGINS.glob("*"))
    for folder in (
        LOG_LINKS,
        CNI_RESULTS,
        CNI_RESULTS.parent / "cache",
        CNI_RESULTS.parent,
        DEVICE_PLUGINS,
        DEVICE_PLUGINS.parent,
        Path("/run/containerd/s"),
        Path("/run/containerd"),
    ):
        with suppress(OSError):
            folder.rmdir()


def empty_folder(layout: Layout) -> None:
    """Remove all that is in the cluster's folder, the marks last, so that a second try may go on."""
    marks = (layout.removing, layout.marker)
    for entry in layout.root.iterdir():
        if entry in marks:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for mark in marks:
        mark.unlink(missing_ok=True)


def overlay_works(folder: Path) -> bool:
    """Tell whether an overlay can be mounted on the file system of ``folder``: not on top of another overlay."""
    trial = folder / "overlay-trial"
    shutil.rmtree(trial, ignore_errors=True)
    layers = {name: trial / name for name in ("lower", "upper", "work", "merged")}
    for layer in layers.values():
        layer.mkdir(parents=True)
    options = f"lowerdir={layers['lower']},upperdir={layers['upper']},workdir={layers['work']}"
    mounted = succeeds(["mount", "-t", "overlay", "overlay", "-o", options, layers["merged"]])
    if mounted:
        run(["umount", layers["merged"]])
    shutil.rmtree(trial)
    return mounted


def _mounts(folder: Path) -> list[str]:
    return mounts_below(Path("/proc/self/mountinfo").read_text(), folder)


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text()


def _groups(name: str) -> list[Path]:
    """Return the folders of a control group: one in version 2, one a hierarchy in version 1."""
    return [path for parent in [CGROUPS, *CGROUPS.glob("*/")] if (path := parent / name).is_dir()]


def _empty(groups: Sequence[Path]) -> None:
    deadline = time.monotonic() + CGROUP_TIMEOUT
    while (pids := _members(groups)) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        time.sleep(POLL)


def _members(groups: Sequence[Path]) -> set[int]:
    pids: set[int] = set()
    for group in groups:
        with suppress(OSError):
            pids.update(int(line) for path in group.rglob("cgroup.procs") for line in path.read_text().split())
    return pids


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
