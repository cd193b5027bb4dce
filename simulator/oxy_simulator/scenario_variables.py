"""Variables of a scenario: what each text uses must be declared, or saved by a step before it.

It looks at the plain content of the file, as `scenario_names` does; what has the wrong form is passed over here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from oxy_simulator.scenario import Path, compiled
from oxy_simulator.scenario_form import close, dotted
from oxy_simulator.scenario_names import VARIABLE, Found, fields, items, walk

BUILT_IN: Final = ("folder", "proxy", "control")
"""Variables that every scenario has: a scratch folder, the proxy's URL, the control API's URL."""


def variable_mistakes(content: object) -> Found:
    """Yield every use of a variable that is unknown, or not saved yet by then."""
    scenario = fields(content)
    saved = _saved_at(scenario.get("steps"))
    scope = _Scope(saved, {*BUILT_IN, *fields(scenario.get("phones")), *fields(scenario.get("proxies"))})
    for name, text in fields(scenario.get("variables")).items():
        yield from scope.in_texts(("variables", name), text)
        scope.known.add(name)
    for name, client in fields(scenario.get("clients")).items():
        yield from _in_client(("clients", name), fields(client), scope)
    for name in scenario.keys() - {"variables", "clients", "steps"}:
        yield from scope.in_texts((name,), scenario[name])
    yield from scope.in_steps(("steps",), scenario.get("steps"))


def _in_client(path: Path, client: dict[str, Any], scope: "_Scope") -> Found:
    """Look at a client, which is made before the first step; only its code is read later, when it is started."""
    for name, part in client.items():
        later = scope.with_all() if name == "link" else scope
        yield from later.in_texts((*path, name), part)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is known at one place, and where everything else is saved."""

    saved: dict[str, Path]
    known: set[str] = field(default_factory=set)

    def with_all(self) -> "_Scope":
        return _Scope(self.saved, {*self.known, *self.saved})

    def in_steps(self, path: Path, steps: object) -> Found:
        """Look at steps in order; branches side by side know nothing of each other."""
        for index, step in enumerate(items(steps)):
            place = (*path, index)
            for branch, listed in enumerate(items(fields(step).get("parallel"))):
                yield from _Scope(self.saved, set(self.known)).in_steps((*place, "parallel", branch), listed)
            if "parallel" not in fields(step):
                yield from self.in_texts(place, step)
            for _, inner in walk(place[:-1], [step]):
                self.known.update(_assigned(inner))

    def in_texts(self, path: Path, content: object) -> Found:
        for place, text in _texts(path, content):
            for name in VARIABLE.findall(text):
                if name not in self.known:
                    yield place, self._problem(name)

    def _problem(self, name: str) -> str:
        if name in self.saved:
            step = dotted(self.saved[name])
            return f"variable ${{{name}}} is used before {step} has saved it; put that step before this place"
        near = close(name, {*self.known, *self.saved})
        return f"unknown variable ${{{name}}}{near}; declare it under 'variables'"


def _saved_at(steps: object) -> dict[str, Path]:
    """Return which step saves each variable first."""
    places: dict[str, Path] = {}
    for path, step in walk(("steps",), steps):
        for name in _assigned(step):
            places.setdefault(name, path)
    return places


def _assigned(step: dict[str, Any]) -> Iterator[str]:
    """Yield the variables that a step sets."""
    for verb in ("send", "expect"):
        part = fields(step.get(verb))
        if isinstance(part.get("save"), str):
            yield part["save"]
        yield from _groups(part.get("pattern"))


def _groups(pattern: object) -> Iterable[str]:
    try:
        return compiled(pattern).groupindex if isinstance(pattern, str) else ()
    except re.error:
        return ()


def _texts(path: Path, content: object) -> Found:
    """Yield every text in a part, with its place."""
    if isinstance(content, str):
        yield path, content
    for key, value in fields(content).items():
        yield from _texts((*path, key), value)
    for index, value in enumerate(items(content)):
        yield from _texts((*path, index), value)
