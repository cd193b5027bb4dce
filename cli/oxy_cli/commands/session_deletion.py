"""``oxy sessions delete``: deletes what is kept of a session, and only by its organization's name."""

from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.commands.session_reading import stored_sessions, the_gone, the_session
from oxy_cli.commands.session_waiting import print_result
from oxy_cli.errors import SessionCommandError
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.questions import typed
from oxy_cli.session_admin import ask_operator, backups_of, readable_bytes
from oxy_cli.session_view import BACKUPS_ONLY, SessionView

_LOSS: Final = (
    ": the phone has to be linked anew. A device that is still linked stays so until it is removed there (WhatsApp > "
    "Settings > Linked devices)"
)


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
    found = _deletable(cluster, system, name, organization)
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
        message = f"{name} has no backup {backup_id}; `{_how_to_show(found)}` lists them"
        raise SessionCommandError(message)
    if found.claim is None and not doomed:
        message = f"organization {found.organization} has neither a volume nor a backup of an instance {name}"
        raise SessionCommandError(message)
    what = _consequence(found, doomed, backup_id) if heir is None else _volume_alone(found, heir)
    loss = _LOSS if backup_id is None and heir is None else ""
    _confirm_by_name(found, f"{what}, for good{loss}", organization)
    chosen = [] if backup_id is None else ["--backup", backup_id]
    deleted = ask_operator(system, ["delete", found.organization, name, *chosen]) if doomed else []
    if backup_id is None and found.claim is not None and found.claim_uid is not None:
        cluster.delete_claim(found.claim, found.claim_uid)
    result = {"name": name, "claim": found.claim if backup_id is None else None, "backups": [i["id"] for i in deleted]}
    print_result(result, output, f"Deleted {what}.")


def _heir(cluster: Cluster, found: SessionView) -> str | None:
    """Return the namespace of an instance whose backups those of a deleted one are by now; None: there is none.

    They are known by organization and name, and both may have moved on to another namespace.
    """
    everywhere = stored_sessions(cluster, everywhere=True)
    heirs = (item for item in everywhere if (item.organization, item.name) == (found.organization, found.name))
    return next((item.namespace for item in heirs if not item.orphaned), None)


def _volume_alone(found: SessionView, heir: str) -> str:
    return f"the volume {found.claim} of {found.name}, without the backups, which are those of {found.name} in {heir}"


def _deletable(cluster: Cluster, system: Cluster, name: str, organization: str | None) -> SessionView:
    """Return the session of the namespace, or that of which only backups of an organization may be left.

    Raises SessionCommandError if there is neither, or the instance is in another namespace.
    """
    here = [item for item in stored_sessions(cluster, everywhere=False) if item.name == name]
    # Of two, one is an instance that is refused for the claim that the other organization left.
    here.sort(key=lambda item: item.organization != organization)
    if here or organization is None:
        return here[0] if here else the_session(cluster, name, system)
    return the_gone(cluster, name, organization)


def _how_to_show(found: SessionView) -> str:
    whose = f" --organization {found.organization}" if found.state == BACKUPS_ONLY else ""
    return f"oxy sessions show {found.name} -n {found.namespace}{whose}"


def _consequence(found: SessionView, doomed: list[dict[str, Any]], backup_id: str | None) -> str:
    size = readable_bytes(sum(item["bytes"] for item in doomed))
    if backup_id is not None:
        return f"backup {backup_id} of {found.name} ({size})"
    backups = f"{len(doomed)} backup{'' if len(doomed) == 1 else 's'}"
    if found.claim is None:
        return f"the {backups} of {found.name} ({size}), which left no volume"
    return f"the volume {found.claim} of {found.name}, and its {backups} ({size})"


def _confirm_by_name(found: SessionView, what: str, organization: str | None) -> None:
    """Have a person type the organization's name; raises SessionCommandError if it is another one."""
    question = f"This deletes {what}. Name of the organization"
    given = organization if organization is not None else typed(question, "--organization NAME")
    if given != found.organization:
        message = f"nothing was deleted: {found.name} does not belong to organization {given}"
        raise SessionCommandError(message)
