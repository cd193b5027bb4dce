"""Reading YAML strictly: each mistake is named with its file, line and field, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from oxy_ai.errors import AdministrationError

M = TypeVar("M", bound=BaseModel)

Place: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a file, where, and what to do."""

    file: Path
    line: int
    field: str
    """As a path: ``turns[2].says``; empty: the whole file."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {f'{self.field}: ' if self.field else ''}{self.remedy}"


class DialogueError(AdministrationError):
    """Files cannot be read; the message names every mistake."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


class _Loader(yaml.SafeLoader):
    """Leaves days and times as they are written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it is written, for messages about its places."""

    file: Path
    root: yaml.Node
    value: object

    @classmethod
    def of(cls, file: Path, text: str | None = None) -> Self:
        """Read a file, or a text instead of it; raises DialogueError."""
        content = _content(file) if text is None else text
        root = _composed(file, content)
        try:
            doubled = list(_doubled(file, root, ()))
            if doubled:
                raise DialogueError(doubled)
            return cls(file, root, yaml.load(content, Loader=_Loader))  # noqa: S506 a SafeLoader
        except (RecursionError, LookupError, AttributeError, ValueError, yaml.YAMLError) as error:
            remedy = "a value contains itself (&, *), or is not what it says that it is (!!): write it plainly"
            raise DialogueError([Mistake(file, 1, "", remedy)]) from error

    def read(self, model: type[M], place: Place = ()) -> M:
        """Return what stands at a place as a model; raises DialogueError."""
        value, node = self.value, self.root
        for part in place:
            value, node = value[part], dict(_below(node))[part]  # type: ignore[index]  # a place that was read before
        try:
            return model.model_validate(value)
        except ValidationError as error:
            found = [_Found(details, *_located(node, details["loc"])) for details in error.errors(include_url=False)]
            mistakes = (self.mistake((*place, *item.place), _remedy(model, item)) for item in _telling(found))
            raise DialogueError(list(dict.fromkeys(mistakes))) from error

    def mistake(self, place: Place, remedy: str) -> Mistake:
        """Return a mistake at a place, or at the nearest one above it that is in the file."""
        _, node = _located(self.root, place)
        return Mistake(self.file, _line(node), shown(place), remedy)


@dataclass(frozen=True, slots=True)
class _Found:
    """An error of pydantic's, and the place that it is about."""

    details: ErrorDetails
    place: Place
    node: yaml.Node


def read_document(file: Path, model: type[M], text: str | None = None) -> M:
    """Read a file (or a text instead of it) as a model; raises DialogueError."""
    return Document.of(file, text).read(model)


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DialogueError([Mistake(file, 1, "", f"cannot be read ({error}): write it as a UTF-8 text")]) from error


def _composed(file: Path, content: str) -> yaml.Node:
    try:
        node = yaml.compose(content, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "this is no YAML"
        remedy = f"{what}: check indentation, and put texts with ': ' or '#' in quotes"
        raise DialogueError([Mistake(file, 1 if mark is None else mark.line + 1, "", remedy)]) from error
    if not isinstance(node, yaml.MappingNode):
        raise DialogueError([Mistake(file, 1, "", "is no mapping: write fields and values, as in other files here")])
    return node


def _doubled(file: Path, node: yaml.Node, place: Place) -> Iterator[Mistake]:
    """Find fields that are given twice: YAML would take the last one."""
    seen: set[str] = set()
    for key, below in _below(node):
        if isinstance(node, yaml.MappingNode) and str(key) in seen:
            yield Mistake(file, _line(below), shown((*place, key)), "is given twice: keep one of them")
        seen.add(str(key))
        yield from _doubled(file, below, (*place, key))


def _below(node: yaml.Node) -> Iterable[tuple[str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(key.value, value) for key, value in node.value]
    return list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def shown(place: Place) -> str:
    """Return a place as it is written: ``turns[2].says``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


_OF_ANOTHER_TYPE: Final = frozenset({"string_type", "tuple_type", "model_type", "dict_type", "literal_error"})


def _telling(errors: Sequence[_Found]) -> list[_Found]:
    """Leave out what only says that a place is of another of its types, or that something below it is wrong."""
    places = [item.place for item in errors]
    deepest = [item for item in errors if not any(_is_below(place, item.place) for place in places)]
    telling = [item.place for item in deepest if item.details["type"] not in _OF_ANOTHER_TYPE]
    first: dict[Place, _Found] = {}
    for item in deepest:
        if item.details["type"] not in _OF_ANOTHER_TYPE or item.place not in telling:
            first.setdefault(item.place, item)
    return list(first.values())


def _is_below(place: Place, other: Place) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _located(node: yaml.Node, loc: Sequence[str | int]) -> tuple[Place, yaml.Node]:
    """Return how far a place can be followed in a file; pydantic names types of a union there as well."""
    place: Place = ()
    for part in loc:
        below = dict(_below(node))
        if part not in below:
            if part == loc[-1] and isinstance(node, yaml.MappingNode) and str(part).isidentifier():
                return (*place, part), node
            continue
        place, node = (*place, part), below[part]
    return place, node


def _remedy(model: type[BaseModel], found: _Found) -> str:
    details = found.details
    if details["type"] == "extra_forbidden":
        return _unknown(found.place, _field_names(model, found.place[:-1]))
    if details["type"] == "value_error":
        return str(_context(details).get("error", details["msg"]))
    remedy = next((text for kind, text in _REMEDIES.items() if details["type"].startswith(kind)), None)
    shown_input = str(details["input"])[:_SHOWN]
    if remedy is None:
        return f"{details['msg']}; it is {shown_input!r}"
    return remedy.format(input=shown_input, expected=_context(details).get("expected"))


def _unknown(place: Place, names: Sequence[str]) -> str:
    near = get_close_matches(str(place[-1]), names, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"there is no such field: {meant}There are: {', '.join(names)}"


_SHOWN: Final = 80
"""Characters of a wrong value that are repeated."""

_REMEDIES: Final[Mapping[str, str]] = {
    "missing": "is missing: add it",
    "string_type": "must be a text: write it in quotes, as '{input}'",
    "enum": "must be one of {expected}; it is '{input}'",
    "literal_error": "must be one of {expected}; it is '{input}'",
    "timezone_naive": "write the local day and time, as 2026-12-01 10:00, without a zone; it is '{input}'",
    "datetime": "write the local day and time, as 2026-12-01 10:00, without a zone; it is '{input}'",
}
"""What to do, by the beginning of pydantic's type of error."""


def _context(details: ErrorDetails) -> Mapping[str, Any]:
    return details.get("ctx", {})


def _field_names(model: type[BaseModel], place: Place) -> list[str]:
    """Return the fields of the model at a place."""
    found: type[BaseModel] = model
    for part in place:
        if isinstance(part, str):
            field = next((f for name, f in found.model_fields.items() if part in {name, f.alias}), None)
            below = None if field is None else next(iter(_models_in(field.annotation)), None)
            found = below or found
    return [field.alias or name for name, field in found.model_fields.items()]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
