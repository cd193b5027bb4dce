"""Whatever a model's endpoint answers is refused, or read into bounded values that every later step can take."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from oxy_ai.assistants.toolbox import run_tool
from oxy_ai.assistants.vertical import Tool, ToolContext
from oxy_ai.engine.turn_failures import reason_of
from oxy_ai.errors import ModelInvalidError, ModelRefusalError
from oxy_ai.model.completion import MAX_ARGUMENTS, MAX_CALLS, MAX_TEXT, TOOL_NAME, read_completion
from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS
from oxy_ai.records import Response, ToolCall

STRANGE = st.sampled_from(["", "\0", "a\0b", "\ud800", "\u200b", "x" * 70_000, "{}", "null", "NaN", '"\\u0000"', "é🙂"])
TEXTS = STRANGE | st.text(max_size=20)
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**31, 10**30, -1, True])
VALUES = st.recursive(
    st.none() | NUMBERS | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXTS | VALUES,
        "type": st.just("function") | VALUES,
        "function": st.fixed_dictionaries({}, optional={"name": st.just("horarios") | TEXTS, "arguments": TEXTS}),
    },
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": TEXTS | VALUES,
        "refusal": st.none() | TEXTS,
        "tool_calls": st.lists(CALLS, max_size=MAX_CALLS + 2) | VALUES,
    },
)
CHOICES = st.fixed_dictionaries({"message": MESSAGES | VALUES}, optional={"finish_reason": st.none() | TEXTS})
COMPLETIONS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=2) | VALUES},
    optional={"usage": st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), VALUES) | VALUES},
)
BODIES = st.binary() | (COMPLETIONS | VALUES).map(lambda value: json.dumps(value).encode())


@given(BODIES)
def test_no_answer_raises_anything_but_what_a_turn_expects(body: bytes) -> None:
    try:
        response, usage = read_completion(body, "gpt-4o-mini", None, 1)
    except (ModelInvalidError, ModelRefusalError) as error:
        assert_storable(json.dumps(reason_of(error)), longest=500)
        return
    assert len(response.tool_calls) <= MAX_CALLS
    assert all(len(call.arguments) <= MAX_ARGUMENTS for call in response.tool_calls)
    assert len(response.text or "") <= MAX_TEXT
    assert_storable(response.model_dump_json() + usage.model_dump_json())
    assert Response.model_validate_json(response.model_dump_json()) == response


def assert_storable(text: str, longest: int = 1 << 20) -> None:
    """PostgreSQL takes it: UTF-8 without NUL, also not as an escape in JSON."""
    assert len(text) <= longest
    text.encode()
    assert "\0" not in text
    assert "\\u0000" not in text.replace("\\\\", "")


async def nothing(_: ToolContext, arguments: BaseModel) -> BaseModel:
    """A tool that only reads its arguments."""
    assert_storable(arguments.model_dump_json())
    return arguments


@given(
    name=st.sampled_from([tool.name for tool in CUSTOMER_TOOLS]) | st.from_regex(TOOL_NAME, fullmatch=True),
    arguments=TEXTS
    | st.dictionaries(st.sampled_from(["servico", "data", "hora", "nome_pet", "x"]), VALUES).map(json.dumps),
)
async def test_no_call_raises(name: str, arguments: str) -> None:
    tools = [Tool(tool.name, tool.description, tool.arguments, nothing) for tool in CUSTOMER_TOOLS]
    context: Any = None
    result = await run_tool(tools, ToolCall(id="c1", name=name, arguments=arguments), context)
    assert_storable(result)


def test_the_finish_reason_is_not_repeated_whole() -> None:
    choice = {"message": {"content": ""}, "finish_reason": "\0" + "x" * 100_000}
    with pytest.raises(ModelInvalidError) as raised:
        read_completion(json.dumps({"choices": [choice]}).encode(), "m", None, 1)
    assert_storable(reason_of(raised.value), longest=120)
