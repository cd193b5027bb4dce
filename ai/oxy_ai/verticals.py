"""The registry of verticals: lines of business, found by name among the installed packages.

A package registers a vertical as an entry point: a class or function without arguments that returns a
`oxy_ai.assistants.vertical.Vertical`. The folder `schema` beside that module holds the vertical's part of the database
schema (`oxy_ai.schema`).
"""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import structlog

from oxy_ai.assistants.vertical import Vertical
from oxy_ai.campaigns.audience import Audience, Marketer
from oxy_ai.errors import ProfileUnknownError

log = structlog.get_logger()

GROUP: Final = "oxy.verticals"
"""Entry point group, in the `pyproject.toml` of the package that provides the vertical."""


class Verticals:
    """The installed verticals. Each is loaded when an instance first needs it, and kept."""

    def __init__(self) -> None:
        self._installed = _installed()
        self._loaded: dict[str, Vertical] = {}
        self._broken: set[str] = set()

    def named(self, profile: str) -> Vertical:
        """Return the vertical that a profile (``spec.ai.profile``) names; raises ProfileUnknownError."""
        if profile not in self._loaded:
            if profile not in self._installed:
                raise ProfileUnknownError(profile, tuple(self._installed))
            self._loaded[profile] = _load(self._installed[profile])
        return self._loaded[profile]

    def audience_of(self, profile: str) -> Audience:
        """Return who may get campaigns of a profile; raises ProfileUnknownError if it has none, or does not exist."""
        vertical = self.named(profile)
        if not isinstance(vertical, Marketer):
            raise ProfileUnknownError(profile, tuple(self._installed))
        return vertical.audience()

    def see_emergency(self, text: str) -> bool:
        """Return whether any installed vertical takes a customer's text for an emergency.

        Whoever stores a message does not know its vertical; the turn that looks at it does.
        """
        return any(vertical.is_emergency(text) for vertical in self._all())

    def _all(self) -> Iterator[Vertical]:
        for profile in self._installed:
            if profile in self._broken:
                continue
            try:
                yield self.named(profile)
            except Exception:  # reports of all instances pass here; its own turns fail and say why
                self._broken.add(profile)
                log.exception("vertical_broken", profile=profile)


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
