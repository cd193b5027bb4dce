"""Asks the operator about backups, and pods about sessions that were set aside: both by a command in their pods."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from oxy_cli.cluster import Cluster
from oxy_cli.errors import AdminError
from oxy_cli.worker_admin import answer_of

OPERATOR_LABELS: Final = {"app.kubernetes.io/name": "oxy", "app.kubernetes.io/component": "operator"}

_KIBI: Final = 1024


def ask_operator(system: Cluster, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run ``python -m oxy_operator.session_admin`` in the operator that leads; return what it printed.

    Raises AdminError with its message if it refuses.
    """
    pod = system.ready_pod(OPERATOR_LABELS)
    if pod is None:
        message = (
            f"no operator is ready in namespace {system.namespace}. Is Oxy installed there (--system-namespace)? "
            f"`kubectl get pods -n {system.namespace}` shows why it is not ready."
        )
        raise AdminError(message)
    completed = system.execute(pod, ["python", "-m", "oxy_operator.session_admin", *arguments])
    found: list[dict[str, Any]] = answer_of(completed, pod)
    return found


def ask_pod(cluster: Cluster, pod: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run ``python -m oxy_tenant.set_aside`` in an instance's pod; return what it printed. Raises AdminError."""
    completed = cluster.execute(pod, ["python", "-m", "oxy_tenant.set_aside", *arguments])
    found: list[dict[str, Any]] = answer_of(completed, pod)
    return found


def backups_of(system: Cluster, organization: str, instance: str) -> list[dict[str, Any]]:
    """Return the backups of an instance, newest first, whether or not it still exists. Raises AdminError."""
    found = ask_operator(system, ["list"])
    return [item for item in found if (item["organization"], item["instance"]) == (organization, instance)]


def stored_at(backup: dict[str, Any]) -> datetime:
    """Return when a backup was stored, by the clock of the bus."""
    return datetime.fromisoformat(backup["storedAt"])


def readable_bytes(size: float | None) -> str:
    """Return a size in one unit: 512 B, 3.1 MiB.

    >>> readable_bytes(3_250_000)
    '3.1 MiB'
    """
    if size is None:
        return ""
    units = ["B", "KiB", "MiB", "GiB"]
    while size >= _KIBI and len(units) > 1:
        size /= _KIBI
        del units[0]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
