"""``oxy dlq``: dead letters, which are turns and jobs that failed permanently and messages that could not be read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_event, print_json, print_rows, print_yaml
from oxy_cli.worker_admin import administer, administer_each

app = typer.Typer(
    no_args_is_help=True,
    help="Turns and jobs that failed permanently, messages that could not be read: see why, replay them or drop them.",
)


class LetterKind(StrEnum):
    """Kinds of dead letters."""

    TURN = "turn"
    REPORT = "report"
    JOB = "job"


Letter = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter, as `oxy dlq ls` lists it.")]
OneLetter = Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of a dead letter.")]
OfKind = Annotated[
    LetterKind | None,
    typer.Option(help="Only those of this kind: turns or jobs that failed, or reports that could not be stored."),
]
OfOrganization = Annotated[str | None, typer.Option(help="Only those of this organization.")]
OfInstance = Annotated[str | None, typer.Option(help="Only those of this instance.")]

COLUMNS: Final = ("id", "kind", "organization", "instance", "at", "attempts", "contact", "replay", "reason")


@app.command()
def ls(  # noqa: PLR0913 each is an option of the command
    *,
    kind: OfKind = None,
    organization: OfOrganization = None,
    instance: OfInstance = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List dead letters, the first death first; as JSON, a document a line."""
    arguments = ["dlq", "ls", *selection(kind, organization, instance)]
    letters = administer_each(Cluster.connect(context, system_namespace), arguments)
    if output is Output.JSON:
        for letter in letters:
            print_event(letter)
    elif not print_rows([column.upper() for column in COLUMNS], map(row, letters)):
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
    letter: OneLetter = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Replay all that no person has answered since, the first death first.")
    ] = False,
    kind: OfKind = None,
    organization: OfOrganization = None,
    instance: OfInstance = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Process a dead letter, or many, again: run the turn or job, or read the message, once more."""
    wanted = which(letter, selection(kind, organization, instance), everything=everything)
    _act("replay", wanted, Cluster.connect(context, system_namespace), output)


@app.command()
def drop(  # noqa: PLR0913 each is an option of the command
    letter: OneLetter = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Drop all, the first death first.")] = False,
    kind: OfKind = None,
    organization: OfOrganization = None,
    instance: OfInstance = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Drop a dead letter, or many, so that it is never processed again."""
    wanted = which(letter, selection(kind, organization, instance), everything=everything)
    _act("drop", wanted, Cluster.connect(context, system_namespace), output)


def which(letter: str | None, selected: list[str], *, everything: bool) -> list[str]:
    """Return the arguments that name one letter or many; raises BadParameter unless it is one of both."""
    if (letter is None) is not everything:
        message = "name one dead letter, or use --all"
        raise typer.BadParameter(message)
    if letter is not None and selected:
        message = f"{selected[0]} chooses among many: use it with --all"
        raise typer.BadParameter(message)
    return ["--all", *selected] if letter is None else [letter]


def selection(kind: LetterKind | None, organization: str | None, instance: str | None) -> list[str]:
    """Return the arguments that choose among dead letters."""
    options = {"--kind": kind, "--organization": organization, "--instance": instance}
    return [part for name, value in options.items() if value is not None for part in (name, str(value))]


def _act(verb: str, wanted: list[str], system: Cluster, output: Output) -> None:
    """Act on one letter, or on many and say what becomes of each as it happens."""
    if "--all" in wanted:
        actions = administer_each(system, ["dlq", verb, *wanted])
        if output is Output.JSON:
            for action in actions:
                print_event(action)
        else:
            console().print(summary(_told(actions)))
        return
    answer = administer(system, ["dlq", verb, *wanted])
    if output is Output.JSON:
        print_json(answer)
    else:
        console().print(answer["message"])


def _told(actions: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for action in actions:
        typer.echo(action["message"])
        yield action


def summary(actions: Iterable[Mapping[str, Any]]) -> str:
    """Return how many dead letters came to what, in a sentence."""
    outcomes = Counter(str(action["outcome"]) for action in actions)
    if not outcomes:
        return "There are none."
    found = outcomes.total()
    letters = "dead letter" if found == 1 else "dead letters"
    return f"{found} {letters}: {', '.join(f'{count} {outcome}' for outcome, count in outcomes.most_common())}."


def row(letter: Mapping[str, object]) -> list[str]:
    """Return a dead letter as a row of the list."""
    return ["" if letter.get(column) is None else str(letter[column]) for column in COLUMNS]
