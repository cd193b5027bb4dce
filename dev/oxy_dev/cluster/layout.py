"""Where a cluster keeps what it has: everything is under one folder, which taking it down empties."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[3]
MARKER: Final = ".oxy-cluster"
"""A file that says a folder is ours to empty."""
LONGEST_ROOT: Final = 60
"""A socket's path has at most 107 bytes; the longest under the folder adds 45."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of the cluster under ``root``, an absolute path."""

    root: Path

    @property
    def marker(self) -> Path:
        """The file by which `oxy_dev.cluster.teardown` knows that it may empty the folder."""
        return self.root / MARKER

    @property
    def removing(self) -> Path:
        """A file that is there from the moment the cluster is being removed until nothing of it is left."""
        return self.root / f"{MARKER}.removing"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def tools(self) -> Path:
        """Links to kubectl, helm and the rest, for a person's PATH."""
        return self.root / "bin"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """Certificates, keys and the parts' own kubeconfigs."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration files."""
        return self.root / "config"

    @property
    def etcd(self) -> Path:
        """The database of the API server."""
        return self.root / "etcd"

    @property
    def volumes(self) -> Path:
        """A folder a persistent volume."""
        return self.root / "volumes"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root."""
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """What the containers print."""
        return self.root / "pods"

    @property
    def containerd(self) -> Path:
        """Images and snapshots."""
        return self.root / "containerd"

    @property
    def run(self) -> Path:
        """What does not outlive the machine's next start: sockets, running containers, network namespaces."""
        return self.root / "run"

    @property
    def temporary(self) -> Path:
        """Temporary files of the parts."""
        return self.run / "tmp"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def runc(self) -> Path:
        """A folder a running container."""
        return self.run / "runc"

    @property
    def addresses(self) -> Path:
        """The pod addresses that are given out."""
        return self.run / "addresses"

    @property
    def sysctls(self) -> Path:
        """Kernel settings as they were before the cluster."""
        return self.root / "sysctls.json"

    @property
    def boot_id(self) -> Path:
        """Which start of the machine `run` belongs to."""
        return self.root / "boot-id"


def default() -> Layout:
    """Return the layout in ``$OXY_STATE``, else in ``.oxy`` in the project's root."""
    configured = os.environ.get("OXY_STATE")
    return Layout(Path(configured).absolute() if configured else PROJECT / ".oxy")
