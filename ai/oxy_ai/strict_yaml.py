"""Files that people write in YAML, read strictly: each mistake is named with its line and field. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import yaml
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from oxy_ai.errors import AdministrationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Leaves dates as they are written: of one that does not exist, YAML knows neither field nor line."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_OWN: Final = "Value error, "
"""With which pydantic begins what a validator of ours says."""


def read_document(text: str, model: type[M], what: str, name: str | None = None) -> M:
    """Read a document; `what` it is, for example ``catalog``, and the `name` of its file, if it is to be said.

    Raises AdministrationError, which names each mistake with its field and line.
    """
    said = f"{name}: the {what}" if name else f"the {what}"
    root, data = _parsed(text, said)
    repeated = list(_repeated_keys(root))
    if repeated:
        raise _incorrect(said, repeated)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _incorrect(
            said,
            (
                f"line {_line(root, item['loc'])}, {'.'.join(map(str, item['loc'])) or what}: {_remedy(model, item)}"
                for item in error.errors()
            ),
        ) from None


def fields_of(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return a model's fields as files name them: those that have several names by the last."""
    return {name_in_files(model, name): field for name, field in model.model_fields.items()}


def name_in_files(model: type[BaseModel], field: str) -> str:
    """Return how files name a field of a model."""
    return _names(field, model.model_fields[field])[-1]


def _names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _remedy(model: type[BaseModel], item: "ErrorDetails") -> str:
    """Return what is wrong with a part of a document, and what to do."""
    loc, given = item["loc"], item["input"]
    match item["type"]:
        case "extra_forbidden":
            return f"there is no such field{_there_are(_model_at(model, loc[:-1]))}"
        case "missing":
            return f"is missing: write it{_there_are(_model_at(model, loc))}"
        case "model_type" | "dict_type":
            return (
                f"{_instead(given)}: write fields, each as `name: value` on a line{_there_are(_model_at(model, loc))}"
            )
        case "tuple_type" | "list_type":
            return f"{_instead(given)}: write a list, each entry on a line that begins with a hyphen"
        case "string_type":
            return f"{_instead(given)}: write text, in quotation marks"
        case _:
            return item["msg"].removeprefix(_OWN)


def _instead(given: object) -> str:
    kinds = {dict: "has fields", list: "is a list", str: "is text", type(None): "is empty"}
    return kinds.get(type(given), f"is {given}")


def _there_are(model: type[BaseModel] | None) -> str:
    return "" if model is None else f"; there are: {', '.join(fields_of(model))}"


def _model_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return what a part of a document is read as; None: it has no fields with fixed names."""
    found: type[BaseModel] | None = model
    for part in path:
        if found is not None and isinstance(part, str):
            known = {key: field for name, field in found.model_fields.items() for key in _names(name, field)}
            found = _model_in(known[part].annotation) if part in known else None
    return found


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model in the type of a field: alone, as one of several types, or of a list's entries."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _incorrect(said: str, mistakes: Iterable[str]) -> AdministrationError:
    lines = [f"  {mistake}" for mistake in mistakes]
    return AdministrationError("\n".join([f"{said} cannot be applied; correct:", *lines]))


def _parsed(text: str, said: str) -> tuple[yaml.Node | None, Any]:
    """Return a YAML text as nodes, which know their lines, and as data."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"{said} is not YAML: {error}"
        raise AdministrationError(message) from error
    except (LookupError, AttributeError) as error:  # of YAML's own readers, for example of `!!bool x` or `!!int ""`
        message = f"{said} says of a value what it is, as !!int does, but it is not: leave out what begins with !!"
        raise AdministrationError(message) from error


def _repeated_keys(root: yaml.Node | None) -> Iterator[str]:
    """Yield a mistake for each field that a mapping has twice; YAML would take the last one, and say nothing."""
    open_nodes: list[tuple[str, yaml.Node | None]] = [("", root)]
    seen: set[int] = set()  # an alias is a node that was there before
    while open_nodes:
        path, node = open_nodes.pop(0)
        lines: dict[str, int] = {}
        for name, key, child in () if id(node) in seen else _children(node):
            line = key.start_mark.line + 1
            if name in lines:
                yield f"line {line}, {path}{name}: line {lines[name]} has it already; keep one of them"
            lines[name] = line
            open_nodes.append((f"{path}{name}.", child))
        seen.add(id(node))


def _children(node: yaml.Node | None) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Return the children of a node, each with its name and with the node that has its line."""
    if isinstance(node, yaml.MappingNode):
        return [(str(key.value), key, child) for key, child in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [(str(place), child, child) for place, child in enumerate(node.value)]
    return []


def _line(node: yaml.Node | None, path: tuple[int | str, ...]) -> int:
    """Return the line, counted from 1, of the innermost part of the path that exists in the text."""
    line = 1
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        node = found
        line = found.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    return next((child for name, _, child in _children(node) if name == str(part)), None)
