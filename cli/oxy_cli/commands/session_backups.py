"""``oxy sessions backup``: has the pod make a backup at once."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from oxy_cli.cluster import Cluster
from oxy_cli.commands.session_waiting import WAIT_SECONDS, BusWatch, Timeout, print_result, say, waited
from oxy_cli.errors import SessionCommandError
from oxy_cli.options import Context, Format, Name, Namespace, Output
from oxy_cli.session_waits import Resource, what_it_does, why_without_session
from oxy_core.instance.custom_resource import BACKUP_ANNOTATION

_ENDED: Final = frozenset({"Done", "Refused"})


def backup(
    name: Name,
    *,
    timeout: Timeout = WAIT_SECONDS,
    namespace: Namespace = None,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Have the pod make a backup at once, and wait until it was restored in a test."""
    cluster = Cluster.connect(context, namespace)
    before = cluster.instance(name)
    if timeout and (why := why_without_session(before)):
        message = f"{name} was not backed up. {why}"
        raise SessionCommandError(message)
    request = _Request(name, _told(before).get("backupId"), BusWatch(timeout))
    cluster.patch_instance(name, {"metadata": {"annotations": {BACKUP_ANNOTATION: request.nonce}}})
    found = waited(
        lambda: request.answer(cluster.instance(name)), timeout, lambda: request.late(cluster.instance(name), timeout)
    )
    if found is not None and found["outcome"] == "Refused":
        message = f"{name} was not backed up: {found.get('message') or found.get('reason') or 'nothing to back up'}"
        raise SessionCommandError(message)
    result = {"name": name, "nonce": request.nonce, "outcome": (found or {}).get("outcome", "Requested")}
    made = {"backupId": found["backupId"], "answers": found["nonce"]} if found else {}
    print_result(result | made, output, _backed_up(name, found))


def _backed_up(name: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return f"Asked {name} for it."
    return f"Backup {found['backupId']} of {name} was made and restored in a test."


class _Request:
    """One request for a backup. The instance keeps only the last one, so another may take its place."""

    def __init__(self, name: str, last: str | None, bus: BusWatch) -> None:
        """`last` is the backup that answered the request before."""
        self.nonce = secrets.token_hex(8)
        self._name = name
        self._last = last
        self._bus = bus
        self._followed = self.nonce
        """The nonce that is waited for."""

    def answer(self, resource: Resource) -> Mapping[str, Any] | None:
        """Return what became of the request, or of a later one, whose backup is as good; None: nothing yet.

        Raises SessionCommandError if nothing will.
        """
        self._follow(resource)
        told = _told(resource)
        if told.get("nonce") == self._followed and told.get("outcome") in _ENDED:
            return told
        if why := why_without_session(resource):
            message = f"{self._name} has no new backup; it stays asked for. {why}"
            raise SessionCommandError(message)
        known = told if told.get("nonce") == self._followed else {}
        self._bus.note(known, f"{self._name} has no new backup; it stays asked for.")
        return None

    def _follow(self, resource: Resource) -> None:
        asked = resource["metadata"].get("annotations", {}).get(BACKUP_ANNOTATION)
        told = _told(resource)
        is_older = asked == told.get("nonce") != self.nonce and told.get("backupId", "") == self._last
        if asked is None or is_older:
            message = (
                f"the request for a backup of {self._name} is gone: somebody has removed the annotation "
                f"{BACKUP_ANNOTATION}, or set it back. Ask again: oxy sessions backup {self._name}"
            )
            raise SessionCommandError(message)
        if asked != self._followed:
            say(f"Another request for a backup of {self._name} has come after this one: its backup is waited for.")
            self._followed = asked

    def late(self, resource: Resource, timeout: int) -> str:
        """Explain that nothing has come in so many seconds."""
        told = _told(resource)
        known = told if told.get("nonce") == self._followed else {}
        why = known.get("message") or known.get("reason") or f"Its pod has not answered. {what_it_does(resource)}"
        outcome = known.get("outcome", "Requested")
        return f"{self._name} has no new backup after {timeout} s ({outcome}); it stays asked for. {why}"


def _told(resource: Resource) -> Mapping[str, Any]:
    session = (resource.get("status") or {}).get("session") or {}
    found: Mapping[str, Any] = session.get("backup") or {}
    return found
