"""What of a text the font can draw, and how wide that is. Pure."""

import unicodedata
from typing import Final

_LATIN_TO_CYRILLIC: Final = range(0x20, 0x530)
_EXTENDED_LATIN_AND_SIGNS: Final = range(0x1E00, 0x20D0)
"""Characters that Inter has; beside them, most of all, it lacks emoji."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Mn", "Me"})
"""Categories that draw nothing by themselves; accents are composed with their letter first."""

_WIDTHS: Final = {
    character: width
    for width, characters in (
        (0.3, "ijlI.,:;!' ·"),
        (0.38, "tfr|/()[]"),
        (0.47, '1-"“”ª'),
        (0.57, "acksvxyzJL7?º"),
        (0.63, "bdeghnopquFEZ2345689"),
        (0.69, "0PRSTBKYAVX$&+"),
        (0.78, "CDGHUNOQ"),
        (0.89, "wm…"),
    )
    for character in characters
}
"""Advance of Inter's characters by its size, rounded up; source: the font itself."""
_WIDEST: Final = 1.0
_BOLD: Final = 1.09
_CUT: Final = "…"


def drawable(text: str) -> str:
    """Return a text without the characters that the font has not, in one line."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(" " if character.isspace() else character for character in composed if _is_drawn(character))
    return " ".join(kept.split())


def _is_drawn(character: str) -> bool:
    if character.isspace():
        return True
    known = ord(character) in _LATIN_TO_CYRILLIC or ord(character) in _EXTENDED_LATIN_AND_SIGNS
    return known and unicodedata.category(character) not in _UNSEEN


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide a text is at most, in the unit of its size."""
    letters = (unicodedata.normalize("NFD", character)[0] for character in text)
    return sum(_WIDTHS.get(letter, _WIDEST) for letter in letters) * size * (_BOLD if bold else 1)


def size_for(text: str, size: float, width: float, *, bold: bool = False) -> float:
    """Return in which size a text fits into a width: numbers are written smaller, never cut."""
    return min(size, size * width / max(width_of(text, size, bold=bold), 1))


def fitted(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """Return as much of a text as fits into a width, with an ellipsis where something is left out."""
    if width_of(text, size, bold=bold) <= width:
        return text
    kept = text
    while kept and width_of(kept + _CUT, size, bold=bold) > width:
        kept = kept[:-1].rstrip()
    return kept + _CUT


def in_two_lines(text: str, size: float, width: float) -> tuple[str, ...]:
    """Return a text in the lines that fit into a width, two at most."""
    words, first = text.split(), ""
    while words and width_of(f"{first} {words[0]}".strip(), size) <= width:
        first = f"{first} {words.pop(0)}".strip()
    if not first:
        return (fitted(text, size, width),)
    return (first, fitted(" ".join(words), size, width)) if words else (first,)
