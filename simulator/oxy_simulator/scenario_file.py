"""Reading scenario files: YAML with the place of everything, so that each mistake is named with line and remedy."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

import yaml
from pydantic import ValidationError

from oxy_simulator.errors import RequestError
from oxy_simulator.scenario import Path, Scenario, Step

VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
BUILT_IN: Final = ("folder", "proxy", "control")
"""Variables that every scenario has: a scratch folder, the proxy's URL, the control API's URL."""

_DECLARED_BY: Final = {"phones": "phone", "clients": "client"}
_WORDS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9]\d*)$")
_DECIMAL: Final = re.compile(r"[-+]?\d+\.\d+$")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file; both count from 1."""

    line: int
    column: int


class ScenarioError(RequestError):
    """The file is no valid scenario; the message has a line for every mistake, and the remedy."""


@dataclass(frozen=True, slots=True)
class Document:
    """A scenario and where its parts stand."""

    file: str
    scenario: Scenario
    marks: dict[Path, Mark]

    @property
    def folder(self) -> FilePath:
        """The folder of the file, from which it names others."""
        return FilePath(self.file).resolve().parent

    def where(self, path: Path) -> str:
        """Return file, line and column of a part, or of the nearest part around it."""
        return _where(self.file, self.marks, path)


def load(file: FilePath) -> Document:
    """Read a scenario; raise ScenarioError naming everything that is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file}: cannot be read: {error}"
        raise ScenarioError(msg) from error
    return parse(text, str(file))


def parse(text: str, file: str) -> Document:
    """Read a scenario from text; `file` is its name in messages."""
    reader = _Reader(file)
    content = reader.read(text)
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioError("\n".join(_explained(file, reader.marks, error))) from error
    document = Document(file, scenario, reader.marks)
    problems = [f"{document.where(path)}: {problem}" for path, problem in _unknown_names(scenario, content)]
    if problems:
        raise ScenarioError("\n".join(dict.fromkeys(problems)))
    return document


class _Reader:
    """Turns YAML nodes into plain values and remembers where they stood."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.marks: dict[Path, Mark] = {}

    def read(self, text: str) -> Any:  # noqa: ANN401 - whatever the file holds
        """Return the content; raise ScenarioError if the YAML is malformed or a key is repeated."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self._file}:{mark.line + 1}:{mark.column + 1}" if mark else self._file
            msg = f"{place}: not YAML: {error.problem or error.context}; look at indentation, colons and quotes there"
            raise ScenarioError(msg) from error
        except yaml.YAMLError as error:
            msg = f"{self._file}: not YAML: {error}"
            raise ScenarioError(msg) from error
        if root is None:
            msg = f"{self._file}:1:1: the file is empty; a scenario has 'scenario', 'phones' and 'steps'"
            raise ScenarioError(msg)
        return self._value(root, ())

    def _value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - whatever stands there
        self.marks.setdefault(path, _mark(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, mark = str(key_node.value), _mark(key_node)
            if key in values:
                first = self.marks[*path, key]
                msg = (
                    f"{self._file}:{mark.line}:{mark.column}: {key!r} is given twice, first in line {first.line}; "
                    "remove one or rename it"
                )
                raise ScenarioError(msg)
            self.marks[*path, key] = mark
            values[key] = self._value(value_node, (*path, key))
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
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _DECIMAL.match(text) else text


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _where(file: str, marks: dict[Path, Mark], path: Path) -> str:
    while path not in marks:
        path = path[:-1]
    return f"{file}:{marks[path].line}:{marks[path].column}"


def _explained(file: str, marks: dict[Path, Mark], error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        path = tuple(part for part in item["loc"] if part != "[key]")
        yield f"{_where(file, marks, path)}: {_problem(item['type'], path, item)}"


def _problem(kind: str, path: Path, item: Any) -> str:  # noqa: ANN401 - an error of pydantic
    name = str(path[-1]) if path else "the file"
    place = _dotted(path)
    if kind == "extra_forbidden":
        fields = _fields_at(path[:-1])
        return f"unknown field {name!r} in {_dotted(path[:-1])}{_close(name, fields)}; fields: {', '.join(fields)}"
    if kind == "missing":
        return f"{_dotted(path[:-1])} lacks {name!r}; add it"
    if kind == "enum":
        expected = [part.strip("' ") for part in re.split(", | or ", item["ctx"]["expected"])]
        return f"{place}: {item['input']!r} is not known{_close(str(item['input']), expected)}; {', '.join(expected)}"
    if kind == "string_type":
        return f"{place} must be text, not {item['input']!r}; write it in quotes"
    return f"{place}: {str(item['msg']).removeprefix('Value error, ')}"


def _fields_at(path: Path) -> list[str]:
    """Return the fields that there are at a place, by the JSON schema."""
    schema: Any = Scenario.model_json_schema()
    definitions = schema["$defs"]
    for part in path:
        schema = _resolve(schema, definitions)
        if part in (kinds := schema.get("discriminator", {}).get("mapping", {})):
            schema = {"$ref": kinds[part]}
        elif isinstance(part, int):
            schema = schema["items"]
        else:
            named = schema.get("patternProperties", {"": schema.get("additionalProperties")})
            schema = schema.get("properties", {}).get(part) or next(iter(named.values()))
    return list(_resolve(schema, definitions).get("properties", {}))


def _resolve(schema: Any, definitions: Any) -> Any:  # noqa: ANN401 - JSON
    """Follow references, and of alternatives take the one that is not a plain value."""
    if "$ref" in schema:
        return _resolve(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for alternative in schema.get("anyOf", []):
        if {"$ref", "oneOf"} & set(alternative) or alternative.get("type") in {"array", "object"}:
            return _resolve(alternative, definitions)
    return schema


def _unknown_names(scenario: Scenario, content: Any) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - plain YAML
    """Yield names of phones, clients and variables that nothing declares, with their places."""
    for name, client in scenario.clients.items():
        yield from _undeclared(("clients", name, "phone"), client.phone, scenario.phones, "phones")
    for path, step in scenario.all_steps():
        yield from _undeclared_in(path, step, scenario)
    variables = {*BUILT_IN, *scenario.variables, *scenario.phones, *_assigned(scenario)}
    for path, text in _texts((), content):
        for name in VARIABLE.findall(text):
            if name not in variables:
                yield path, f"unknown variable ${{{name}}}{_close(name, variables)}; declare it under 'variables'"


def _undeclared_in(path: Path, step: Step, scenario: Scenario) -> Iterator[tuple[Path, str]]:
    for verb in ("start", "terminate", "kill", "restart", "stop", "continue_"):
        yield from _undeclared((*path, verb.strip("_")), getattr(step, verb), scenario.clients, "clients")
    yield from _undeclared((*path, "unlink"), step.unlink, scenario.phones, "phones")
    part = getattr(step, step.verb)
    for field, attribute in (("phone", "phone"), ("from", "sender"), ("to", "to"), ("peer", "peer")):
        yield from _undeclared((*path, step.verb, field), getattr(part, attribute, None), scenario.phones, "phones")


def _undeclared(path: Path, name: str | None, declared: Iterable[str], section: str) -> Iterator[tuple[Path, str]]:
    names = list(declared)
    if name is not None and name not in names:
        known = f"declared: {', '.join(names)}" if names else "none is declared"
        yield path, f"unknown {_DECLARED_BY[section]} {name!r}{_close(name, names)}; add it under {section!r} ({known})"


def _assigned(scenario: Scenario) -> Iterator[str]:
    """Yield the variables that steps set."""
    for _, step in scenario.all_steps():
        if step.send is not None and step.send.save:
            yield step.send.save
        if step.expect is not None:
            if step.expect.save:
                yield step.expect.save
            yield from re.compile(step.expect.pattern or "").groupindex


def _texts(path: Path, content: Any) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - plain YAML
    if isinstance(content, str):
        yield path, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _texts((*path, key), value)
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from _texts((*path, index), value)


def _dotted(path: Sequence[str | int]) -> str:
    """Write a place as people say it: steps[2].expect."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the scenario"


def _close(name: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, list(known), n=2)
    return f", did you mean {' or '.join(map(repr, matches))}?" if matches else ""
