"""Writing results: tables and text for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_UNBROKEN = 1_000
"""Columns of the terminal that we pretend to have where there is none."""


def console() -> Console:
    """Return where text for people goes: standard output as it is now; lines for programs are never broken."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _UNBROKEN)


def print_json(value: Any) -> None:  # noqa: ANN401 whatever JSON can hold
    """Write one JSON document, indented."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_event(value: Any) -> None:  # noqa: ANN401 as `print_json`
    """Write one JSON document on a line of its own, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table without borders, as kubectl does; without names of columns if all are empty.

    On a terminal that is too narrow the last column is broken into lines, the others never are.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True, overflow="ignore")
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table, soft_wrap=False)


def age(since: datetime, now: datetime) -> str:
    """Return how long ago `since` was, in one unit: 45s, 12m, 3h, 9d."""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= 2 * length or (unit == "m" and seconds >= _MINUTE):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
