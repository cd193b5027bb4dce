"""Texts with variables in braces, ``{nome}``, or with words for one that nobody knows, ``{nome|tudo bem}``. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_PLACE: Final = re.compile(r"\{(?P<name>[^{}|]*)(?:\|(?P<otherwise>[^{}|]*))?\}")
_STRAY: Final = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Filled:
    """What a text says to one person."""

    text: str
    missing: tuple[str, ...] = ()
    """Variables that nobody knows of this person, and that have no words in their place: it must not be sent."""


def names_in(text: str) -> tuple[str, ...]:
    """Return the variables of a text, each once, in their order."""
    return tuple(dict.fromkeys(place["name"].strip() for place in _PLACE.finditer(text)))


def is_template(text: str, known: Collection[str]) -> bool:
    """Whether a text has no other variables than the known ones, and no brace beside them."""
    return all(name in known for name in names_in(text)) and not _STRAY.search(_PLACE.sub("", text))


def fill(text: str, values: Mapping[str, str]) -> Filled:
    """Return a text with the variables of a person, of whom only the known ones are in `values`."""
    missing: list[str] = []

    def put(place: re.Match[str]) -> str:
        name = place["name"].strip()
        value = values.get(name) or (place["otherwise"] or "").strip()
        if not value:
            missing.append(name)
        return value

    return Filled(_PLACE.sub(put, text), tuple(dict.fromkeys(missing)))
