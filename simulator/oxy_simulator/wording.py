"""What pydantic finds wrong with somebody's input, in words for those who wrote it."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic_core import ErrorDetails

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "missing; add it",
        "extra_forbidden": "unknown field",
        "string_type": "must be text; write it in quotes",
        "list_type": "must be a list, like [a, b]",
        "dict_type": "must be fields with values, like {name: value}",
        "model_type": "must be fields with values, like {name: value}",
        "model_attributes_type": "must be fields with values, like {name: value}",
        "float_type": "must be a number",
        "float_parsing": "must be a number",
        "int_type": "must be a whole number",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "bool_type": "must be true or false",
        "bool_parsing": "must be true or false",
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
    }
)
_SUBJECT: Final = re.compile(r"^(Input|String|List|Tuple|Dictionary|Value|Number|Bytes|Data) should ")


def worded(item: ErrorDetails) -> str:
    """Return what is wrong, and where possible what to do, without the place."""
    if item["type"] in {"string_too_short", "too_short"} and item["ctx"]["min_length"] > 1:
        return f"must have at least {item['ctx']['min_length']}"
    return _WORDS.get(item["type"]) or _SUBJECT.sub("must ", item["msg"].removeprefix("Value error, "))
