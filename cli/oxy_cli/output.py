"""Writing results: tables and text for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain, islice, zip_longest
from typing import Any, Final

import yaml
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNBROKEN: Final = 1_000
"""Assumed width if standard output is not a terminal."""
_GAP: Final = "  "
"""Between two columns."""
_READABLE: Final = 24
"""Characters of a line in which sentences can be read: with less room, a table's last column is not wrapped."""
_MEASURED: Final = 100
"""Rows that decide how wide the columns of a long table are."""
_LINE: Final = 80
"""Characters of a line in which bars are drawn, if standard output is not a terminal."""
_SHORTEST_BAR: Final = 8
_LONGEST_BAR: Final = 40
_EIGHTHS: Final = "▏▎▍▌▋▊▉"
"""Of a cell, beginning on its left."""
_CONTROLS: Final = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
"""Characters that steer a terminal, which is up to nobody whose name stands in a table."""


def console() -> Console:
    """Return a console on standard output, for text that people read; it wraps lines only on a terminal."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _UNBROKEN)


def print_json(value: Any) -> None:  # noqa: ANN401 whatever JSON can hold
    """Write one JSON document, indented."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_event(value: Any) -> None:  # noqa: ANN401 as `print_json`
    """Write one JSON document on its own line and flush it, for programs that read the stream."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_yaml(value: Any) -> None:  # noqa: ANN401 as `print_json`
    """Write one YAML document, with its keys in their given order."""
    sys.stdout.write(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table without borders, as kubectl does; without a header if all column names are empty.

    On a terminal that is too narrow the last column is wrapped. If there is no room for that either, each row becomes a
    block of lines, one for each column: nothing is ever left out. What is no terminal gets each row on one line.
    """
    cells = [[cell.translate(_CONTROLS).expandtabs() for cell in row] for row in rows]
    _print_cells(columns, cells, console().width if sys.stdout.isatty() else None)


def _print_cells(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> None:
    """Write a table on a screen of this width; None: it has no limit."""
    widths = [max(map(_cell_width, cells)) for cells in zip(columns, *rows, strict=True)]
    room = None if width is None else width - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    if room is None or room >= min(widths[-1], _READABLE):
        _print_lines(columns, rows, widths, room)
    elif any(columns) and rows:
        for place, row in enumerate(rows):
            if place:
                console().print()
            _print_cells(("", ""), [*zip(columns, row, strict=True)], width)
    else:
        # The terminal breaks these lines.
        _print_lines(columns, rows, widths, None)


def _print_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], room: int | None
) -> None:
    """Write a table with columns of these widths; `room`: most characters for a line of the last one."""
    screen = console()
    for style, row in chain([("bold", columns)] if any(columns) else [], (("", row) for row in rows)):
        parts = [*(cell.split("\n") for cell in row[:-1]), _wrapped(screen, row[-1], room)]
        for pieces in zip_longest(*parts, fillvalue=""):
            padded = (piece + " " * (width - cell_len(piece)) for piece, width in zip(pieces, widths, strict=True))
            screen.print(Text(_GAP.join(padded).rstrip(), style=style))


def print_bars(columns: Sequence[str], rows: Sequence[Sequence[str]], whole: int) -> None:
    """Write a table as `print_table` does, with a bar in each row for its last cell, a count out of `whole`.

    Without the room for bars that can be told apart, it is the table alone.
    """
    widths = [max(map(_cell_width, cells)) for cells in zip(columns, *rows, strict=True)]
    width = console().width if sys.stdout.isatty() else _LINE
    room = min(width - sum(widths) - len(_GAP) * len(widths), _LONGEST_BAR)
    if whole <= 0 or room < _SHORTEST_BAR:
        print_table(columns, rows)
        return
    print_table(
        [*columns, ""], [[*row, bar(int(row[-1]), whole, room, sys.stdout.encoding or "utf-8")] for row in rows]
    )


def bar(count: int, whole: int, room: int, encoding: str = "utf-8") -> str:
    """Return a bar of up to `room` cells, which are `whole`; as thin as it gets, whatever is more than nothing is seen.

    >>> bar(5, 8, 4), bar(1, 1_000, 4), bar(0, 8, 4), bar(5, 8, 4, "ascii")
    ('██▌', '▏', '', '##')
    """
    eighths = min(round(count / whole * room * 8), room * 8) or (1 if count > 0 else 0)
    full, rest = divmod(eighths, 8)
    shown = "█" * full + (_EIGHTHS[rest - 1] if rest else "")
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        return "#" * max(full, int(count > 0))
    return shown


def _cell_width(cell: str) -> int:
    return max(map(cell_len, cell.split("\n")))


def _wrapped(screen: Console, cell: str, room: int | None) -> list[str]:
    """Return the lines of a cell, broken between words where that is possible."""
    lines = cell.split("\n")
    return lines if room is None else [part.plain for line in lines for part in Text(line).wrap(screen, room)]


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], *, widths: Sequence[int] | None = None) -> int:
    """Write a table as `print_table` does, but as its rows come; returns how many came.

    Its columns are as wide as given, or as the first rows need, which are waited for then; later rows that need more
    stand out. Without rows it writes nothing.
    """
    coming = iter(rows)
    first = list(islice(coming, _MEASURED)) if widths is None else []
    widths = widths or [max(map(len, cells)) for cells in zip(columns, *first, strict=True)]
    count = 0
    for count, row in enumerate(chain(first, coming), 1):
        if count == 1:
            _print_row(columns, widths)
        _print_row(row, widths)
    return count


def _print_row(cells: Sequence[str], widths: Sequence[int]) -> None:
    shown = (cell.translate(_CONTROLS) for cell in cells)
    line = "  ".join(cell.ljust(width) for cell, width in zip(shown, widths, strict=True))
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


def age(since: datetime, now: datetime) -> str:
    """Return how long ago `since` was, in one unit: 45s, 12m, 3h, 9d."""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= 2 * length or (unit == "m" and seconds >= _MINUTE):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
