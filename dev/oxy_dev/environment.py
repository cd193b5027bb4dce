"""Where the development system is: names, phones, cluster and the way to its simulator."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from oxy_dev.cluster import layout
from oxy_dev.cluster.errors import ClusterError, CommandError
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


def uses_existing_cluster() -> bool:
    """Tell whether the user asked for the cluster of the current kubeconfig (``CLUSTER=existing``)."""
    return os.environ.get("CLUSTER") == "existing"


def kubeconfig() -> Path | None:
    """Return the local cluster's kubeconfig, or None for the user's current one."""
    return None if uses_existing_cluster() else layout.default().kubeconfig


def running_kubectl() -> Kubectl | None:
    """Return kubectl for the running system, or None if there is none."""
    config = kubeconfig()
    if config is not None and not config.exists():
        return None
    kubectl = Kubectl.of(config)
    try:
        kubectl("get", "--namespace", DEV_NAMESPACE, "service", SIMULATOR, "--request-timeout=3s")
    except (CommandError, ClusterError):
        return None
    return kubectl


@contextlib.contextmanager
def forwarding_simulator(kubectl: Kubectl) -> Iterator[str]:
    """Forward the simulator's control API to this machine; yields its URL."""
    with kubectl.forwarding(DEV_NAMESPACE, f"service/{SIMULATOR}", CONTROL_PORT) as port:
        yield f"http://127.0.0.1:{port}"
