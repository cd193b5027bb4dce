"""Waiting until the operator or a pod has done what was asked of a session, and telling it."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console

from oxy_cli.errors import SessionCommandError
from oxy_cli.options import Output
from oxy_cli.output import console, print_json
from oxy_core.instance.custom_resource import BUS_AWAY

POLL_SECONDS: Final = 1.0

WAIT_SECONDS: Final = 300
"""A pod reads its settings up to a minute and a half after they have changed."""

BUS_PATIENCE_SECONDS: Final = 30
"""How long NATS may be away, as while it restarts, before a wait for what comes over it ends."""

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


class BusWatch:
    """Tells once that NATS is away, and ends a wait that it outlasts."""

    def __init__(self, timeout: int) -> None:
        """`timeout` ends the wait in any case, after so many seconds from now."""
        self._since: float | None = None
        self._deadline = time.monotonic() + timeout

    def note(self, told: Mapping[str, Any], what: str) -> None:
        """Note what the operator says of what is waited for; `what` begins the error: that it has not come about.

        Raises SessionCommandError once NATS has been away for `BUS_PATIENCE_SECONDS`.
        """
        if told.get("reason") != BUS_AWAY:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
            left = min(BUS_PATIENCE_SECONDS, max(0, round(self._deadline - self._since)))
            say(f"{told['message']} Waiting for it for {left} s at most.")
        elif time.monotonic() - self._since >= BUS_PATIENCE_SECONDS:
            message = f"{what} {told['message']}"
            raise SessionCommandError(message)


def print_result(result: Mapping[str, Any], output: Output, text: str) -> None:
    """Write what came of a command, as JSON or as a sentence."""
    if output is Output.JSON:
        print_json(result)
    else:
        console().print(text, markup=False)


def say(text: str) -> None:
    """Tell a person something beside the result."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
