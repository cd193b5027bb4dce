"""Taking a cluster down: afterwards the machine is as it was before, but for installed packages and the cache."""

import signal
from typing import Final

from oxy_dev.cluster import host, network, processes
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.cluster.layout import Layout

ROUNDS: Final = 2
"""A process that is being started while the first round looks is seen by the second."""


def tear_down(layout: Layout) -> None:
    """End every process and remove every mount, network part, control group and file of the cluster.

    Works on one that is half up, and on none. Raises `ClusterError` when the folder is not a cluster's.
    """
    if layout.root.is_dir() and any(layout.root.iterdir()) and not layout.marker.exists():
        message = f"{layout.root} is not a cluster's state folder, so nothing in it was touched. Check OXY_STATE."
        raise ClusterError(message)
    if layout.marker.exists():
        layout.removing.touch()
    stop_everything(layout)
    if not _others_run(layout):
        network.tear_down()
        host.restore_sysctls(layout)
        host.remove_traces(layout)
    if layout.root.is_dir():
        host.empty_folder(layout)


def stop_everything(layout: Layout) -> None:
    """End the processes, containers included, and detach what is mounted; the data stays.

    Raises `ClusterError` when a process or a mount stays.
    """
    # Nothing is left to be served or saved, and an API server takes ten seconds to end politely.
    for _ in range(ROUNDS):
        processes.stop(processes.of_cluster(layout), signal.SIGKILL)
    if left := processes.of_cluster(layout):
        message = f"process {left[0].pid} ({left[0].part}) does not end. Look at /proc/{left[0].pid}/stack, or restart."
        raise ClusterError(message)
    host.kill_containers(host.container_ids(layout))
    host.remove_shim_sockets(layout)
    host.unmount_below(layout.root)


def _others_run(layout: Layout) -> bool:
    """Tell whether another folder's cluster runs: the bridge and the tables are then its own."""
    return any(process.cluster != str(layout.root) for process in processes.scan())
