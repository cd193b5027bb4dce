"""Patterns of what must, or must not, be found in a text. Pure."""

import re
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from oxy_ai.portuguese.words import fold

_EXPRESSION: Final = re.compile(r"/(.+)/", re.DOTALL)


def _readable(pattern: str) -> str:
    """Return a pattern; raises ValueError if it is empty or an expression that does not compile."""
    if not pattern.strip():
        message = "is empty: write the words that are looked for"
        raise ValueError(message)
    expression = _EXPRESSION.fullmatch(pattern)
    if expression is not None:
        try:
            re.compile(expression[1])
        except re.error as error:
            message = f"is not a regular expression ({error}): correct it, or write the words without slashes"
            raise ValueError(message) from error
    return pattern


Pattern: TypeAlias = Annotated[str, AfterValidator(_readable)]
"""Words that are found whatever their case and accents are; or, between slashes, a regular expression."""


def found_in(pattern: str, text: str) -> bool:
    """Whether a text contains what a pattern looks for; an expression is searched for in the text as it was written."""
    expression = _EXPRESSION.fullmatch(pattern)
    if expression is not None:
        return re.search(expression[1], text, re.IGNORECASE) is not None
    return folded(pattern) in folded(text)


def is_meant(pattern: str, text: str) -> bool:
    """Whether a value, as a name or an argument, is the one that a pattern names: all of it, unless an expression."""
    return found_in(pattern, text) if _EXPRESSION.fullmatch(pattern) else folded(pattern) == folded(text)


@lru_cache(maxsize=4_096)
def folded(text: str) -> str:
    """Return a text in lower case, without accents and with single spaces."""
    return " ".join(fold(text).split())
