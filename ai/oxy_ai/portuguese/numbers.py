"""Numbers as people write them: digits or words. Pure."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Final

from oxy_ai.portuguese.words import any_of, words_in

_TEENS: Final = (
    words_in("dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove"),
    words_in("um dois tres quatro cinco seis sete oito nove"),
    ["vinte", "trinta", "quarenta", "cinquenta"],
)


def _counted() -> dict[str, int]:
    teens, units, tens = _TEENS
    words = {word: value for value, word in enumerate(units, 1)} | {"uma": 1, "duas": 2, "hum": 1, "catorze": 14}
    words |= {word: value for value, word in enumerate(teens, 10)}
    words |= {word: value * 10 for value, word in enumerate(tens, 2)}
    small = [(word, value) for word, value in words.items() if value < 10]  # noqa: PLR2004 one digit
    return words | {f"{ten} e {word}": words[ten] + value for ten, (word, value) in product(tens, small)}


NUMBERS: Final = _counted()
"""From 1 to 59: more than the days of a month and the minutes of an hour need."""

NUMBER: Final = rf"(?:[0-9]{{1,2}}(?![0-9])|{any_of(NUMBERS)}\b)"
"""The regular expression of a number up to 99 in digits, or up to 59 in words."""


def number(words: str) -> int:
    """Return the value of what `NUMBER` matched."""
    return int(words) if words.isdigit() else NUMBERS[words]


_LARGE: Final = {
    **{
        f"{ten}": value
        for value, ten in zip(range(60, 100, 10), ("sessenta", "setenta", "oitenta", "noventa"), strict=True)
    },
    **{
        word: value * 100
        for value, word in enumerate(
            words_in("cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos"),
            1,
        )
    },
    "cem": 100,
}
_SINGLE: Final = {word: value for word, value in NUMBERS.items() if " " not in word} | _LARGE
_THOUSAND: Final = "mil"
_WORD: Final = any_of([*_SINGLE, _THOUSAND])
SPELLED: Final = rf"{_WORD}(?: (?:e )?{_WORD}){{0,7}}\b"
"""The regular expression of a number in words."""
_MONEY: Final = re.compile(
    rf"\b(?P<number>{SPELLED})"
    rf" (?:reais|real|contos?|pilas?)\b(?: e (?P<cents>{any_of(NUMBERS)}) centavos)?",
    re.ASCII,
)


def money_in_words(folded: str) -> Iterator[tuple[int, int, int]]:
    """Yield where an amount in words stands in a folded text, and its cents: "sessenta e cinco reais"."""
    for match in _MONEY.finditer(folded):
        yield match.start(), match.end(), spelled(match["number"]) * 100 + number(match["cents"] or "0")


def spelled(words: str) -> int:
    """Return the value of what `SPELLED` matched."""
    total = part = 0
    for word in words.split():
        if word == _THOUSAND:
            total, part = total + max(part, 1) * 1000, 0
        elif word != "e":
            part += _SINGLE[word]
    return total + part
