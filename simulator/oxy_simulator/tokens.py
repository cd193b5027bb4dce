"""Token dictionaries: the texts that travel as one or two bytes.

The last byte of a connection's header says which dictionary its client speaks. Source of 3: whatsmeow
`binary/token/token.go`; of 2: Baileys 6.17.16 `lib/WABinary/constants.js`.
"""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Final

FIRST_DICTIONARY: Final = 236  # the byte before a token of two bytes names one of four tables, from here on


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """One version: texts by their byte, by table and byte, and how each text is written."""

    version: int
    single: list[str | None]
    double: list[list[str]]
    codes: dict[str, bytes]


def _read(version: int, single: list[str], double: list[list[str]]) -> Dictionary:
    codes = {
        text: bytes((FIRST_DICTIONARY + table, index))
        for table, texts in enumerate(double)
        for index, text in enumerate(texts)
    } | {text: bytes((index,)) for index, text in enumerate(single) if text}
    return Dictionary(version, [None, *single[1:], *[None] * (256 - len(single))], double, codes)


def _load() -> dict[int, Dictionary]:
    tokens = json.loads(resources.files("oxy_simulator").joinpath("tokens.json").read_text("utf-8"))
    return {int(version): _read(int(version), **tables) for version, tables in tokens.items()}


DICTIONARIES: Final = _load()
CURRENT: Final = DICTIONARIES[3]
