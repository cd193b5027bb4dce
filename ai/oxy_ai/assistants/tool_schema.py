"""JSON schemas of tool arguments in the form that strict function calling requires. Pure.

OpenAI's strict mode (https://platform.openai.com/docs/guides/structured-outputs) guarantees arguments that fit the
schema, if the schema keeps to a subset: every property is required, unknown ones are forbidden, and some keywords are
not allowed. An endpoint that ignores `strict` may still leave arguments out, so they are validated as ever.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

_REMOVED: Final = frozenset({"title", "default", "minLength", "maxLength", "$defs"})
"""Keywords that strict mode refuses, or that say nothing to a model."""


def strict_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a tool's arguments; an optional one is required and may be null."""
    schema = arguments.model_json_schema()
    strict = _object(schema, schema.get("$defs", {}))
    strict.pop("description", None)  # the docstring, which is for readers of the code
    return strict


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: _strict(value, definitions) for name, value in schema.get("properties", {}).items()}
    kept = {key: value for key, value in schema.items() if key not in _REMOVED}
    return kept | {"properties": properties, "required": list(properties), "additionalProperties": False}


def _strict(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    # A reference may not have a description beside it: what it refers to takes its place.
    if "$ref" in schema:
        referred = definitions[schema["$ref"].rpartition("/")[2]]
        own = {key: value for key, value in schema.items() if key == "description"}
        return _strict({key: value for key, value in referred.items() if key != "description"} | own, definitions)
    if schema.get("type") == "object":
        return _object(schema, definitions)
    kept = {key: value for key, value in schema.items() if key not in _REMOVED}
    if "anyOf" in kept:
        kept["anyOf"] = [_strict(option, definitions) for option in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = _strict(kept["items"], definitions)
    return kept
