"""``oxy sessions backup``, ``restore`` and ``delete``: what changes a session, or what is kept of it."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.commands.session_reading import stored_sessions, the_session
from oxy_cli.errors import SessionCommandError
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_json
from oxy_cli.session_admin import ask_operator, backups_of, readable_bytes
from oxy_cli.session_view import SessionView
from oxy_core.instance.custom_resource import BACKUP_ANNOTATION

POLL_SECONDS: Final = 1.0

WAIT_SECONDS: Final = 300
"""A pod reads its settings up to a minute and a half after they have changed."""

_CAVEAT: Final = (
    "The session that it replaces is set aside on the volume. What was received or sent since the backup was made, it "
    "does not know: of those chats, the first messages may be lost."
)

T = TypeVar("T")

Timeout = Annotated[int, typer.Option(min=0, help="Seconds to wait for it; 0: do not wait.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def backup(
    name: Name,
    *,
    timeout: Timeout = WAIT_SECONDS,
    namespace: Namespace = None,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Have the pod make a backup at once, and wait until it was restored in a test."""
    cluster, nonce = Cluster.connect(context, namespace), secrets.token_hex(8)
    cluster.patch_instance(name, {"metadata": {"annotations": {BACKUP_ANNOTATION: nonce}}})

    def answer() -> Mapping[str, Any] | None:
        told = _session(cluster, name).get("backup") or {}
        return told if told.get("nonce") == nonce and told.get("outcome") in {"Done", "Refused"} else None

    found = _waited(answer, timeout, lambda: _late_backup(cluster, name, nonce, timeout))
    if found is not None and found["outcome"] == "Refused":
        message = f"{name} was not backed up: {found.get('message') or found.get('reason') or 'nothing to back up'}"
        raise SessionCommandError(message)
    result = {"name": name, "nonce": nonce, "outcome": (found or {}).get("outcome", "Requested")}
    _print(result | ({"backupId": found["backupId"]} if found else {}), output, _backed_up(name, found))


