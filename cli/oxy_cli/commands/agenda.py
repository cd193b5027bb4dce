"""``oxy agenda``: who comes on a day or in a week, and dated changes of an instance's opening hours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from oxy_cli.cluster import Cluster
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table
from oxy_cli.worker_admin import administer

app = typer.Typer(no_args_is_help=True, help="Bookings of a day or a week, and dated changes of opening hours.")

DAY_FORMS: Final = ["%Y-%m-%d"]
MOMENT_FORMS: Final = ["%Y-%m-%dT%H:%M"]

Day = Annotated[datetime | None, typer.Argument(formats=DAY_FORMS, help="The day; today by default.")]
Week = Annotated[bool, typer.Option("--week", help="Show the whole week of the day, from Monday.")]
First = Annotated[datetime, typer.Argument(formats=DAY_FORMS, help="The day, or the first of several.")]
Last = Annotated[
    datetime | None, typer.Option("--until", formats=DAY_FORMS, help="The last day, if there are several.")
]
Begins = Annotated[datetime, typer.Argument(formats=MOMENT_FORMS, help="When it begins, local time.")]
Ends = Annotated[datetime, typer.Argument(formats=MOMENT_FORMS, help="When it ends, local time.")]
Reason = Annotated[str, typer.Option(help="Why; customers may be told.")]
Resource = Annotated[str | None, typer.Option(help="Key of a resource; default: the whole business.")]
Hours = Annotated[list[str], typer.Option("--hours", help="HH:MM-HH:MM; repeat it for several periods.")]
Ids = Annotated[list[int], typer.Argument(help="Ids from `oxy agenda changes`.")]


@dataclass(frozen=True, slots=True)
class AgendaOf:
    """Whose agenda it is, and where the workers run."""

    name: str
    namespace: str | None
    system_namespace: str
    context: str | None

    def ask(self, *arguments: str) -> Any:  # noqa: ANN401 the JSON that the worker prints
        """Run a command of ``python -m oxy_ai.admin agenda``."""
        instance = InstanceView.of(Cluster.connect(self.context, self.namespace).instance(self.name))
        verb, *options = arguments
        command = ["agenda", verb, *whose_agenda(instance), *options]
        return administer(Cluster.connect(self.context, self.system_namespace), command)


def whose_agenda(instance: InstanceView) -> list[str]:
    """Return the options that tell a worker whose agenda it is, and in which time zone."""
    zone = [] if instance.timezone is None else ["--timezone", instance.timezone]
    return ["--organization", instance.organization, *zone]


@app.command()
def show(  # noqa: PLR0913 each is an option of the command
    name: Name,
    day: Day = None,
    *,
    week: Week = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show a day or a week: hours, dated changes and bookings."""
    chosen = [*([] if day is None else ["--day", f"{day:%Y-%m-%d}"]), *(["--week"] if week else [])]
    found = AgendaOf(name, namespace, system_namespace, context).ask("show", *chosen)
    if output is Output.JSON:
        print_json(found)
        return
    for item in found["days"]:
        print_day(item)


