"""Files that people write in YAML, read strictly: each mistake is named with its line and field. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from oxy_ai.errors import AdministrationError

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
                f"line {_line(root, item['loc'])}, {'.'.join(map(str, item['loc'])) or what}: "
                f"{item['msg'].removeprefix(_OWN)}"
                for item in error.errors()
            ),
        ) from None


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
