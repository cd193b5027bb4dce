"""``oxy status``: the state of instances, all in a table or one in detail."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.instance import InstanceView
from oxy_cli.options import Context, Format, Namespace, Output
from oxy_cli.output import age, console, print_json, print_table
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

_EVERYWHERE: Final = typer.Option("--all-namespaces", "-A", help="List the instances of all namespaces.")


def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One instance, in detail.")] = None,
    *,
    namespace: Namespace = None,
    everywhere: Annotated[bool, _EVERYWHERE] = False,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show the state of instances: all of a namespace in a table, or one in detail."""
    cluster = Cluster.connect(context, namespace)
    if name is not None:
        _print_one(InstanceView.of(cluster.instance(name)), output)
        return
    instances = [InstanceView.of(item) for item in cluster.instances(everywhere=everywhere)]
    if output is Output.JSON:
        print_json([item.summary() for item in instances])
    elif instances:
        _print_all(instances, everywhere=everywhere)
    else:
        where = "in the cluster" if everywhere else f"in namespace {cluster.namespace}"
        console().print(f"There is no WhatsAppInstance {where}. Apply one: kubectl apply -f examples/petshop.yaml")


def _print_all(instances: list[InstanceView], *, everywhere: bool) -> None:
    now = datetime.now(UTC)
    columns = NAMESPACED_COLUMNS if everywhere else COLUMNS
    print_table(list(columns), [[cell(instance, now) for cell in columns.values()] for instance in instances])


def _print_one(instance: InstanceView, output: Output) -> None:
    detail = instance.detail()
    if output is Output.JSON:
        print_json(detail)
        return
    conditions = detail.pop("conditions")
    print_table(("", ""), [(_words(key), _text(value)) for key, value in detail.items() if value is not None])
    if conditions:
        console().print()
        columns = ("type", "status", "reason", "message")
        print_table([column.upper() for column in columns], [[item[key] for key in columns] for item in conditions])


def _words(key: str) -> str:
    """Return a JSON key as words.

    >>> _words("nextAttemptAt")
    'next attempt at'
    """
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key)


def _text(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
