"""What pydantic finds wrong with somebody's input, in words for those who wrote it."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic_core import ErrorDetails

from oxy_simulator.surrogates import ADVICE

FINITE: Final = "must be a finite number"

_FIELDS: Final = "must be fields with values, like {name: value}"
_NUMBER: Final = "must be a number"
_WHOLE: Final = "must be a whole number"
_TRUTH: Final = "must be true or false"
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "missing; add it",
        "extra_forbidden": "unknown field",
        "string_type": "must be text; write it in quotes",
        "string_unicode": ADVICE,
        "list_type": "must be a list, like [a, b]",
        "tuple_type": "must be a list, like [a, b]",
        "dict_type": _FIELDS,
        "model_type": _FIELDS,
        "model_attributes_type": _FIELDS,
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "finite_number": FINITE,
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_parsing_size": _WHOLE,
        "int_from_float": _WHOLE,
        "bool_type": _TRUTH,
        "bool_parsing": _TRUTH,
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
    }
)
_SUBJECT: Final = re.compile(r"^(Input|String|List|Tuple|Dictionary|Value|Number|Bytes|Data) should ")
_LITERALS: Final = {
    _NUMBER: re.compile(r"-?[\d.]{1,20}"),
    _WHOLE: re.compile(r"-?\d{1,20}"),
    _TRUTH: re.compile("true|false"),
}
_NUMBERS: Final = frozenset({FINITE, _NUMBER, _WHOLE})


def worded(item: ErrorDetails) -> str:
    """Return what is wrong, and where possible what to do, without the place."""
    if item["type"] in {"string_too_short", "too_short"} and item["ctx"]["min_length"] > 1:
        return f"must have at least {item['ctx']['min_length']}"
    words = _WORDS.get(item["type"]) or _SUBJECT.sub("must ", item["msg"].removeprefix("Value error, "))
    if words in _NUMBERS and _is_endless(item["input"]):
        return FINITE
    return words + _in_quotes(words, item["input"]) + _for_truth(words, item["input"])


def _is_endless(given: object) -> bool:
    """Say whether somebody wrote infinity, or what is no number, as a number or as text."""
    try:
        return isinstance(given, float | str) and not math.isfinite(float(given))
    except ValueError:
        return False


def _in_quotes(words: str, given: object) -> str:
    """Tell those who wrote the right thing as text."""
    literal = _LITERALS.get(words)
    return "; write it without quotes" if literal and isinstance(given, str) and literal.fullmatch(given) else ""


def _for_truth(words: str, given: object) -> str:
    """Tell those who wrote true or false for a number, or something else for them."""
    if isinstance(given, dict | list) or not (words == _TRUTH or (words in _NUMBERS and isinstance(given, bool))):
        return ""
    return f", not {'null' if given is None else str(given).lower() if isinstance(given, bool) else repr(given)}"
