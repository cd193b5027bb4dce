"""``oxy dlq``: turns that failed for good, and messages that could not be read."""

import sys
from typing import Annotated, Any

import typer
import yaml

from oxy_cli.admin import administer
from oxy_cli.cluster import Cluster
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Turns that failed for good: see why, run them again or drop them.")

Letter = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter, as `oxy dlq ls` lists it.")]


@app.command()
def ls(
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List all dead letters, the newest first."""
    letters: list[dict[str, Any]] = _administer(context, system_namespace, "ls")
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
    _print(_administer(context, system_namespace, "show", letter), output)


@app.command()
def replay(
    letter: Letter,
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Run a dead letter's turn again."""
    answer = _administer(context, system_namespace, "replay", letter)
    _report(answer, f"{letter} is due again.", output)


@app.command()
def drop(
    letter: Letter,
    *,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Give a dead letter up: it is never run again."""
    answer = _administer(context, system_namespace, "drop", letter)
    _report(answer, f"{letter} is dropped.", output)


def _administer(context: str | None, system_namespace: str, *arguments: str) -> Any:  # noqa: ANN401 JSON
    return administer(Cluster.connect(context, system_namespace), ["dlq", *arguments])


def _report(answer: object, text: str, output: Output) -> None:
    if output is Output.JSON:
        print_json(answer)
    else:
        console().print(text)


def _print(answer: object, output: Output) -> None:
    if output is Output.JSON:
        print_json(answer)
    else:
        sys.stdout.write(yaml.safe_dump(answer, allow_unicode=True, sort_keys=False))


def _cell(value: object) -> str:
    return "" if value is None else str(value)
