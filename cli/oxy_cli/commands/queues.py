"""``oxy queues``: the queues of messages, automations and campaigns."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.exit_codes import FAILURE
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import print_event, print_rows
from oxy_cli.worker_admin import administer_each

app = typer.Typer(no_args_is_help=True, help="The queues of messages, automations and campaigns.")


class Queue(StrEnum):
    """The queues."""

    MESSAGE = "message"
    AUTOMATION = "automation"
    CAMPAIGN = "campaign"


COLUMNS: Final = ("QUEUE", "INSTANCE", "STATION", "SECONDS", "")


@app.callback()
def queues() -> None:
    """Group the commands."""


@app.command(name="test")
def probe(  # noqa: PLR0913 each is an option of the command
    queue: Annotated[Queue | None, typer.Argument(help="Which queue; default: all.")] = None,
    *,
    organization: Annotated[str | None, typer.Option(help="Through an instance of this organization.")] = None,
    instance: Annotated[
        str | None, typer.Option(help="Through the instance of this name; default: the first that is open.")
    ] = None,
    within: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each station.")] = 15.0,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Send a probe through the live system and print its way with times. It reaches no customer, paired or not.

    Exits with 1 if it gets stuck, and says where and why.
    """
    options = {"--organization": organization, "--instance": instance, "--within": str(within)}
    chosen = [part for name, value in options.items() if value is not None for part in (name, value)]
    arguments = ["queues", "test", *([] if queue is None else [queue]), *chosen]
    stuck: list[Mapping[str, Any]] = []
    # With status 1 the worker says that a station was not reached, which it has printed.
    stations = _watched(administer_each(Cluster.connect(context, system_namespace), arguments, accepted=(0, 1)), stuck)
    if output is Output.JSON:
        for station in stations:
            print_event(station)
    else:
        print_rows(COLUMNS, map(row, stations), widths=_WIDTHS)
    if stuck:
        raise typer.Exit(FAILURE)


_WIDTHS: Final = (10, 24, 12, 7, 0)


def _watched(stations: Iterable[Mapping[str, Any]], stuck: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Pass the stations on, and keep those that were not reached."""
    for station in stations:
        if not station["reached"]:
            stuck.append(station)
        yield station


def row(station: Mapping[str, Any]) -> list[str]:
    """Return a station as a row."""
    found = station["detail"] if station["reached"] else f"STUCK: {station['detail']}"
    return [station["lane"], station["instance"], station["station"], f"{station['seconds']:7.3f}", found]
