"""The registry of verticals: lines of business, found by name among the installed packages.

A package registers a vertical as an entry point: a class or function without arguments that returns a
`oxy_ai.assistants.vertical.Vertical`. The folder `schema` beside that module holds the vertical's part of the database
schema (`oxy_ai.schema`).
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from oxy_ai.assistants.vertical import Vertical
from oxy_core.errors import SettingsError

GROUP: Final = "oxy.verticals"
"""Entry point group, in the `pyproject.toml` of the package that provides the vertical."""


def find_vertical(name: str) -> Vertical:
    """Load the vertical of this name; raises SettingsError. Reads the disk: call it once per process."""
    installed = _installed()
    if name not in installed:
        known = ", ".join(installed) or "none"
        message = (
            f"OXY_VERTICAL: no installed package provides a vertical {name!r} (installed: {known}); correct the name "
            "or install the package. In a checkout, run: make setup"
        )
        raise SettingsError(message)
    return _load(installed[name])


def packages_of_verticals() -> tuple[str, ...]:
    """Return the packages of all installed verticals, ordered by vertical name, without loading any.

    A vertical's package is the one with the entry point's module; its tables are in its folder `schema`. The database
    has the tables of all of them.
    """
    return tuple(entry.module.rpartition(".")[0] for entry in _installed().values())


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def _load(entry: EntryPoint) -> Vertical:
    vertical: Vertical = entry.load()()
    return vertical
