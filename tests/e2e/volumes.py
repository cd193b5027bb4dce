"""Session volumes of the local node: their files, and one with a size of its own."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from chaos.breaking import signal_all
from e2e.fleet import NAMESPACE, WITHIN, Fleet, Member
from integration.tenant.small_volumes import SmallVolume, small_volume

from oxy_core.instance.custom_resource import claim_name
from oxy_dev.cluster import layout
from oxy_dev.cluster.addresses import NODE
from oxy_dev.cluster.shell import run
from oxy_dev.kubectl import Kubectl

OWN_CLASS: Final = "own-volume"
"""Storage class of claims that wait for a volume of this name's class: nobody provisions for it."""

SQLITE: Final = b"SQLite format 3\0"
"""How a database's file begins. Source: https://sqlite.org/fileformat.html, section 1.3."""

Json = Any
"""Any JSON value."""


async def damage_session(fleet: Fleet, member: Member) -> None:
    """Put rubbish in the place of a member's session, while its processes stand still; then end them by force."""
    file = await session_file(fleet, member)
    async with _ended_by_force(fleet, member):
        # A session that has just begun is in the log alone.
        for part in (file.with_name("session.db-wal"), file):
            if part.exists():
                part.write_bytes(b"no database at all" * 1000)


async def delete_session(fleet: Fleet, member: Member) -> None:
    """Delete a member's session, while its processes stand still; then end them by force."""
    file = await session_file(fleet, member)
    async with _ended_by_force(fleet, member):
        file.unlink()


@asynccontextmanager
async def _ended_by_force(fleet: Fleet, member: Member) -> AsyncIterator[None]:
    """Have a member's processes stand still, and kill them at the end; the kubelet starts its container again.

    SQLite may crash if its files are replaced while it runs. Source: https://sqlite.org/howtocorrupt.html#unlink.
    """
    async with asyncio.timeout(WITHIN):
        while not (processes := await asyncio.to_thread(_processes, fleet, member)):  # noqa: ASYNC110 no event
            await asyncio.sleep(0.5)
    signal_all(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all(processes, signal.SIGKILL)


def _processes(fleet: Fleet, member: Member) -> list[int]:
    """Return the process ids on this machine of a member's container; none while it does not run."""
    pod = fleet.kubectl.find("--namespace", NAMESPACE, "pod", f"wai-{member.name}-0") or {}
    for container in pod.get("status", {}).get("containerStatuses", ()):
        _, _, container_id = container.get("containerID", "").rpartition("/")
        if container_id and "running" in container["state"]:
            return [
                int(group.parent.name) for group in Path("/proc").glob("[0-9]*/cgroup") if container_id in _read(group)
            ]
    return []


def _read(file: Path) -> str:
    """Return a text in ``/proc``; empty if its process has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return file.read_text()
    return ""


async def session_file(fleet: Fleet, member: Member) -> Path:
    """Wait until a member has a session, and return where this machine has it."""
    claim = await asyncio.to_thread(fleet.kubectl.get, "--namespace", NAMESPACE, "pvc", claim_name(member.name))
    volume = await asyncio.to_thread(fleet.kubectl.get, "pv", claim["spec"]["volumeName"])
    file = Path(volume["spec"]["local"]["path"]) / "session.db"
    async with asyncio.timeout(WITHIN):
        while not _is_database(file):  # noqa: ASYNC110 no event
            await asyncio.sleep(0.5)
    return file


def _is_database(file: Path) -> bool:
    return file.exists() and file.read_bytes()[: len(SQLITE)] == SQLITE


@contextmanager
def own_volume(kubectl: Kubectl, instance: str, size: int) -> Iterator[None]:
    """Have a volume of so many bytes ready for an instance whose claim names `OWN_CLASS`; it needs to be root."""
    volume = volume_of(instance)
    while volume.folder.is_mount():  # of a run that was killed
        run(["umount", "--lazy", str(volume.folder)])
    name = volume.folder.name
    kubectl("delete", "pv", name, "--ignore-not-found")
    with small_volume(volume.folder, size):
        kubectl.apply(_persistent_volume(name, instance, volume.folder))
        try:
            yield
        finally:
            kubectl("delete", "pv", name, "--wait=false")
    volume.folder.rmdir()


def volume_of(instance: str) -> SmallVolume:
    """Return the volume that `own_volume` makes for an instance."""
    return SmallVolume(layout.default().root / "own-volumes" / instance)


def _persistent_volume(name: str, instance: str, folder: Path) -> Json:
    on_this_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "64Mi"},
            "accessModes": ["ReadWriteOncePod"],
            "volumeMode": "Filesystem",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_this_node]}]}},
            "claimRef": {"namespace": NAMESPACE, "name": claim_name(instance)},
            "storageClassName": OWN_CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
        },
    }
