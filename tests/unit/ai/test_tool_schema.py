"""Every tool is declared in the subset of JSON schema that strict function calling takes."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from oxy_ai.assistants.dialogue import tool_declaration
from oxy_ai.assistants.tool_schema import strict_schema
from oxy_ai.assistants.vertical import Tool
from oxy_ai.petshop.aurora_tools import AURORA_TOOLS
from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS

TOOLS = (*CUSTOMER_TOOLS, *AURORA_TOOLS)
TYPES = {"type", "enum", "anyOf", "items", "properties", "required", "additionalProperties", "description"}
BOUNDS = {
    *("pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minItems", "maxItems"),
}


class Colour(StrEnum):
    """A docstring that no model reads."""

    RED = "vermelho"


class Inner(BaseModel):
    """Part of the arguments."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=5)]


class Outer(BaseModel):
    """Arguments of every shape."""

    model_config = ConfigDict(extra="forbid")

    colour: Colour = Field(description="Cor.")
    other: Colour | None = Field(default=None, description="Outra cor.")
    inner: tuple[Inner, ...] = ()
    weight: float = Field(default=1, gt=0, le=9)


def schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    yield schema
    for inner in (
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *filter(None, [schema.get("items")]),
    ):
        yield from schemas(inner)


def test_all_properties_are_required_and_references_are_resolved() -> None:
    red = {"type": "string", "enum": ["vermelho"]}
    name = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    assert strict_schema(Outer) == {
        "type": "object",
        "properties": {
            "colour": red | {"description": "Cor."},
            "other": {"anyOf": [red, {"type": "null"}], "description": "Outra cor."},
            "inner": {"type": "array", "items": name | {"additionalProperties": False}},
            "weight": {"type": "number", "exclusiveMinimum": 0, "maximum": 9},
        },
        "required": ["colour", "other", "inner", "weight"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_is_strict_and_explains_each_argument(tool: Tool) -> None:
    function = tool_declaration(tool)["function"]
    assert function["strict"] is True
    assert len(function["description"]) > 20
    assert tool.arguments.model_config["extra"] == "forbid"
    for schema in schemas(function["parameters"]):
        assert set(schema) <= TYPES | BOUNDS
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False
            assert schema["required"] == list(schema["properties"])
            assert all(value["description"] for value in schema["properties"].values())


def test_no_argument_of_a_customers_tool_says_who_he_is() -> None:
    names = {name for tool in CUSTOMER_TOOLS for name in tool.arguments.model_fields}
    assert not [name for name in names if any(word in name for word in ("cliente", "contato", "telefone", "phone"))]
