"""Texts as the review compares them. Pure; `oxy_ai.portuguese.words` folds them."""

import re
from typing import Final

from oxy_ai.portuguese.words import fold, key_words

_CLAUSE_END: Final = re.compile(r"(?<=[,;:)])\s+|\s+(?=[(-])|(?<=[.!?…])\s+|\n+|\s+(?=(?:mas|porem)\b)")
_TELLING: Final = 4
"""Shorter words say little."""
_STEM: Final = 5
"""So many letters tell a word from others, whatever its ending."""


def clause_spans(sentence: str) -> list[tuple[int, int]]:
    """Return where a sentence's clauses stand: between commas, colons, dashes and before a "but"."""
    cuts = [match.span() for match in _CLAUSE_END.finditer(fold(sentence))]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(sentence)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if sentence[start:end].strip()]


def clauses(sentence: str) -> list[str]:
    """Return a sentence's clauses."""
    return [sentence[start:end] for start, end in clause_spans(sentence)]


def telling(text: str) -> frozenset[str]:
    """Return the beginnings of the longer words of a text."""
    return frozenset(word[:_STEM] for word in key_words(text).split() if len(word) >= _TELLING and not word.isdigit())
