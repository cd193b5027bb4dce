"""Text in the form in which it is compared: lower case, without accents, with single spaces. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, starmap
from typing import Final

MAX_READ: Final = 20_000
"""Characters that are read of a text that anybody may write; no message to a shop is near it."""

_INVISIBLE_BLOCKS: Final = (
    (0xAD, 0xAE),
    (0x0300, 0x0370),
    (0x061C, 0x061D),
    (0x115F, 0x1161),
    (0x17B4, 0x17B6),
    (0x180B, 0x1810),
    (0x200B, 0x2010),
    (0x202A, 0x202F),
    (0x2060, 0x2070),
    (0x20D0, 0x2100),
    (0x3164, 0x3165),
    (0xFE00, 0xFE10),
    (0xFEFF, 0xFF00),
    (0xE0000, 0xE0080),
    (0xE0100, 0xE01F0),
)
_INVISIBLE: Final = dict.fromkeys(chain.from_iterable(starmap(range, _INVISIBLE_BLOCKS)))
"""Characters that take no room, marks that belong to no letter included: people and attackers put them into words."""

_PLAIN: Final = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    **dict.fromkeys("\u2010\u2011\u2012\u2015", "-"),
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "°": "o",
}
"""Typographic quotes and dashes; the degree sign stands for that of "1º"."""
_LETTERS: Final = (range(0x80, 0x2100), range(0xFF00, 0xFFF0), range(0x1D400, 0x1D800))
"""Blocks with accented, wide and mathematical letters and digits: phones offer the latter as fonts."""

_SENTENCE: Final = 400
"""Characters of a text that is folded once for all who ask soon."""
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text in two forms of the same length, so that a place in one is a place in the other."""

    shown: str
    """As written, with single spaces and line breaks."""
    folded: str
    """In lower case and without accents."""


def read(text: str, limit: int = MAX_READ) -> Reading:
    """Return the first `limit` characters of a text as they are shown and as they are compared."""
    composed = unicodedata.normalize("NFC", text[:limit]).translate(_INVISIBLE)
    shown = _SPACES.sub(lambda found: "\n" if "\n" in found[0] else " ", composed).strip()
    return Reading(shown, fold(shown))


def fold(text: str) -> str:
    """Return a text in lower case and without accents, character by character: ``É às 14h`` is ``e as 14h``."""
    return _fold_sentence(text) if len(text) <= _SENTENCE else _fold(text)


@lru_cache(maxsize=512)
def _fold_sentence(text: str) -> str:
    """Fold a short text once: every check of an answer looks at the same sentences."""
    return _fold(text)


def _fold(text: str) -> str:
    return text.translate(_folds()).lower() if text.isascii() else "".join(map(_lower, text.translate(_folds())))


def key_words(text: str, limit: int = MAX_READ) -> str:
    """Return the words of a text's first `limit` characters, folded: ``Não, obrigado!! 🙏`` is ``nao obrigado``."""
    return " ".join(_WORD.findall(read(text, limit).folded))


def any_of(words: Iterable[str]) -> str:
    """Return the regular expression of one of these literal words, the longest first."""
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"


def words_in(text: str) -> tuple[str, ...]:
    """Return the words of a list that is written as text."""
    return tuple(text.split())


def either(*expressions: str) -> str:
    """Return the regular expression of any of these regular expressions."""
    return "|".join(expressions)


_WORD: Final = re.compile(r"[a-z0-9]+", re.ASCII)


@lru_cache(maxsize=1)
def _folds() -> dict[int, str]:
    """Return what each letter with an accent, and each character that only looks different, is compared as."""
    letters = {code: _base(chr(code)) for code in chain.from_iterable(_LETTERS)}
    return letters | {ord(character): plain for character, plain in _PLAIN.items()}


def _base(character: str) -> str:
    kept = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    return kept[0] if len(kept) == 1 else character


def _lower(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character
