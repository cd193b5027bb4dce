"""``oxy sessions list``, ``show`` and ``stats``: stored sessions, their backups, their figures."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.commands.session_details import BACKUP_COLUMNS, backup_rows, detail_lines, remarks
from oxy_cli.commands.session_waiting import say
from oxy_cli.errors import AdminError, ClusterError, SessionCommandError
from oxy_cli.instance import HOW_TO_CREATE
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import age, console, print_json, print_table
from oxy_cli.session_admin import ask_operator, backups_of, readable_bytes
from oxy_cli.session_view import BACKUPS_ONLY, Backup, SessionView, left_behind, sessions_of
from oxy_core.instance.custom_resource import place_of

Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.")]

_LISTED: Final = ("NAMESPACE", "NAME", "ORG", "STATE", "LINKED", "SIZE", "BACKUPS", "LAST-BACKUP", "CLAIM")

_NOWHERE: Final = "-"
"""Stands for the namespace of backups alone: they are known by organization and name."""

_FIGURES: Final[Mapping[str, Callable[[Any, datetime], str]]] = {
    "sizeBytes": lambda value, _: readable_bytes(value),
    "messages": lambda value, _: str(value),
    "peers": lambda value, _: str(value),
    "journalBytes": lambda value, _: readable_bytes(value),
    "setAsideBytes": lambda value, _: readable_bytes(value),
    "volumeFreeBytes": lambda value, _: readable_bytes(value),
    "linkedAt": lambda value, now: age(datetime.fromisoformat(value), now),
    "lastBackupAt": lambda value, now: age(datetime.fromisoformat(value), now),
}
_FIGURE_COLUMNS: Final = ("SIZE", "MESSAGES", "PEERS", "JOURNAL", "SET-ASIDE", "FREE", "LINKED", "LAST-BACKUP")
_SUMS: Final = ("sizeBytes", "messages", "peers", "journalBytes", "setAsideBytes")


def stored_sessions(cluster: Cluster, *, everywhere: bool) -> list[SessionView]:
    """Return all sessions of the namespace, or of all. Raises ClusterError."""
    return sessions_of(cluster.instances(everywhere=everywhere), cluster.claims(everywhere=everywhere))


def the_session(cluster: Cluster, name: str, system: Cluster | None = None) -> SessionView:
    """Return one session of the namespace; raises SessionCommandError if there is none of this name.

    In `system` runs the operator, which knows of backups that are left without any session.
    """
    found = next((item for item in stored_sessions(cluster, everywhere=False) if item.name == name), None)
    if found is None:
        message = (
            f"namespace {cluster.namespace} has neither an instance {name} nor a volume that one of this name left. "
            f"{_hint(name, system)}`oxy sessions list -A` lists all."
        )
        raise SessionCommandError(message)
    return found


def _hint(name: str, system: Cluster | None) -> str:
    """Return how to reach backups of an instance of this name; empty if there are none, or nobody can tell."""
    try:
        kept = ask_operator(system, ["list"]) if system else []
    except (AdminError, ClusterError):
        return ""
    organizations = sorted({item["organization"] for item in kept if item["instance"] == name})
    if not organizations:
        return ""
    options = " or ".join(f"--organization {organization}" for organization in organizations)
    return f"Backups of an instance of this name are kept: add {options}. "


def list_(
    *,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List sessions, also those that deleted instances left, be it backups alone."""
    cluster, system = Cluster.connect(context, namespace), Cluster.connect(context, system_namespace)
    found = _with_what_is_left(cluster, system, stored_sessions(cluster, everywhere=everywhere))
    if output is Output.JSON:
        print_json([item.summary() for item in found])
    elif found:
        now = datetime.now(UTC)
        print_table(_LISTED, [_row(item, now) for item in found])
    else:
        console().print(f"There is no session, nor a WhatsAppInstance. {HOW_TO_CREATE}", markup=False)


def _with_what_is_left(cluster: Cluster, system: Cluster, found: list[SessionView]) -> list[SessionView]:
    """Return sessions with the backups of deleted instances, which only the operator knows, and no namespace has.

    Raises SessionCommandError if there are no sessions, and nobody can tell whether there are backups.
    """
    try:
        left = left_behind(stored_sessions(cluster, everywhere=True), ask_operator(system, ["list"]))
    except (AdminError, ClusterError) as error:
        if not found:
            message = (
                "there is no instance here, and no volume that one left; whether backups of deleted ones are kept is "
                f"not known: {error}"
            )
            raise SessionCommandError(message) from error
        say(f"Without the backups that deleted instances left: {error}")
        return found
    places = {(item.namespace, item.name) for item in found}
    here = [item for item in left if item.state == BACKUPS_ONLY or (item.namespace, item.name) in places]
    return [*(item for item in found if not item.orphaned), *here]


