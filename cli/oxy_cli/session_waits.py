"""Why an instance will not do what is asked of its session until a person acts: there is nothing to wait for. Pure."""

from typing import Any, Final

from oxy_cli.instance import InstanceView
from oxy_core.instance.custom_resource import REPAIR_ANNOTATION

_WITHOUT_PROXY: Final = frozenset({"ProxySecretMissing", "ProxyUrlMissing", "ProxyUrlUnusable"})
"""Reasons of Ready for which no pod is started."""

Resource = dict[str, Any]
"""A WhatsAppInstance's JSON."""


def why_stopped(resource: Resource) -> str | None:
    """Return why the instance has no pod that is told anything, until a person acts; None: it has, or will.

    What the status says of an earlier spec counts for nothing.
    """
    view = InstanceView.of(resource)
    if "deletionTimestamp" in resource["metadata"]:
        return f"{view.name} is being deleted."
    if view.suspended:
        return f"{view.name} is suspended, so it has no pod. Set spec.suspend to false."
    if not _is_current(resource):
        return None
    for kind in ("Accepted", "Ready"):
        found = view.condition(kind)
        if found.status == "False" and (kind == "Accepted" or found.reason in _WITHOUT_PROXY):
            return f"{view.name} is {view.phase} ({found.reason}): {found.message}"
    return None


def why_without_session(resource: Resource) -> str | None:
    """Return why the instance has no session in use that could be backed up, until a person acts; None: it has."""
    stopped = why_stopped(resource)
    if stopped is not None or not _is_current(resource):
        return stopped
    view = InstanceView.of(resource)
    asked = resource["metadata"].get("annotations", {}).get(REPAIR_ANNOTATION)
    if view.repair_required and asked in {None, view.repaired}:
        return f"{view.name} is {view.phase} ({view.ready.reason}): {view.ready.message}"
    paired = view.condition("Paired")
    if paired.status == "False":
        return f"{view.name} has no session ({paired.reason}): {paired.message}"
    return None


def what_it_does(resource: Resource) -> str:
    """Return what the instance's condition Ready says, for whoever has waited in vain."""
    view = InstanceView.of(resource)
    reason = f" ({view.ready.reason})" if view.ready.reason else ""
    return f"{view.name} is {view.phase}{reason}: {view.ready.message}"


def _is_current(resource: Resource) -> bool:
    generation = resource["metadata"].get("generation", 0)
    return bool((resource.get("status") or {}).get("observedGeneration", generation) >= generation)
