"""What is wrong with the form of a scenario: unknown and missing fields, values of the wrong kind."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from oxy_simulator.scenario import NAME, Path, Scenario
from oxy_simulator.wording import worded


def form_mistakes(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Yield every mistake that validation found, with its place."""
    for item in error.errors():
        path = tuple(part for part in item["loc"] if part != "[key]")
        yield path, _problem(path, item)


def close(name: str, known: Iterable[str]) -> str:
    """Return which known names were perhaps meant by one, as the rest of a sentence."""
    matches = difflib.get_close_matches(name, list(known), n=2)
    return f", did you mean {' or '.join(map(repr, matches))}?" if matches else ""


def _problem(path: Path, item: ErrorDetails) -> str:  # noqa: PLR0911 - a table of what pydantic tells apart
    name = str(path[-1]) if path else "the file"
    place, around = dotted(path), dotted(path[:-1])
    match item["type"]:
        case "extra_forbidden":
            fields = _fields_at(path[:-1])
            return f"unknown field {name!r} in {around}{close(name, fields)}; fields: {', '.join(fields)}"
        case "missing":
            return f"{around} lacks {name!r}; add it"
        case "enum" | "literal_error":
            expected = [part.strip("' ") for part in re.split(", | or ", item["ctx"]["expected"])]
            return _unknown(place, item["input"], expected)
        case "union_tag_invalid":
            return _unknown(
                f"{place}.kind", item["ctx"]["tag"], item["ctx"]["expected_tags"].replace("'", "").split(", ")
            )
        case "union_tag_not_found":
            return f"{place} lacks 'kind'; add it, like {{kind: image}}"
        case "string_type":
            return f"{place} must be text, not {item['input']!r}; write it in quotes"
        case "string_pattern_mismatch" if item["ctx"]["pattern"] == NAME:
            return f"{place}: {item['input']!r} is no name; names have Latin letters, digits and _, and no digit first"
    return f"{place}: {worded(item)}"


def _unknown(place: str, given: object, known: Sequence[str]) -> str:
    return f"{place}: {given!r} is not known{close(str(given), known)}; {', '.join(known)}"


def _fields_at(path: Path) -> list[str]:
    """Return the fields that there are at a place, by the JSON schema."""
    schema: Any = Scenario.model_json_schema()
    definitions = schema["$defs"]
    for part in path:
        schema = _resolve(schema, definitions)
        if part in (kinds := schema.get("discriminator", {}).get("mapping", {})):
            schema = {"$ref": kinds[part]}
        elif isinstance(part, int):
            schema = schema["items"]
        else:
            named = schema.get("patternProperties", {"": schema.get("additionalProperties")})
            schema = schema.get("properties", {}).get(part) or next(iter(named.values()))
    return list(_resolve(schema, definitions).get("properties", {}))


def _resolve(schema: Any, definitions: Any) -> Any:  # noqa: ANN401 - JSON
    """Follow references, and of alternatives take the one that is not a plain value."""
    if "$ref" in schema:
        return _resolve(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for alternative in schema.get("anyOf", []):
        if {"$ref", "oneOf"} & set(alternative) or alternative.get("type") in {"array", "object"}:
            return _resolve(alternative, definitions)
    return schema


def dotted(path: Sequence[str | int]) -> str:
    """Write a place as people say it: steps[2].expect."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the scenario"
