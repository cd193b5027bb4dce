"""``oxy status``: the state of instances, all in a table or one in detail."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.errors import AdminError
from oxy_cli.instance import HOW_TO_CREATE, InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Namespace, Output, SystemNamespace
from oxy_cli.output import age, console, print_json, print_table
from oxy_cli.sending import WAITING_COLUMNS, sending_rows, waiting_rows
from oxy_cli.worker_admin import administer
from oxy_core.identity import mask

COLUMNS: Final[Mapping[str, Callable[[InstanceView, datetime], str]]] = {
    "NAME": lambda instance, _: instance.name,
    "ORG": lambda instance, _: instance.organization,
    "PHONE": lambda instance, _: mask(instance.phone),
    "PHASE": lambda instance, _: instance.phase,
    "READY": lambda instance, _: instance.ready.status,
    "REASON": lambda instance, _: instance.ready.reason,
    "ATTEMPTS": lambda instance, _: str(instance.attempts),
    "AGE": lambda instance, now: age(instance.created_at, now),
}
"""The columns of the table: each renders a field of an instance at a given time (UTC)."""

NAMESPACED_COLUMNS: Final[Mapping[str, Callable[[InstanceView, datetime], str]]] = {
    "NAMESPACE": lambda instance, _: instance.namespace,
    **COLUMNS,
}
"""The same for `--all-namespaces`."""

OVERLAY_COLUMNS: Final[Mapping[str, str]] = {
    "FIELD": "field",
    "IN SPEC": "resource",
    "IN FORCE": "in_force",
    "BY": "made_by",
    "SINCE": "made_at",
    "UNTIL": "until",
}
"""The columns of what owners have changed, and their keys."""


SCHEDULE_COLUMNS: Final[Mapping[str, str]] = {"TO OWNERS": "name", "NEXT": "due_at", "LAST": "last_due_at"}
"""The columns of what the assistant writes to owners on its own, and their keys."""


class Overlays(NamedTuple):
    """What owners have changed of an instance's settings, and what they get when, as the workers know it."""

    settings: Sequence[Mapping[str, Any]] | None
    """None: no worker says."""
    schedules: Sequence[Mapping[str, Any]] = ()
    sending: Mapping[str, Any] | None = None
    """What the number may send without being asked; None: no worker says."""
    problem: str = ""
    """Why not."""


_EVERYWHERE: Final = typer.Option("--all-namespaces", "-A", help="List the instances of all namespaces.")


def status(  # noqa: PLR0913 each is an option of the command
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One instance, in detail.")] = None,
    *,
    namespace: Namespace = None,
    everywhere: Annotated[bool, _EVERYWHERE] = False,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show the state of instances: all of a namespace in a table, or one in detail."""
    cluster = Cluster.connect(context, namespace)
    if name is not None:
        instance = InstanceView.of(cluster.instance(name))
        _print_one(instance, _overlays(Cluster.connect(context, system_namespace), instance), output)
        return
    instances = [InstanceView.of(item) for item in cluster.instances(everywhere=everywhere)]
    if output is Output.JSON:
        print_json([item.summary() for item in instances])
    elif instances:
        _print_all(instances, everywhere=everywhere)
    else:
        where = "in the cluster" if everywhere else f"in namespace {cluster.namespace}"
        others = "" if everywhere else " `oxy status --all-namespaces` lists those of all."
        console().print(f"There is no WhatsAppInstance {where}.{others} {HOW_TO_CREATE}", markup=False)


def _print_all(instances: list[InstanceView], *, everywhere: bool) -> None:
    now = datetime.now(UTC)
    columns = NAMESPACED_COLUMNS if everywhere else COLUMNS
    print_table(list(columns), [[cell(instance, now) for cell in columns.values()] for instance in instances])
    frozen = [instance for instance in instances if instance.condition("Frozen").status == "True"]
    if frozen:
        names = ", ".join(instance.name for instance in frozen)
        console().print(f"\nFrozen, so nothing is sent: {names}. `oxy status {frozen[0].place}` says why.")


def _overlays(system: Cluster, instance: InstanceView) -> Overlays:
    """Return what owners have changed of the settings; only workers know that."""
    arguments = ["settings", "--organization", instance.organization, "--instance", instance.name]
    try:
        found = administer(system, arguments)
    except AdminError as error:
        return Overlays(None, problem=str(error))
    return Overlays(found["settings"], found["schedules"], found.get("sending"))


def _print_one(instance: InstanceView, overlays: Overlays, output: Output) -> None:
    detail = instance.detail()
    if output is Output.JSON:
        told = {"changedByOwners": overlays.settings, "schedules": overlays.schedules, "sending": overlays.sending}
        print_json({**detail, **told})
        return
    conditions = detail.pop("conditions")
    print_table(("", ""), [(_words(key), _text(value)) for key, value in detail.items() if value is not None])
    if conditions:
        console().print()
        columns = ("type", "status", "reason", "message")
        print_table([column.upper() for column in columns], [[item[key] for key in columns] for item in conditions])
    _print_overlays(overlays)
    if overlays.sending is not None:
        _print_sending(overlays.sending, instance.place)


def _print_sending(sending: Mapping[str, Any], place: str) -> None:
    """Print what the number of an instance, which is as commands take it, sends without being asked, and what waits."""
    console().print("\nWhat the number sends without being asked:")
    print_table(("", ""), sending_rows(sending, place))
    if rows := waiting_rows(sending):
        console().print()
        print_table(list(WAITING_COLUMNS), rows)


def _print_overlays(overlays: Overlays) -> None:
    """Print what is in force beside what the custom resource says."""
    if overlays.settings is None:
        console().print(f"\nWhether an owner has changed settings is unknown: {overlays.problem}")
    elif overlays.settings:
        console().print("\nChanged by an owner, until spec says otherwise:")
        print_table(list(OVERLAY_COLUMNS), overlay_rows(overlays.settings))
    if overlays.schedules:
        console().print("\nWhat the assistant writes to owners on its own:")
        print_table(list(SCHEDULE_COLUMNS), schedule_rows(overlays.schedules))


def overlay_rows(settings: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row for each field that has another value than the custom resource says."""
    keys = OVERLAY_COLUMNS.values()
    return [["" if item.get(key) is None else _text(item[key]) for key in keys] for item in settings]


def schedule_rows(schedules: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row for each schedule, its times on the clocks of the instance's zone.

    >>> schedule_rows([{"name": "daily_summary", "due_at": "2031-03-03T20:00:00-03:00"}])
    [['daily summary', '2031-03-03 20:00 -03:00', 'never']]
    """
    return [
        [str(item["name"]).replace("_", " "), _moment(item["due_at"]), _moment(item.get("last_due_at"))]
        for item in schedules
    ]


def _moment(at: str | None) -> str:
    if at is None:
        return "never"
    moment = datetime.fromisoformat(at)
    return f"{moment:%Y-%m-%d %H:%M} {moment.isoformat()[-6:]}"


def _words(key: str) -> str:
    """Return a JSON key as words.

    >>> _words("nextAttemptAt")
    'next attempt at'
    """
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key)


def _text(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
