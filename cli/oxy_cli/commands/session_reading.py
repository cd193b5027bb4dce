"""``oxy sessions list``, ``show`` and ``stats``: stored sessions, their backups, their figures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.errors import SessionCommandError
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import age, console, print_json, print_table
from oxy_cli.session_admin import backups_of, readable_bytes
from oxy_cli.session_view import SessionView, sessions_of

Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.")]

_LISTED: Final = ("NAMESPACE", "NAME", "ORG", "STATE", "LINKED", "SIZE", "BACKUPS", "LAST-BACKUP", "CLAIM")

BACKUP_COLUMNS: Final = ("ID", "STORED", "SIZE", "EPOCH", "REQUESTED", "LIBRARY")

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


def the_session(cluster: Cluster, name: str) -> SessionView:
    """Return one session of the namespace; raises SessionCommandError if there is none of this name."""
    found = next((item for item in stored_sessions(cluster, everywhere=False) if item.name == name), None)
    if found is None:
        message = (
            f"namespace {cluster.namespace} has neither an instance {name} nor a volume that one of this name left. "
            "`oxy sessions list -A` lists all."
        )
        raise SessionCommandError(message)
    return found


def list_(
    *,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List sessions, also those that deleted instances left."""
    found = stored_sessions(Cluster.connect(context, namespace), everywhere=everywhere)
    if output is Output.JSON:
        print_json([item.summary() for item in found])
    elif found:
        now = datetime.now(UTC)
        print_table(_LISTED, [_row(item, now) for item in found])
    else:
        console().print("There is no session. Apply a WhatsAppInstance: kubectl apply -f examples/petshop.yaml")


def _row(item: SessionView, now: datetime) -> list[str]:
    last = item.last_backup_at
    return [
        item.namespace,
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
    found = None if organization else the_session(cluster, name)
    backups = backups_of(system, organization or (found.organization if found else ""), name)
    summary = (
        found.summary() | {"backup": found.status.get("backup"), "restore": found.status.get("restore")}
        if found
        else {"name": name, "organization": organization}
    )
    if output is Output.JSON:
        print_json({**summary, "backups": backups})
        return
    print_table(("", ""), [(key, _text(value)) for key, value in summary.items() if value is not None])
    console().print()
    if backups:
        print_table(BACKUP_COLUMNS, backup_rows(backups))
    else:
        console().print("It has no backup.")


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def backup_rows(backups: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return backups as rows of a table."""
    return [
        [
            item["id"],
            item["storedAt"],
            readable_bytes(item["bytes"]),
            str(item["epoch"]),
            "yes" if item["requested"] else "no",
            item["library"],
        ]
        for item in backups
    ]


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