def _row(item: SessionView, now: datetime) -> list[str]:
    last = item.last_backup_at
    return [
        item.namespace or _NOWHERE,
        item.name,
        item.organization,
        item.state,
        "yes" if item.linked else "no",
        readable_bytes(item.status.get("sizeBytes")),
        str(len(item.status.get("backups") or ())),
        age(last, now) if last else "",
        item.claim or "",
    ]


def show(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    organization: Annotated[
        str | None, typer.Option(help="Of an instance that no longer exists, and left no volume either.")
    ] = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show a session with all its backups; each of them was restored in a test when it was made."""
    cluster, system = Cluster.connect(context, namespace), Cluster.connect(context, system_namespace)
    found = _shown(cluster, system, name, organization)
    backups = _backups_shown(system, found)
    found = found.with_backups(backups or ()) if found.orphaned else found
    summary = found.summary() | {"backup": found.status.get("backup"), "restore": found.status.get("restore")}
    if output is Output.JSON:
        print_json({**summary, "backups": backups})
        return
    known = None if backups is None else len(backups)
    print_table(("", ""), detail_lines(summary | {"backups": known}, datetime.now(UTC)))
    if backups is not None:
        _print_backups(found, backups)


def _print_backups(found: SessionView, backups: Sequence[Backup]) -> None:
    console().print()
    rows = backup_rows(backups, found.number, {"phase": found.state, "session": found.status})
    if rows:
        print_table(BACKUP_COLUMNS, rows)
    else:
        console().print("It has no backup.")
    for said in remarks(rows, place_of(found.name, found.namespace)):
        console().print(said, markup=False)


def _backups_shown(system: Cluster, found: SessionView) -> Sequence[Backup] | None:
    """Return the backups of a session; if nobody can tell, those that its instance's status names, None: it has none.

    Raises SessionCommandError if there is nothing else of the session, and no backup is known.
    """
    try:
        backups = backups_of(system, found.organization, found.name)
    except (AdminError, ClusterError) as error:
        if found.state == BACKUPS_ONLY:
            message = (
                f"organization {found.organization} has no volume of an instance {found.name} here; whether backups of "
                f"it are kept is not known: {error}"
            )
            raise SessionCommandError(message) from error
        named = found.status.get("backups")
        said = "" if named is None else " Shown are those that its status named last, without what only they tell."
        say(f"Its backups cannot be looked at: {str(error).rstrip('.')}.{said}")
        return named
    if found.state == BACKUPS_ONLY and not backups:
        message = (
            f"organization {found.organization} has neither a volume nor a backup of an instance {found.name} here"
        )
        raise SessionCommandError(message)
    return backups


def _shown(cluster: Cluster, system: Cluster, name: str, organization: str | None) -> SessionView:
    """Return the session of the namespace; one of which only backups are left if an organization is named."""
    if organization is None:
        return the_session(cluster, name, system)
    here = stored_sessions(cluster, everywhere=False)
    own = next((item for item in here if (item.organization, item.name) == (organization, name)), None)
    return own or the_gone(cluster, name, organization)


def the_gone(cluster: Cluster, name: str, organization: str) -> SessionView:
    """Stand for a session of which only backups may be left; raises SessionCommandError if it is elsewhere."""
    for item in stored_sessions(cluster, everywhere=True):
        if (item.organization, item.name) == (organization, name):
            message = f"{name} of organization {organization} is in namespace {item.namespace}: add -n {item.namespace}"
            raise SessionCommandError(message)
    return SessionView.gone(cluster.namespace, name, organization)


def stats(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of one instance alone.")] = None,
    *,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show the sizes and figures of sessions, as their pods last told them, and their sum."""
    cluster, now = Cluster.connect(context, namespace), datetime.now(UTC)
    found = [the_session(cluster, name)] if name else stored_sessions(cluster, everywhere=everywhere)
    living = [item for item in found if not item.orphaned]
    if output is Output.JSON:
        print_json({"sessions": [figures(item) for item in living], "sum": sums(living)})
        return
    rows = [[item.namespace, item.name, *_cells(item.status, now)] for item in living]
    total = ["", "all", *_cells(sums(living), now)]
    print_table(("NAMESPACE", "NAME", *_FIGURE_COLUMNS), [*rows, total] if len(rows) != 1 else rows)


def figures(item: SessionView) -> dict[str, Any]:
    """Return the figures of a session, as JSON values."""
    known = {name: item.status.get(name) for name in (*_FIGURES, "volumeBytes", "checkedAt", "restoredAt", "updatedAt")}
    return {"namespace": item.namespace, "name": item.name, "organization": item.organization, **known}


def sums(items: Sequence[SessionView]) -> dict[str, int]:
    """Return the sums of the figures that can be added, and how many sessions have no backup."""
    added = {name: sum(item.status.get(name) or 0 for item in items) for name in _SUMS}
    return {"sessions": len(items), "withoutBackup": sum(item.last_backup_at is None for item in items), **added}


def _cells(status: Mapping[str, Any], now: datetime) -> list[str]:
    return ["" if (value := status.get(name)) is None else shown(value, now) for name, shown in _FIGURES.items()]