def _backed_up(name: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return f"Asked {name} for it."
    return f"Backup {found['backupId']} of {name} was made and restored in a test."


def _late_backup(cluster: Cluster, name: str, nonce: str, timeout: int) -> str:
    told = _session(cluster, name).get("backup") or {}
    known = told if told.get("nonce") == nonce else {}
    silent = "Its pod has not answered; `oxy status` shows whether it runs."
    why = known.get("message") or known.get("reason") or silent
    outcome = known.get("outcome", "Requested")
    return f"{name} has no new backup after {timeout} s ({outcome}). {why} It stays asked for."


def restore(  # noqa: PLR0913 each is an option of the command
    name: Name,
    backup_id: Annotated[str, typer.Argument(metavar="[BACKUP]", help="Id of a backup.")] = "latest",
    *,
    instance: Annotated[
        str | None, typer.Option(help="The instance whose backup it is, which had the same number before.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also replace a session that is newer.")] = False,
    yes: Yes = False,
    timeout: Timeout = WAIT_SECONDS,
    namespace: Namespace = None,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Replace an instance's session by a backup: sets spec.session.restoreFrom, and waits until it is done."""
    cluster = Cluster.connect(context, namespace)
    _confirm(f"Replace the session of {name} by backup {backup_id}? {_CAVEAT}", yes=yes)
    wanted = {"backupId": backup_id, "force": force} | ({"instance": instance} if instance else {})
    held = _session_spec(cluster, name).get("restoreFrom")
    if held is not None:
        # What is set already was carried out already: only a wish that was taken away in between is a new one.
        cluster.patch_instance(name, {"spec": {"session": {"restoreFrom": None}}})
        _waited(lambda: "restore" not in _session(cluster, name), max(timeout, 1), lambda: _no_operator(name))
    cluster.patch_instance(name, {"spec": {"session": {"restoreFrom": wanted}}})

    def answer() -> Mapping[str, Any] | None:
        told = _condition(cluster, name)
        return told if told and (told["status"] == "True" or _is_final(cluster, name, told["reason"])) else None

    found = _waited(answer, timeout, lambda: _late_restore(cluster, name, timeout))
    if found is not None and found["status"] != "True":
        message = f"{name}: {found['message']}"
        raise SessionCommandError(message)
    result = {"name": name, "restoreFrom": wanted, "outcome": found["reason"] if found else "Requested"}
    _print(result, output, found["message"] if found else f"Asked {name} to restore it.")


def _is_final(cluster: Cluster, name: str, reason: str) -> bool:
    """Whether a restore will not come about by waiting."""
    refused = (_session(cluster, name).get("restore") or {}).get("outcome") == "Refused"
    return refused or reason in {"BackupNotFound", "BackupOfAnotherNumber"}


def _late_restore(cluster: Cluster, name: str, timeout: int) -> str:
    told = _condition(cluster, name) or {}
    return f"{name} is not restored after {timeout} s. {told.get('message', _no_operator(name))} It goes on."


def _no_operator(name: str) -> str:
    return f"The operator has not looked at {name}; `kubectl get wai {name}` shows whether it works."


def delete(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    backup_id: Annotated[
        str | None, typer.Option("--backup", help="Only this backup. Without it: the volume and all backups.")
    ] = None,
    organization: Annotated[
        str | None,
        typer.Option(
            help="The organization's name, which you are asked for otherwise; it also finds backups of one that "
            "left no volume either."
        ),
    ] = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Delete what a deleted instance left, for good: its volume and its backups. Or one backup of any instance."""
    cluster, system = Cluster.connect(context, namespace), Cluster.connect(context, system_namespace)
    found = _deletable(cluster, name, organization)
    if backup_id is None and not found.orphaned:
        message = (
            f"WhatsAppInstance {name} exists, and its session is in use. Delete the instance first: kubectl delete wai "
            f"{name} -n {found.namespace}. To link another phone instead: oxy pair {name} -n {found.namespace}"
        )
        raise SessionCommandError(message)
    heir = _heir(cluster, found) if backup_id is None else None
    held = backups_of(system, found.organization, name) if heir is None else []
    doomed = [item for item in held if backup_id in {None, item["id"]}]
    if backup_id is not None and not doomed:
        message = f"{name} has no backup {backup_id}; `oxy sessions show {name} -n {found.namespace}` lists them"
        raise SessionCommandError(message)
    if found.claim is None and not doomed:
        message = f"organization {found.organization} has neither a volume nor a backup of an instance {name}"
        raise SessionCommandError(message)
    what = _consequence(found, doomed, backup_id) if heir is None else _volume_alone(found, heir)
    loss = ": the phone has to be linked anew" if backup_id is None and heir is None else ""
    _confirm_by_name(found, f"{what}, for good{loss}", organization)
    chosen = [] if backup_id is None else ["--backup", backup_id]
    deleted = ask_operator(system, ["delete", found.organization, name, *chosen]) if doomed else []
    if backup_id is None and found.claim is not None and found.claim_uid is not None:
        cluster.delete_claim(found.claim, found.claim_uid)
    result = {"name": name, "claim": found.claim if backup_id is None else None, "backups": [i["id"] for i in deleted]}
    _print(result, output, f"Deleted {what}.")


def _heir(cluster: Cluster, found: SessionView) -> str | None:
    """Return the namespace of an instance whose backups those of a deleted one are by now; None: there is none.

    They are known by organization and name, and both may have moved on to another namespace.
    """
    everywhere = stored_sessions(cluster, everywhere=True)
    heirs = (item for item in everywhere if (item.organization, item.name) == (found.organization, found.name))
    return next((item.namespace for item in heirs if not item.orphaned), None)


def _volume_alone(found: SessionView, heir: str) -> str:
    return f"the volume {found.claim} of {found.name}, without the backups, which are those of {found.name} in {heir}"


def _deletable(cluster: Cluster, name: str, organization: str | None) -> SessionView:
    """Return the session of the namespace, or that of which only backups of an organization may be left.

    Raises SessionCommandError if there is neither, or the instance is in another namespace.
    """
    here = [item for item in stored_sessions(cluster, everywhere=False) if item.name == name]
    if here or organization is None:
        return here[0] if here else the_session(cluster, name)
    for item in stored_sessions(cluster, everywhere=True):
        if (item.organization, item.name) == (organization, name):
            message = f"{name} of organization {organization} is in namespace {item.namespace}: add -n {item.namespace}"
            raise SessionCommandError(message)
    return SessionView.gone(cluster.namespace, name, organization)


def _consequence(found: SessionView, doomed: list[dict[str, Any]], backup_id: str | None) -> str:
    size = readable_bytes(sum(item["bytes"] for item in doomed))
    if backup_id is not None:
        return f"backup {backup_id} of {found.name} ({size})"
    if found.claim is None:
        return f"the {len(doomed)} backups of {found.name} ({size}), which left no volume"
    return f"the volume {found.claim} of {found.name}, and its {len(doomed)} backups ({size})"


def _confirm_by_name(found: SessionView, what: str, organization: str | None) -> None:
    """Have a person type the organization's name; raises SessionCommandError if it is another one."""
    question = f"This deletes {what}. Name of the organization"
    given = organization if organization is not None else typer.prompt(question, err=True)
    if given != found.organization:
        message = f"nothing was deleted: {found.name} does not belong to organization {given}"
        raise SessionCommandError(message)


def _confirm(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        message = "nothing was changed"
        raise SessionCommandError(message)


# -- what the instance says


def _session(cluster: Cluster, name: str) -> Mapping[str, Any]:
    return (cluster.instance(name).get("status") or {}).get("session") or {}


def _session_spec(cluster: Cluster, name: str) -> Mapping[str, Any]:
    return cluster.instance(name)["spec"].get("session") or {}


def _condition(cluster: Cluster, name: str) -> Mapping[str, Any] | None:
    """Return the condition Restored, unless it is about an earlier spec."""
    resource = cluster.instance(name)
    conditions = (resource.get("status") or {}).get("conditions") or ()
    current = resource["metadata"].get("generation", 0)
    found = (item for item in conditions if item["type"] == "Restored")
    return next((item for item in found if item.get("observedGeneration", current) >= current), None)


def _waited(condition: Callable[[], T | None], timeout: int, why_late: Callable[[], str]) -> T | None:
    """Return what a condition returned in time; None if nobody waits. Raises SessionCommandError if it is late."""
    deadline = time.monotonic() + timeout
    while timeout:
        if found := condition():
            return found
        if time.monotonic() >= deadline:
            raise SessionCommandError(why_late())
        time.sleep(POLL_SECONDS)
    return None


def _print(result: Mapping[str, Any], output: Output, text: str) -> None:
    if output is Output.JSON:
        print_json(result)
    else:
        console().print(text, markup=False)
