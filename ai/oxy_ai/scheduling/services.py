"""Services and resources, and how to find one by a customer's words."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from oxy_ai.scheduling.slots import Need


class ResourceKind(StrEnum):
    """What serves a booking; customers may wish for a person or a room."""

    STAFF = "staff"
    ROOM = "room"
    EQUIPMENT = "equipment"


@dataclass(frozen=True, slots=True)
class Resource:
    """Something or somebody that serves one booking at a time."""

    id: int
    key: str
    name: str
    kind: ResourceKind


@dataclass(frozen=True, slots=True)
class Service:
    """A service on offer."""

    id: int
    key: str
    name: str
    price_cents: int
    need: Need


class Named(Protocol):
    """What is found by its key or name."""

    @property
    def key(self) -> str:
        """Return the key in the catalog."""
        ...

    @property
    def name(self) -> str:
        """Return what customers call it."""
        ...


T = TypeVar("T", bound=Named)


def find_service(services: Sequence[Service], wanted: str) -> Service | None:
    """Return the service that a customer's words name; None if there is none, or if they may name several."""
    return _only(named_by(services, wanted))


def find_resource(resources: Sequence[Resource], wanted: str) -> Resource | None:
    """Return the resource that a customer's words name, as `find_service` does."""
    return _only(named_by(resources, wanted))


def named_by(offered: Sequence[T], wanted: str) -> list[T]:
    """Return what a customer's words may name: what is called so, else all whose names contain them.

    "Corte" may be "Corte e barba" or "Corte infantil", at another price: nobody but the customer knows.
    """
    words = fold_name(wanted)
    for names in ([fold_name(item.name) for item in offered], [fold_name(item.key) for item in offered]):
        if words in names:
            return [offered[names.index(words)]]
    return [item for item in offered if words and (words in fold_name(item.name) or words in fold_name(item.key))]


def _only(found: Sequence[T]) -> T | None:
    return found[0] if len(found) == 1 else None


def fold_name(text: str) -> str:
    """Return a name for comparison: letters and digits alone, in lower case and without accents, single spaces.

    "Dra. Camila" is "dra camila", and "Thór 🐶" is "thor".
    """
    decomposed = unicodedata.normalize("NFD", text.lower())
    plain = (character for character in decomposed if not unicodedata.combining(character))
    return " ".join("".join(character if character.isalnum() else " " for character in plain).split())
