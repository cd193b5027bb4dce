"""YAML with the place of everything, so that each mistake can be named with its line."""

import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml
from yaml.reader import ReaderError

from oxy_simulator.errors import RequestError
from oxy_simulator.scenario import Path, WrittenNumber

MAX_DEPTH: Final = 40
MAX_PARTS: Final = 100_000
"""How many parts a scenario may have; what an alias repeats counts each time."""

_WORDS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
_DIGITS: Final = 20
_INTEGER: Final = re.compile(r"0|-?[1-9]\d*", re.ASCII)
# Source: YAML 1.2.2, 10.3.2 (core schema).
_DECIMAL: Final = re.compile(
    r"[-+]?(\.\d+|\d+\.\d*)([eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file; both count from 1."""

    line: int
    column: int


class ScenarioError(RequestError):
    """The file is no valid scenario; the message has a line for every mistake, and the remedy."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a file holds, where its parts stand, and which keys are repeated."""

    content: Any
    marks: dict[Path, Mark]
    repeated: list[tuple[Mark, str]]

    def mark(self, path: Path) -> Mark:
        """Return the place of a part, or of the nearest part around it."""
        while path not in self.marks:
            path = path[:-1]
        return self.marks[path]


def read_yaml(text: str, file: str) -> Tree:
    """Read YAML from text; raise ScenarioError if it is malformed. `file` is its name in messages."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        msg = f"{place}: not YAML: {error.problem or error.context}; look at indentation, colons and quotes there"
        raise ScenarioError(msg) from error
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problem = f'the character #x{error.character:04x} is not allowed; remove it, or write it as "\\u…" in quotes'
        msg = f"{file}:{line}:{column}: not YAML: {problem}"
        raise ScenarioError(msg) from error
    if root is None:
        msg = f"{file}:1:1: the file is empty; a scenario has 'scenario', 'phones' and 'steps'"
        raise ScenarioError(msg)
    reader = _Reader(file)
    return Tree(reader.value(root, ()), reader.marks, reader.repeated)


class _Loader(yaml.SafeLoader):
    """Reads YAML as far as scenarios use it: without tags, and not nested without end."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's signature
        event = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise yaml.MarkedYAMLError(problem=f"the tag {tag} means nothing here", problem_mark=event.start_mark)
        if self._depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=event.start_mark)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


@dataclass(slots=True)
class _Reader:
    """Turns YAML nodes into plain values and remembers where they stood."""

    file: str
    marks: dict[Path, Mark] = field(default_factory=dict)
    repeated: list[tuple[Mark, str]] = field(default_factory=list)

    def value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - whatever stands there
        self.marks.setdefault(path, _mark(node))
        if len(path) > MAX_DEPTH or len(self.marks) > MAX_PARTS:
            self._refuse(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _refuse(self, node: yaml.Node) -> NoReturn:
        mark = _mark(node)
        problem = f"an alias that repeats itself, or more than {MAX_PARTS:,} parts by aliases; write out what is meant"
        msg = f"{self.file}:{mark.line}:{mark.column}: {problem}"
        raise ScenarioError(msg)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.repeated.append((mark, "a field's name must be text, not a list or fields; write it in quotes"))
                continue
            key = str(key_node.value)
            if key in values:
                first = self.marks[*path, key]
                problem = f"{key!r} is given twice, first in line {first.line}; remove one or rename it"
                self.repeated.append((mark, problem))
                continue
            self.marks[*path, key] = mark
            values[key] = self.value(value_node, (*path, key))
        return values


def _scalar(node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - whatever stands there
    """Read a plain scalar as a number, true, false or null if it looks like one; everything else is text."""
    text = str(node.value)
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("+"):
        return text  # a phone number
    if len(text) > _DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return WrittenNumber(text) if _DECIMAL.fullmatch(text) else text


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
