"""Services, and how to find one by a customer's words."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from oxy_ai.scheduling.slots import Need


@dataclass(frozen=True, slots=True)
class Service:
    """A service on offer."""

    id: int
    key: str
    name: str
    price_cents: int
    need: Need


def find_service(services: Sequence[Service], wanted: str) -> Service | None:
    """Return the service that a customer's words name: an exact match, else the shortest name that contains them."""
    words = fold_name(wanted)
    for service in services:
        if words in {fold_name(service.key), fold_name(service.name)}:
            return service
    partial = [service for service in services if words and (words in fold_name(service.name) or words in service.key)]
    return min(partial, key=lambda service: len(service.name), default=None)


def fold_name(text: str) -> str:
    """Return a name for comparison: lower case, without accents or hyphens, single spaces."""
    decomposed = unicodedata.normalize("NFD", text)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(plain.lower().replace("-", " ").split())
