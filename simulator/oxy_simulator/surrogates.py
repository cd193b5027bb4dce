"""Halves of a character (lone surrogates): JSON and YAML can write them, and no message can hold them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from pydantic import BaseModel

ADVICE: Final = "holds a half of a character (a lone surrogate, like \\ud800); write the whole character"

Path: TypeAlias = tuple[str | int, ...]

_HALF: Final = re.compile("[\ud800-\udfff]")


def halved(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield where in data (texts, lists, fields, models) half a character stands."""
    if isinstance(value, str):
        if _HALF.search(value):
            yield path
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if _HALF.search(str(name)):
                yield path
            yield from halved(inner, (*path, name))
    elif isinstance(value, BaseModel):
        yield from halved(dict(value), path)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from halved(inner, (*path, index))
