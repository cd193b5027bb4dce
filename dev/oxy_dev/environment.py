"""Names and phones of the development system, its cluster, and access to its simulator."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from oxy_dev.cluster import layout
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.cluster.up import EVERYTHING, answers, is_held, stopped_parts
from oxy_dev.kubectl import Kubectl

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SYSTEM_NAMESPACE: Final = "oxy"
DEV_NAMESPACE: Final = "oxy-dev"
TENANT_NAMESPACE: Final = "default"
INSTANCE: Final = "petshop"
ORGANIZATION: Final = "petshop-aurora"
BUSINESS_PHONE: Final = "+5511987650000"
SIMULATOR: Final = "whatsapp-simulator"
CONTROL_PORT: Final = 9101
PROXY_PORT: Final = 9100
TIRELESS: Final = {"OXY_LOOP_QUICK_ANSWERS": "0", "OXY_LOOP_ANSWERS": "0", "OXY_LOOP_REPEATS": "0"}
"""Environment of workers whose customers are programs, which never take the time to read."""


class NoClusterError(ClusterError):
    """There is no cluster here."""


class BrokenClusterError(ClusterError):
    """There is a cluster, but it does not work; the message says what is missing and how to repair it."""


def uses_existing_cluster() -> bool:
    """Return whether to use the cluster of the current kubeconfig (``CLUSTER=existing``)."""
    return os.environ.get("CLUSTER") == "existing"


def kubeconfig() -> Path | None:
    """Return the local cluster's kubeconfig; None for the user's current one."""
    return None if uses_existing_cluster() else layout.default().kubeconfig


def require_cluster() -> None:
    """Raise NoClusterError or BrokenClusterError unless the local cluster works; the user's own is not checked."""
    if uses_existing_cluster():
        return
    local = layout.default()
    if not local.kubeconfig.exists():
        message = f"there is no cluster in {local.root}. Bring everything up: make up"
        raise NoClusterError(message)
    if is_held(local):
        message = f"another command is bringing the cluster in {local.root} up or down. Wait until it has ended."
        raise BrokenClusterError(message)
    if stopped := stopped_parts(local):
        what = (
            f"nothing of the cluster in {local.root} runs; the machine was restarted, or its processes were killed"
            if stopped == [EVERYTHING]
            else f"the cluster in {local.root} is broken: {' and '.join(stopped)} ended; logs are in {local.logs}"
        )
        message = f"{what}. `make up` repairs it and keeps its data; `make down` removes it."
        raise BrokenClusterError(message)
    if not answers(local):
        message = (
            f"the API server of the cluster in {local.root} is running but does not answer. Its log is "
            f"{local.logs / 'kube-apiserver.log'}; `make up` waits for it, `make down` removes everything."
        )
        raise BrokenClusterError(message)


def require_system() -> Kubectl:
    """Return kubectl for the running system; raises NoClusterError or BrokenClusterError."""
    require_cluster()
    kubectl = Kubectl.of(kubeconfig())
    if kubectl.find("--namespace", DEV_NAMESPACE, "service", SIMULATOR, "--request-timeout=5s") is None:
        message = "the cluster is running, but Oxy is not completely installed on it. `make up` completes it."
        raise BrokenClusterError(message)
    return kubectl


@contextlib.contextmanager
def forwarding_simulator(kubectl: Kubectl) -> Iterator[str]:
    """Forward a local port to the simulator's control API; yields its URL."""
    with kubectl.forwarding(DEV_NAMESPACE, f"service/{SIMULATOR}", CONTROL_PORT) as port:
        yield f"http://127.0.0.1:{port}"
