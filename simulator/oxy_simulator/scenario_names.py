"""What is wrong with what a scenario refers to: phones and clients that nothing declares, missing files and programs.

It looks at the plain content of the file, so that these mistakes are told together with those of its form. What has the
wrong form is passed over here.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final, TypeAlias

from oxy_simulator.faultkind import SERVER_KINDS
from oxy_simulator.scenario import Path
from oxy_simulator.scenario_form import close

VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
PHONE_FIELDS: Final = frozenset({"to", "chat", "contact"})
"""Fields of an act that name a phone, by its name here or its number."""

_DONE_TO_OTHERS: Final = {"typing": "to", "block": "contact", "trust": "contact", "mark": "chat"}
_CLIENT_VERBS: Final = ("start", "terminate", "kill", "restart", "stop", "continue")
_NUMBER: Final = re.compile(r"\+?\d+$")

Found: TypeAlias = Iterator[tuple[Path, str]]
"""Mistakes, or parts, with their places."""


def reference_mistakes(content: object, folder: FilePath) -> Found:
    """Yield what is referred to and does not exist, with its place; `folder` is that of the scenario's file."""
    names = _Names(fields(content), folder)
    yield from names.in_phones()
    yield from names.in_clients()
    for path, step in names.steps:
        yield from names.in_step(path, step)


@dataclass(frozen=True, slots=True)
class _Names:
    content: dict[str, Any]
    folder: FilePath

    @property
    def steps(self) -> list[tuple[Path, dict[str, Any]]]:
        return list(walk(("steps",), self.content.get("steps")))

    def in_phones(self) -> Found:
        seen: dict[str, str] = {}
        for name, phone in fields(self.content.get("phones")).items():
            number = phone.get("number") if isinstance(phone, dict) else phone
            digits = re.sub(r"\D", "", str(number))
            if digits and seen.setdefault(digits, name) != name:
                path = ("phones", name, "number") if isinstance(phone, dict) else ("phones", name)
                yield path, f"{seen[digits]!r} has this number too; give each phone its own"

    def in_clients(self) -> Found:
        for name, client in fields(self.content.get("clients")).items():
            path, given = ("clients", name), fields(client)
            yield from self._undeclared((*path, "phone"), given.get("phone"), "phone")
            yield from self._missing((*path, "folder"), given.get("folder"), "folder")
            yield from self._no_program((*path, "command", 0), given)

    def in_step(self, path: Path, step: dict[str, Any]) -> Found:
        for verb in _CLIENT_VERBS:
            yield from self._undeclared((*path, verb), step.get(verb), "client")
            yield from self._undeclared((*path, verb, "client"), fields(step.get(verb)).get("client"), "client")
        yield from self._undeclared((*path, "unlink"), step.get("unlink"), "phone")
        for verb, part in step.items():
            for field in ("phone", "from", "to", "peer"):
                yield from self._undeclared((*path, verb, field), fields(part).get(field), "phone")
        yield from self._missing((*path, "send", "file"), fields(step.get("send")).get("file"), "file")
        act = fields(step.get("act"))
        yield from self._in_act((*path, "act", "with"), fields(act.get("with")))
        yield from self._on_itself((*path, "act", "with"), act)
        yield from _fault_without_phone((*path, "fault"), fields(step.get("fault")))

    def _in_act(self, path: Path, given: dict[str, Any]) -> Found:
        for field in PHONE_FIELDS & given.keys():
            if not _NUMBER.match(str(given[field])):
                yield from self._undeclared((*path, field), given[field], "phone")

    def _on_itself(self, path: Path, act: dict[str, Any]) -> Found:
        """Look at an act that is done to another phone only."""
        field = _DONE_TO_OTHERS.get(str(act.get("action")), "")
        phone, other = act.get("phone"), fields(act.get("with")).get(field)
        if other is not None and phone == other:
            yield (*path, field), f"{phone!r} cannot do that to itself; name another phone as {field!r}"

    def _undeclared(self, path: Path, name: object, kind: str) -> Found:
        section = f"{kind}s"
        names = list(fields(self.content.get(section)))
        if isinstance(name, str) and not VARIABLE.search(name) and name not in names:
            known = f"declared: {', '.join(names)}" if names else "none is declared"
            yield path, f"unknown {kind} {name!r}{close(name, names)}; add it under {section!r} ({known})"

    def _no_program(self, path: Path, client: dict[str, Any]) -> Found:
        program, folder = next(iter(items(client.get("command"))), None), client.get("folder", "")
        search = fields(client.get("environment")).get("PATH")
        if not isinstance(program, str) or any(VARIABLE.search(str(text)) for text in (program, folder, search)):
            return
        if "/" in program:
            program = str(self.folder / str(folder) / program)
        try:
            found = shutil.which(program, path=search if isinstance(search, str) else None)
        except ValueError:
            found = None
        if found is None:
            where = "cannot be run" if "/" in program else "is not on PATH"
            yield path, f"the program {program!r} {where}; install it, or write its path"

    def _missing(self, path: Path, name: object, kind: str) -> Found:
        if not isinstance(name, str) or VARIABLE.search(name):
            return
        place = self.folder / name
        if not (os.path.isfile if kind == "file" else os.path.isdir)(place):
            yield path, f"there is no {kind} {str(place)!r}; it is named from the scenario file's folder"


def _fault_without_phone(path: Path, given: dict[str, Any]) -> Found:
    if isinstance(given.get("kind"), str) and "phone" not in given and given["kind"] not in SERVER_KINDS:
        yield path, f"fault {given['kind']!r} lacks 'phone'; say whose clients it is for"


def walk(path: Path, steps: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every step that has the form of one, those of parallel branches too."""
    for index, step in enumerate(items(steps)):
        place, given = (*path, index), fields(step)
        yield place, given
        for branch, listed in enumerate(items(given.get("parallel"))):
            yield from walk((*place, "parallel", branch), listed)


def fields(content: object) -> dict[str, Any]:
    """Return the fields of a part, none if it has the wrong form."""
    return content if isinstance(content, dict) else {}


def items(content: object) -> list[Any]:
    """Return the items of a list, none if it is something else."""
    return content if isinstance(content, list) else []
