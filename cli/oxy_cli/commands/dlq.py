"""``oxy dlq``: dead letters, which are turns that failed permanently and messages that could not be read."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table, print_yaml
from oxy_cli.worker_admin import administer

app = typer.Typer(
    no_args_is_help=True,
    help="Turns that failed permanently and messages that could not be read: see why, replay them or drop them.",
)

Letter = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter, as `oxy dlq ls` lists it.")]


@app.command()
def ls(
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List all dead letters, newest first."""
    letters: list[dict[str, Any]] = administer(Cluster.connect(context, system_namespace), ["dlq", "ls"])
    if output is Output.JSON:
        print_json(letters)
    elif letters:
        columns = list(dict.fromkeys(key for letter in letters for key in letter))
        rows = [[_cell(letter.get(column)) for column in columns] for letter in letters]
        print_table([column.upper() for column in columns], rows)
    else:
        console().print("There are no dead letters.")


@app.command()
def show(
    letter: Letter,
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show one dead letter with its attempts and errors."""
    answer = administer(Cluster.connect(context, system_namespace), ["dlq", "show", letter])
    if output is Output.JSON:
        print_json(answer)
    else:
        print_yaml(answer)


@app.command()
def replay(  # noqa: PLR0913 each is an option of the command
    letter: Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of a dead letter.")] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Replay all that no person has answered since, the oldest first.")
    ] = False,
    organization: Annotated[str | None, typer.Option(help="With --all: only those of this organization.")] = None,
    instance: Annotated[str | None, typer.Option(help="With --all: only those of this instance.")] = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Process a dead letter, or all, again: run the turn, or read the message, once more."""
    if (letter is None) is not everything:
        message = "name the dead letter to replay, or use --all"
        raise typer.BadParameter(message)
    arguments = ["dlq", "replay", *_selection(letter, organization, instance)]
    answer = administer(Cluster.connect(context, system_namespace), arguments)
    if everything and output is Output.TEXT:
        _print_all(answer)
    else:
        _print_done(answer, output)


@app.command()
def drop(
    letter: Letter,
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Drop a dead letter, so that it is never processed again."""
    _print_done(administer(Cluster.connect(context, system_namespace), ["dlq", "drop", letter]), output)


def _selection(letter: str | None, organization: str | None, instance: str | None) -> list[str]:
    if letter is not None:
        return [letter]
    options = {"--organization": organization, "--instance": instance}
    return ["--all", *(part for name, value in options.items() if value is not None for part in (name, value))]


def _print_all(actions: list[dict[str, Any]]) -> None:
    for action in actions:
        console().print(action["message"])
    console().print(summary(actions))


def summary(actions: Sequence[Mapping[str, Any]]) -> str:
    """Return how many of the dead letters were replayed, in a sentence."""
    if not actions:
        return "There are none."
    replayed = sum(action["outcome"] == "replayed" for action in actions)
    letters = "dead letter" if len(actions) == 1 else "dead letters"
    return f"{replayed} of {len(actions)} {letters} replayed."


def _print_done(answer: Any, output: Output) -> None:  # noqa: ANN401 the JSON of an action, or of several
    if output is Output.JSON:
        print_json(answer)
    else:
        console().print(answer["message"])


def _cell(value: object) -> str:
    return "" if value is None else str(value)
