"""``make style``: sizes of functions and classes, comments and suppressions, in Python and in SQL.

How things are counted:

function      from ``def`` (decorators are not counted) to its last line, docstring included; methods and functions
              within functions are functions too. In SQL from ``create function`` to the end of its body.
class         from ``class`` to its last line.
p90           the value below which nine of ten functions lie.
source line   a line that is neither blank, nor only a comment, nor part of a docstring or the literal after a constant.
comment line  a line with a comment and nothing else.
suppression   a comment with ``noqa`` or ``type: ignore``.

Generated files (``*_pb2.py``) are not counted. Goals bind the production packages; the rest is shown for comparison.
"""

import ast
import io
import re
import statistics
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PRODUCTION: Final = (
    "core/oxy_core",
    "operator/oxy_operator",
    "tenant_runtime/oxy_tenant",
    "ai/oxy_ai",
    "cli/oxy_cli",
)
OTHERS: Final = ("dev/oxy_dev", "simulator", "tests", "benchmarks")
SQL_FOLDER: Final = "ai/oxy_ai"

MAX_CLASS: Final = 300
LONG_FUNCTION: Final = 30

_SUPPRESSION: Final = re.compile(r"#\s*(noqa|type:\s*ignore)\b")
_SQL_FUNCTION: Final = re.compile(
    r"^\s*create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+(\w+)", re.IGNORECASE | re.MULTILINE
)
_SQL_BODY: Final = re.compile(r"(\$\w*\$).*?\1", re.DOTALL)
_WIDE: Final = 200
"""Assumed width where the output is not a terminal, so that no row is wrapped."""


class StyleError(Exception):
    """A source file has a form that cannot be counted; the message names it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A function or a class."""

    name: str
    path: Path
    line: int
    length: int
    """Lines, the first and the last included."""

    def __str__(self) -> str:
        """Return its place, its name and its length."""
        return f"{self.path}:{self.line} {self.name} ({self.length} lines)"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted in some files."""

    functions: tuple[Block, ...] = ()
    classes: tuple[Block, ...] = ()
    source_lines: int = 0
    comment_lines: int = 0
    suppressions: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        """Return the figures of the files of both."""
        return Figures(
            self.functions + other.functions,
            self.classes + other.classes,
            self.source_lines + other.source_lines,
            self.comment_lines + other.comment_lines,
            self.suppressions + other.suppressions,
        )

    @property
    def lengths(self) -> list[int]:
        """Length of each function, the shortest first."""
        return sorted(function.length for function in self.functions)

    @property
    def median(self) -> float:
        """Median length of a function; 0 where there is none."""
        return statistics.median(self.lengths) if self.functions else 0

    @property
    def p90(self) -> int:
        """Length below which nine of ten functions lie; 0 where there is none."""
        return self.lengths[len(self.functions) * 9 // 10] if self.functions else 0

    @property
    def longest(self) -> Block | None:
        """The longest function."""
        return max(self.functions, key=lambda function: function.length, default=None)


@dataclass(frozen=True, slots=True)
class Goal:
    """Limits in lines for the functions of a language."""

    median: int
    longest: int
    p90: int | None = None


PYTHON_GOAL: Final = Goal(median=8, p90=18, longest=45)
SQL_GOAL: Final = Goal(median=12, longest=40)


def too_long(figures: Figures, goal: Goal) -> list[Block]:
    """Return the functions that are longer than the goal, and the classes that are longer than `MAX_CLASS`."""
    functions = [function for function in figures.functions if function.length > goal.longest]
    return functions + [one for one in figures.classes if one.length > MAX_CLASS]


def misses(name: str, figures: Figures, goal: Goal) -> list[str]:
    """Return a sentence for each goal that the figures miss."""
    found = [f"{block} is too long" for block in too_long(figures, goal)]
    if figures.median > goal.median:
        found.append(f"{name}: the median function has {figures.median:g} lines, the goal is {goal.median}")
    if goal.p90 is not None and figures.p90 > goal.p90:
        found.append(f"{name}: one function in ten has {figures.p90} lines or more, the goal is {goal.p90}")
    return found


def python_figures(folder: Path, root: Path = REPOSITORY) -> Figures:
    """Count all Python files below a folder; places are relative to `root`."""
    files = sorted(file for file in folder.rglob("*.py") if not file.name.endswith("_pb2.py"))
    return _sum(read_python(file.read_text(encoding="utf-8"), file.relative_to(root)) for file in files)


def sql_figures(folder: Path, root: Path = REPOSITORY) -> Figures:
    """Count all SQL files below a folder; places are relative to `root`."""
    files = sorted(folder.rglob("*.sql"))
    return _sum(read_sql(file.read_text(encoding="utf-8"), file.relative_to(root)) for file in files)


def _sum(figures: Iterable[Figures]) -> Figures:
    return sum(figures, start=Figures())


# -- Python


def read_python(text: str, path: Path) -> Figures:
    """Count a Python file; raises SyntaxError where it is none."""
    tree = ast.parse(text, str(path))
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    return Figures(
        functions=tuple(_blocks(tree, path, ast.FunctionDef, ast.AsyncFunctionDef)),
        classes=tuple(_blocks(tree, path, ast.ClassDef)),
        source_lines=len(_code_lines(tokens) - _literal_lines(tree)),
        comment_lines=sum(token.line.lstrip().startswith("#") for token in comments),
        suppressions=sum(_SUPPRESSION.search(token.string) is not None for token in comments),
    )


def _blocks(
    tree: ast.AST, path: Path, *kinds: type[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]
) -> Iterator[Block]:
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            yield Block(node.name, path, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)


def _code_lines(tokens: Sequence[tokenize.TokenInfo]) -> set[int]:
    """Return the numbers of the lines on which something stands that is not a comment."""
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    spans = [(token.start[0], token.end[0]) for token in tokens if token.type not in silent]
    return {line for first, last in spans for line in range(first, last + 1)}


def _literal_lines(tree: ast.AST) -> set[int]:
    """Return the numbers of the lines of docstrings, and of other strings that stand alone as a statement."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


