"""``oxy dlq``: turns that failed for good, and messages that could not be read."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
import yaml

from oxy_cli.admin import administer
from oxy_cli.cluster import Cluster
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Turns that failed for good: see why, run them again or drop them.")

Letter = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter, as `oxy dlq ls` lists it.")]


@dataclass(frozen=True, slots=True)
class Verb:
    """A command for one dead letter."""

    name: str
    help: str
    acts: bool = False
    """Whether people are told what was done; else the answer itself."""


VERBS: Final = (
    Verb("show", "Show one dead letter with its attempts and errors."),
    Verb("replay", "Give a dead letter another chance: a turn is run again, a message is read again.", acts=True),
    Verb("drop", "Give a dead letter up: it is never run again.", acts=True),
)


@app.command()
def ls(
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List all dead letters, the newest first."""
    letters: list[dict[str, Any]] = administer(Cluster.connect(context, system_namespace), ["dlq", "ls"])
    if output is Output.JSON:
        print_json(letters)
    elif letters:
        columns = list(dict.fromkeys(key for letter in letters for key in letter))
        rows = [[_cell(letter.get(column)) for column in columns] for letter in letters]
        print_table([column.upper() for column in columns], rows)
    else:
        console().print("There are no dead letters.")


def _add(verb: Verb) -> None:
    """Add a verb to the group."""

    @app.command(verb.name, help=verb.help)
    def run(
        letter: Letter,
        *,
        system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
        context: Context = None,
        output: Format = Output.TEXT,
    ) -> None:
        answer = administer(Cluster.connect(context, system_namespace), ["dlq", verb.name, letter])
        if output is Output.JSON:
            print_json(answer)
        elif verb.acts:
            console().print(answer["message"])
        else:
            sys.stdout.write(yaml.safe_dump(answer, allow_unicode=True, sort_keys=False))


for _verb in VERBS:
    _add(_verb)


def _cell(value: object) -> str:
    return "" if value is None else str(value)
