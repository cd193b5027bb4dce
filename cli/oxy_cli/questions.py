"""Questions to the person at the terminal; a script that cannot answer them learns which option does."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from oxy_cli.errors import UnansweredError


def confirmed(question: str, option: str) -> bool:
    """Ask a question that yes or no answers; `option` would have answered it. Raises UnansweredError."""
    with _answerable(option):
        return typer.confirm(question, err=True)


def typed(question: str, option: str) -> str:
    """Have a person type something; `option` would have given it. Raises UnansweredError."""
    with _answerable(option):
        answer: str = typer.prompt(question, err=True)
    return answer


@contextmanager
def _answerable(option: str) -> Iterator[None]:
    """Raise UnansweredError if standard input has ended; whoever presses Ctrl-C needs no explanation."""
    try:
        yield
    except typer.Abort as abort:
        if not isinstance(abort.__context__, EOFError):
            raise
        typer.echo(err=True)  # The question stands on the last line.
        message = (
            f"nothing was changed: standard input is closed, and nobody can answer. To do it all the same: {option}"
        )
        raise UnansweredError(message) from None