# -- SQL


def read_sql(text: str, path: Path) -> Figures:
    """Count a SQL file; raises StyleError where a function's body is not between two ``$$`` (or ``$tag$``)."""
    lines = [line.strip() for line in text.splitlines()]
    comments = sum(line.startswith("--") for line in lines)
    return Figures(
        functions=tuple(_sql_functions(text, path)),
        source_lines=sum(map(bool, lines)) - comments,
        comment_lines=comments,
    )


def _sql_functions(text: str, path: Path) -> Iterator[Block]:
    starts = list(_SQL_FUNCTION.finditer(text))
    ends = [*(one.start() for one in starts), len(text)][1:]  # a file without functions has neither
    for start, end in zip(starts, ends, strict=True):
        name, line = start[1], text.count("\n", 0, start.start(1)) + 1
        body = _SQL_BODY.search(text, start.end(), end)
        if body is None:
            message = f"{path}:{line}: the body of {name} does not stand between two $$"
            raise StyleError(message)
        yield Block(name, path, line, text.count("\n", start.start(1), body.end()) + 1)


# -- output


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for column in ("functions", "median", "p90", "longest", f"> {LONG_FUNCTION}"):
        table.add_column(column, justify="right")
    for column in (f"classes > {MAX_CLASS}", "comments/line", "suppressions/1000"):
        table.add_column(column, justify="right")
    table.add_column("longest function")
    return table


def _row(name: str, figures: Figures) -> list[str]:
    longest, lines = figures.longest, max(figures.source_lines, 1)
    return [
        name,
        str(len(figures.functions)),
        f"{figures.median:g}",
        str(figures.p90),
        str(longest.length if longest else 0),
        str(sum(length > LONG_FUNCTION for length in figures.lengths)),
        str(sum(one.length > MAX_CLASS for one in figures.classes)),
        f"{figures.comment_lines / lines:.3f}",
        f"{1000 * figures.suppressions / lines:.1f}",
        f"{longest.path}:{longest.line} {longest.name}" if longest else "",
    ]


def _goal_row(goal: Goal) -> list[str]:
    p90 = "" if goal.p90 is None else f"≤ {goal.p90}"
    return ["goal", "", f"≤ {goal.median}", p90, f"≤ {goal.longest}"]


def main() -> int:
    """Print the figures; return 1, and name what is too long, where a goal is missed."""
    packages = {folder: python_figures(REPOSITORY / folder) for folder in PRODUCTION}
    production, sql = _sum(packages.values()), sql_figures(REPOSITORY / SQL_FOLDER)
    python_table = _table("Python")
    for name, figures in (packages | {"production": production}).items():
        python_table.add_row(*_row(name, figures))
    python_table.add_row(*_goal_row(PYTHON_GOAL), end_section=True)
    for folder in OTHERS:
        python_table.add_row(*_row(folder, python_figures(REPOSITORY / folder)))
    sql_table = _table("SQL")
    sql_table.add_row(*_row(SQL_FOLDER, sql))
    sql_table.add_row(*_goal_row(SQL_GOAL))
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    console.print(python_table, "", sql_table, sep="\n")
    missed = misses("Python", production, PYTHON_GOAL) + misses("SQL", sql, SQL_GOAL)
    for line in missed:
        console.print(f"[bold red]missed:[/] {line}", soft_wrap=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
