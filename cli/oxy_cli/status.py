"""``oxy status``: how instances do."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.instance import Instance
from oxy_cli.options import Context, Format, Namespace, Output
from oxy_cli.output import age, console, print_json, print_table

_EVERYWHERE = typer.Option("--all-namespaces", "-A", help="List the instances of all namespaces.")


def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One instance, in detail.")] = None,
    *,
    namespace: Namespace = None,
    everywhere: Annotated[bool, _EVERYWHERE] = False,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show how instances do: all of a namespace in a table, or one in detail."""
    cluster = Cluster.connect(context, namespace)
    if name is not None:
        _show(Instance.of(cluster.instance(name)), output)
        return
    instances = [Instance.of(item) for item in cluster.instances(everywhere=everywhere)]
    if output is Output.JSON:
        print_json([item.summary() for item in instances])
    elif instances:
        _list(instances, everywhere=everywhere)
    else:
        where = "in the cluster" if everywhere else f"in namespace {cluster.namespace}"
        console().print(f"There is no WhatsAppInstance {where}. Apply one: kubectl apply -f examples/petshop.yaml")


def _list(instances: list[Instance], *, everywhere: bool) -> None:
    now = datetime.now(UTC)
    columns = ["NAME", "ORG", "PHONE", "PHASE", "READY", "REASON", "ATTEMPTS", "AGE"]
    rows = []
    for item in instances:
        shown = item.summary()
        cells = [item.name, item.organization, shown["phone"], item.phase, item.ready.status, item.ready.reason]
        rows.append([*([item.namespace] if everywhere else []), *cells, str(item.attempts), age(item.created_at, now)])
    print_table([*(["NAMESPACE"] if everywhere else []), *columns], rows)


def _show(instance: Instance, output: Output) -> None:
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
