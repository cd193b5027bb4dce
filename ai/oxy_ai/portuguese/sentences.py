"""Long texts in several messages, as people write them: cut between paragraphs, sentences, or words. Pure.

Nothing is lost: the pieces, joined, are the text, but for the blanks between them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

MAX_PIECE: Final = 900
"""Characters of one message: about a screen of a phone."""

_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n\s*")
_LINE: Final = re.compile(r"\n\s*")
_SENTENCE: Final = re.compile(r"(?<=[.!?…])[\"”')]{0,2}(?:[ \t]{0,2}[^\w\s\"“'(]{1,8})?[ \t]{1,9}(?=\S)")
"""After the punctuation, closing quotes and emoji; before the next word."""
_WORD: Final = re.compile(r"\s+")

_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:dr|dra|sr|sra|srta|prof|profa|av|al|r|n|no|nº|tel|ap|apto|ex|etc|obs|pág|hs|hrs|min|kg|vc|vcs|"
    r"cia|ltda)\.|"
    r"(?:^|\s)\w\.|(?:^|\s)\d{1,2}\.)$",
    re.IGNORECASE,
)
"""A full stop that ends no sentence: of an abbreviation, an initial, or the number of an item."""
_ABBREVIATION_LENGTH: Final = 8

_JOINER: Final = "\u200d"

Cuts = Callable[[str], Iterator[int]]
"""Yields where a text may be cut, in order."""


def split_answer(text: str, limit: int = MAX_PIECE) -> tuple[str, ...]:
    """Return a text in pieces of at most `limit` characters, as few and as natural as a greedy cut makes them."""
    rest, pieces = text.strip(), []
    while len(rest) > limit:
        at = _cut(rest, limit)
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return tuple(piece for piece in (*pieces, rest) if piece)


def _cut(text: str, limit: int) -> int:
    """Return where the first piece of a text ends: at the best kind of place that leaves no tiny piece."""
    window = text[: limit + 1]
    for places in (_PARAGRAPH, _LINE):
        at = _last(places, window, limit)
        if at >= limit // 3:
            return at
    at = _last_sentence(window, limit)
    if at >= limit // 3:
        return at
    return _last(_WORD, window, limit) or _between_characters(text, limit)


def _last(places: re.Pattern[str], window: str, limit: int) -> int:
    return max((found.start() for found in places.finditer(window) if found.start() <= limit), default=0)


def _last_sentence(window: str, limit: int) -> int:
    return max((at for at in sentence_ends(window) if at <= limit), default=0)


def sentence_ends(text: str) -> Iterator[int]:
    """Yield where each sentence of a text ends but the last: after its punctuation and the emoji that follow."""
    for found in _SENTENCE.finditer(text):
        before = text[max(0, found.start() - _ABBREVIATION_LENGTH) : found.start()]
        if not _ABBREVIATION.search(before):
            yield found.start() + len(found[0].rstrip())


def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a text, with their punctuation; a line break ends one too."""
    found: list[str] = []
    for line in text.splitlines():
        ends = [0, *sentence_ends(line), len(line)]
        found += [line[start:end].strip() for start, end in pairwise(ends)]
    return tuple(sentence for sentence in found if sentence)


def _between_characters(text: str, limit: int) -> int:
    """Return where to cut a word that is too long: not within a character that consists of several."""
    for at in range(limit, max(limit // 2, 1), -1):
        if not _continues(text[at]) and text[at - 1] != _JOINER:
            return at
    return limit


def _continues(character: str) -> bool:
    return character == _JOINER or unicodedata.category(character) in {"Mn", "Me", "Mc", "Sk", "Cf"}
