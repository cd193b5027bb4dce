"""``oxy conversations``: conversations that people answer; taking one over and handing it back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.errors import ClusterError
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table, print_yaml
from oxy_cli.worker_admin import administer

app = typer.Typer(
    no_args_is_help=True,
    help="Conversations that people answer or are to answer: see who waits and why, take one over, hand it back.",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a conversation, as `oxy conversations list` lists it.")]
Minutes = Annotated[
    int | None, typer.Option(min=1, max=525_600, help="How long the assistant is silent; 12 hours if not given.")
]

COLUMNS: Final = ("id", "instance", "name", "phone", "state", "reason", "urgency", "waiting_since", "until")


@app.command(name="list")
def list_(  # noqa: PLR0913 each is an option of the command
    *,
    organization: Annotated[str | None, typer.Option(help="Only those of this organization.")] = None,
    instance: Annotated[str | None, typer.Option(help="Only those of this instance.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that the assistant answers.")] = False,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Only those of the instances of this namespace.")
    ] = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List the conversations that people answer, whoever waits longest for a person first."""
    system, chosen = Cluster.connect(context, system_namespace), [(organization, instance)]
    if namespace is not None:
        chosen = in_namespace(Cluster.connect(context, namespace), organization, instance)
    found: list[dict[str, Any]] = [
        item
        for place in chosen
        for item in administer(system, ["conversations", "list", *selection(*place, everything=everything)])
    ]
    if len(chosen) > 1:
        found.sort(key=lambda item: (item["waiting_since"] is None, item["waiting_since"] or ""))
    if output is Output.JSON:
        print_json(found)
    elif found:
        print_table([column.upper() for column in COLUMNS], [row(item) for item in found])
    else:
        console().print("The assistant answers everybody; nobody waits for a person.")


def in_namespace(
    cluster: Cluster, organization: str | None, instance: str | None
) -> list[tuple[str | None, str | None]]:
    """Return organization and name of the instances of a namespace, or of one; raises ClusterError if there is none."""
    resources = cluster.instances() if instance is None else [cluster.instance(instance)]
    found = [InstanceView.of(item) for item in resources]
    places: list[tuple[str | None, str | None]] = [
        (item.organization, item.name) for item in found if organization in {None, item.organization}
    ]
    if not places:
        whose = "" if organization is None else f" of organization {organization}"
        message = f"there is no WhatsAppInstance{whose} in namespace {cluster.namespace}"
        raise ClusterError(message)
    return places


def selection(organization: str | None, instance: str | None, *, everything: bool) -> list[str]:
    """Return the arguments that name what is listed."""
    options = {"--organization": organization, "--instance": instance}
    named = [part for name, value in options.items() if value is not None for part in (name, value)]
    return [*named, *(["--all"] if everything else [])]


def row(item: Mapping[str, object]) -> list[str]:
    """Return a conversation as a row of the list."""
    return ["" if item.get(column) is None else str(item[column]) for column in COLUMNS]


@app.command()
def show(
    conversation: Id,
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show a conversation with its newest messages, promises of a person, and drafts."""
    answer = administer(Cluster.connect(context, system_namespace), ["conversations", "show", conversation])
    if output is Output.JSON:
        print_json(answer)
    else:
        print_yaml(answer)


@app.command()
def export(  # noqa: PLR0913 each is an option of the command
    conversation: Id,
    *,
    redact: Annotated[bool, typer.Option(help="Replace names, numbers, addresses and documents.")] = False,
    most: Annotated[int | None, typer.Option(min=1, max=500, help="How many messages; 40 if not given.")] = None,
    filename: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
) -> None:
    """Make a golden dialogue of a conversation, so that a complaint becomes a test (`make evaluate`)."""
    options = [*(["--redact"] if redact else []), *([] if most is None else ["--most", str(most)])]
    arguments = ["conversations", "export", conversation, *options]
    answer = administer(Cluster.connect(context, system_namespace), arguments)
    if filename is None:
        console().print(answer["dialogue"], markup=False, highlight=False, soft_wrap=True)
    else:
        filename.write_text(answer["dialogue"], encoding="utf-8")
        console().print(f"Written to {filename}. Read it, change what should have come of it, and run it.")


@app.command()
def takeover(
    conversation: Id,
    *,
    minutes: Minutes = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Silence the assistant in a conversation, because a person answers."""
    lasting = [] if minutes is None else ["--minutes", str(minutes)]
    _do(["takeover", conversation, *lasting], context, system_namespace, output)


@app.command()
def handback(
    conversation: Id,
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Have the assistant answer a conversation again; what waits there is answered at once."""
    _do(["handback", conversation], context, system_namespace, output)


def _do(arguments: list[str], context: str | None, system_namespace: str, output: Output) -> None:
    answer = administer(Cluster.connect(context, system_namespace), ["conversations", *arguments])
    if output is Output.JSON:
        print_json(answer)
    else:
        console().print(answer["message"])
