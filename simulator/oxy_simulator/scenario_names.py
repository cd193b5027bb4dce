"""What is wrong with what a scenario refers to: phones, clients and variables that nothing declares, missing files.

It looks at the plain content of the file, so that these mistakes are told together with those of its form. What has the
wrong form is passed over here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from oxy_simulator.faultkind import SERVER_KINDS
from oxy_simulator.scenario import Path
from oxy_simulator.scenario_form import close

VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
BUILT_IN: Final = ("folder", "proxy", "control")
"""Variables that every scenario has: a scratch folder, the proxy's URL, the control API's URL."""
PHONE_FIELDS: Final = frozenset({"to", "chat", "contact"})
"""Fields of an act that name a phone, by its name here or its number."""

_CLIENT_VERBS: Final = ("start", "terminate", "kill", "restart", "stop", "continue")
_NUMBER: Final = re.compile(r"\+?\d+$")

_Found = Iterator[tuple[Path, str]]


def reference_mistakes(content: object, folder: FilePath) -> _Found:
    """Yield what is referred to and does not exist, with its place; `folder` is that of the scenario's file."""
    names = _Names(_fields(content), folder)
    yield from names.in_clients()
    for path, step in names.steps:
        yield from names.in_step(path, step)
    yield from names.in_texts(content)


@dataclass(frozen=True, slots=True)
class _Names:
    content: dict[str, Any]
    folder: FilePath

    @property
    def steps(self) -> list[tuple[Path, dict[str, Any]]]:
        return list(_walk(("steps",), self.content.get("steps")))

    def in_clients(self) -> _Found:
        for name, client in _fields(self.content.get("clients")).items():
            path, given = ("clients", name), _fields(client)
            yield from self._undeclared((*path, "phone"), given.get("phone"), "phone")
            yield from self._missing((*path, "folder"), given.get("folder"), "folder")

    def in_step(self, path: Path, step: dict[str, Any]) -> _Found:
        for verb in _CLIENT_VERBS:
            yield from self._undeclared((*path, verb), step.get(verb), "client")
            yield from self._undeclared((*path, verb, "client"), _fields(step.get(verb)).get("client"), "client")
        yield from self._undeclared((*path, "unlink"), step.get("unlink"), "phone")
        for verb, part in step.items():
            for field in ("phone", "from", "to", "peer"):
                yield from self._undeclared((*path, verb, field), _fields(part).get(field), "phone")
        yield from self._missing((*path, "send", "file"), _fields(step.get("send")).get("file"), "file")
        yield from self._in_act((*path, "act", "with"), _fields(_fields(step.get("act")).get("with")))
        yield from _fault_without_phone((*path, "fault"), _fields(step.get("fault")))

    def _in_act(self, path: Path, given: dict[str, Any]) -> _Found:
        for field in PHONE_FIELDS & given.keys():
            if not _NUMBER.match(str(given[field])):
                yield from self._undeclared((*path, field), given[field], "phone")

    def in_texts(self, content: object) -> _Found:
        declared = [*_fields(self.content.get("variables")), *_fields(self.content.get("phones"))]
        variables = {*BUILT_IN, *declared, *_assigned(step for _, step in self.steps)}
        for path, text in _texts((), content):
            for name in VARIABLE.findall(text):
                if name not in variables:
                    yield path, f"unknown variable ${{{name}}}{close(name, variables)}; declare it under 'variables'"

    def _undeclared(self, path: Path, name: object, kind: str) -> _Found:
        section = f"{kind}s"
        names = list(_fields(self.content.get(section)))
        if isinstance(name, str) and not VARIABLE.search(name) and name not in names:
            known = f"declared: {', '.join(names)}" if names else "none is declared"
            yield path, f"unknown {kind} {name!r}{close(name, names)}; add it under {section!r} ({known})"

    def _missing(self, path: Path, name: object, kind: str) -> _Found:
        if not isinstance(name, str) or VARIABLE.search(name):
            return
        place = self.folder / name
        if not (place.is_file() if kind == "file" else place.is_dir()):
            yield path, f"there is no {kind} {str(place)!r}; it is named from the scenario file's folder"


def _fault_without_phone(path: Path, given: dict[str, Any]) -> _Found:
    if isinstance(given.get("kind"), str) and "phone" not in given and given["kind"] not in SERVER_KINDS:
        yield path, f"fault {given['kind']!r} lacks 'phone'; say whose clients it is for"


def _walk(path: Path, steps: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every step that has the form of one, those of parallel branches too."""
    for index, step in enumerate(_items(steps)):
        place, given = (*path, index), _fields(step)
        yield place, given
        for branch, listed in enumerate(_items(given.get("parallel"))):
            yield from _walk((*place, "parallel", branch), listed)


def _assigned(steps: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the variables that steps set."""
    for step in steps:
        for verb in ("send", "expect"):
            part = _fields(step.get(verb))
            if isinstance(part.get("save"), str):
                yield part["save"]
            yield from _groups(part.get("pattern"))


def _groups(pattern: object) -> Iterable[str]:
    try:
        return re.compile(pattern).groupindex if isinstance(pattern, str) else ()
    except re.error:
        return ()


def _texts(path: Path, content: object) -> Iterator[tuple[Path, str]]:
    if isinstance(content, str):
        yield path, content
    for key, value in _fields(content).items():
        yield from _texts((*path, key), value)
    for index, value in enumerate(_items(content)):
        yield from _texts((*path, index), value)


def _fields(content: object) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _items(content: object) -> list[Any]:
    return content if isinstance(content, list) else []
