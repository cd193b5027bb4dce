"""Waiting until the operator or a pod has done what was asked of a session, and telling it."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console

from oxy_cli.errors import SessionCommandError
from oxy_cli.options import Output
from oxy_cli.output import console, print_json

POLL_SECONDS: Final = 1.0

WAIT_SECONDS: Final = 300
"""A pod reads its settings up to a minute and a half after they have changed."""

Timeout = Annotated[int, typer.Option(min=0, help="Seconds to wait for it; 0: do not wait.")]

T = TypeVar("T")


def waited(condition: Callable[[], T | None], timeout: int, why_late: Callable[[], str]) -> T | None:
    """Return what a condition returned in time; None if nobody waits. Raises SessionCommandError if it is late."""
    deadline = time.monotonic() + timeout
    while timeout:
        if found := condition():
            return found
        if time.monotonic() >= deadline:
            raise SessionCommandError(why_late())
        time.sleep(POLL_SECONDS)
    return None


def print_result(result: Mapping[str, Any], output: Output, text: str) -> None:
    """Write what came of a command, as JSON or as a sentence."""
    if output is Output.JSON:
        print_json(result)
    else:
        console().print(text, markup=False)


def say(text: str) -> None:
    """Tell a person something beside the result."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
