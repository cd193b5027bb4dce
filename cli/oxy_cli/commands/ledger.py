"""``oxy ledger``: messages, texts and notices that are open or ended badly, since when, and what rules decided."""

from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.exit_codes import FAILURE
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table
from oxy_cli.worker_admin import administer

Organization = Annotated[
    str | None, typer.Argument(metavar="ORGANIZATION", help="spec.organizationId; without it, of all organizations.")
]
Oldest = Annotated[int, typer.Option(min=0, help="How many of the oldest entries of each organization are listed.")]

_COUNTS: Final = ("what", "state", "reason", "entries", "since", "wrong")
_RULES: Final = ("what", "state", "reason", "entries", "newest")
_ENTRIES: Final = ("what", "id", "instance", "phone", "state", "reason", "since", "wrong")


def ledger(
    organization: Organization = None,
    *,
    oldest: Oldest = 20,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show what is open or ended badly. Exit status 1: something is in a state that must not be."""
    arguments = ["ledger", *([] if organization is None else [organization]), "--oldest", str(oldest)]
    found = administer(Cluster.connect(context, system_namespace), arguments, accepted=(0, FAILURE))
    if output is Output.JSON:
        print_json(found)
    else:
        _print(found)
    if found["violations"]:
        raise typer.Exit(FAILURE)


def _print(found: dict[str, Any]) -> None:
    for page in found["organizations"]:
        console().print(f"[bold]{page['organization']}[/]")
        if page["counts"]:
            _print_rows(_COUNTS, page["counts"])
        if page.get("rules"):
            console().print("Decided by rules lately:")
            _print_rows(_RULES, page["rules"])
        if page["oldest"]:
            console().print("The oldest:")
            _print_rows(_ENTRIES, page["oldest"])
    if not found["organizations"]:
        console().print("Nothing is open, and nothing ended badly.")
    elif found["violations"]:
        console().print(f"[bold red]{found['violations']} entries are in a state that must not be[/] (WRONG).")


def _print_rows(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    print_table([name.upper() for name in columns], [[_cell(row.get(name)) for name in columns] for row in rows])


def _cell(value: object) -> str:
    return "" if value is None else str(value)
