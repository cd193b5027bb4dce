"""``oxy catalog``: an instance's services, prices, resources and opening hours."""

from typing import Annotated, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.commands.agenda import print_changes, print_outside, whose_agenda
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_yaml
from oxy_cli.worker_admin import administer
from oxy_cli.yaml_files import read_yaml

app = typer.Typer(no_args_is_help=True, help="An instance's services, prices, resources and opening hours.")

_FILE: Final = typer.Option("--filename", "-f", help="File with the catalog in YAML; - for standard input.")


@app.command()
def apply(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: Annotated[str, _FILE],
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove all dated changes (`oxy agenda changes`).")
    ] = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Replace the catalog of an instance's organization. Dated changes beside it are kept and listed."""
    text = read_yaml(filename)
    instance = _instance(name, context, namespace)
    arguments = ["catalog", "apply", *whose_agenda(instance), *(["--replace"] if replace else [])]
    answer = administer(Cluster.connect(context, system_namespace), arguments, [text.encode()])
    if output is Output.JSON:
        print_json(answer)
    else:
        console().print(f"The catalog of {instance.organization} is applied; the next answer uses it.")
        for what, changes in (("kept; --replace removes them", answer["kept"]), ("removed", answer["removed"])):
            if changes:
                console().print(f"Dated changes, {what}:")
                print_changes(changes)
        print_outside(answer["outside"])


@app.command()
def show(
    name: Name,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Print the catalog of an instance's organization, in the form that `apply` reads."""
    arguments = ["catalog", "show", "--organization", _instance(name, context, namespace).organization]
    answer = administer(Cluster.connect(context, system_namespace), arguments)
    if output is Output.JSON:
        print_json(answer)
    else:
        print_yaml(answer)


def _instance(name: str, context: str | None, namespace: str | None) -> InstanceView:
    return InstanceView.of(Cluster.connect(context, namespace).instance(name))