@app.command()
def changes(
    name: Name,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List the present and coming dated changes."""
    found = AgendaOf(name, namespace, system_namespace, context).ask("changes")
    if output is Output.JSON:
        print_json(found)
    else:
        print_changes(found["changes"])


@app.command()
def close(  # noqa: PLR0913 each is an option of the command
    name: Name,
    day: First,
    *,
    until: Last = None,
    reason: Reason,
    resource: Resource = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Close some days, or give a person days off. Bookings stay; those that no longer fit are listed."""
    made = AgendaOf(name, namespace, system_namespace, context).ask(
        "close", *_days(day, until), *_why(reason, resource)
    )
    print_made(made, output)


@app.command()
def hours(  # noqa: PLR0913 each is an option of the command
    name: Name,
    day: First,
    *,
    hours: Hours,
    until: Last = None,
    reason: Reason,
    resource: Resource = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Give some days other hours. Bookings stay; those that no longer fit are listed."""
    made = AgendaOf(name, namespace, system_namespace, context).ask(
        "hours", *_days(day, until), *_why(reason, resource), "--hours", *hours
    )
    print_made(made, output)


@app.command()
def block(  # noqa: PLR0913 each is an option of the command
    name: Name,
    begins: Begins,
    ends: Ends,
    *,
    reason: Reason,
    resource: Resource = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Block a slot, so that nothing more is booked in it. Bookings stay and are listed."""
    bounds = ["--begins", f"{begins:%Y-%m-%dT%H:%M}", "--ends", f"{ends:%Y-%m-%dT%H:%M}"]
    made = AgendaOf(name, namespace, system_namespace, context).ask("block", *bounds, *_why(reason, resource))
    print_made(made, output)


@app.command()
def remove(  # noqa: PLR0913 each is an option of the command
    name: Name,
    ids: Ids,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Remove dated changes; the usual hours count again."""
    found = AgendaOf(name, namespace, system_namespace, context).ask("remove", *map(str, ids))
    if output is Output.JSON:
        print_json(found)
    else:
        console().print(f"Removed: {', '.join(map(str, found['removed']))}.")


def _days(first: datetime, last: datetime | None) -> list[str]:
    return ["--first", f"{first:%Y-%m-%d}", *([] if last is None else ["--last", f"{last:%Y-%m-%d}"])]


def _why(reason: str, resource: str | None) -> list[str]:
    return [f"--reason={reason}", *([] if resource is None else [f"--resource={resource}"])]


def print_made(made: dict[str, Any], output: Output) -> None:
    """Write a dated change that was made, and the bookings that no longer fit."""
    if output is Output.JSON:
        print_json(made)
        return
    print_changes([made["change"]])
    print_outside(made["outside"])


def print_outside(bookings: Sequence[dict[str, Any]]) -> None:
    """Write the bookings that do not fit the hours any more, if there are any."""
    if bookings:
        console().print("[bold]These bookings no longer fit. They are kept; tell the customers:[/]")
        _print_bookings(bookings)


def print_day(item: dict[str, Any]) -> None:
    """Write a day with its hours, dated changes and bookings."""
    name = f"{datetime.fromisoformat(item['day']):%a %Y-%m-%d}"
    open_hours = ", ".join(item["hours"]) or "closed"
    holiday = f" ({escape(item['holiday'])})" if item.get("holiday") else ""
    console().print(f"[bold]{name}[/] {open_hours}{holiday}")
    if item["changes"]:
        print_changes(item["changes"])
    _print_bookings(item["bookings"])


def print_changes(changes: Sequence[dict[str, Any]]) -> None:
    """Write dated changes as a table."""
    if not changes:
        console().print("There are no dated changes.")
        return
    rows = [
        [
            str(item["id"]),
            item["kind"],
            item["begins"],
            item["ends"],
            _named(item["hours"]),
            item.get("resource") or "",
            item["reason"],
            item["made_by"],
        ]
        for item in changes
    ]
    print_table(["ID", "CHANGE", "BEGINS", "ENDS", "HOURS", "RESOURCE", "REASON", "BY"], rows)


def _print_bookings(bookings: Iterable[dict[str, Any]]) -> None:
    rows = [
        [
            str(item["id"]),
            item["begins"],
            item["ends"],
            item["service"],
            item["subject"],
            _named(item["resources"]),
            item.get("customer") or "",
            item.get("phone") or "",
            "yes" if item.get("confirmed") else "",
        ]
        for item in bookings
    ]
    if rows:
        print_table(["BOOKING", "BEGINS", "ENDS", "SERVICE", "FOR", "WITH", "CUSTOMER", "PHONE", "CONFIRMED"], rows)


def _named(names: Iterable[str]) -> str:
    return ", ".join(names)
