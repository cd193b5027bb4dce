"""Which answers of a model are read, and which are refused."""

import json

import pytest

from oxy_ai.errors import ModelInvalidError, ModelRefusalError
from oxy_ai.model.completion import read_completion
from oxy_ai.records import ToolCall
from oxy_core.prices import known_price

MODEL = "gpt-4o-mini"


def body(message: object, finish_reason: str = "stop", usage: object = None) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish_reason}], "usage": usage}).encode()


def call(number: int) -> dict[str, object]:
    return {"id": f"c{number}", "function": {"name": "horarios", "arguments": None}}


def test_text_and_usage_are_read() -> None:
    figures = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 200}}
    response, usage = read_completion(body({"content": "Oi!\0"}, usage=figures), MODEL, known_price(MODEL), 1.2345)
    assert (response.text, response.tool_calls) == ("Oi!", ())
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (1000, 200, 100)
    assert (usage.model, usage.cost_microdollars, usage.latency_ms) == (MODEL, 195, 1234)


@pytest.mark.parametrize(
    ("figures", "written"),
    [
        ({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1900}, 900),
        ({"prompt_tokens": 1000, "total_tokens": 1100}, 100),
        ({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 0}, 100),
    ],
)
def test_what_a_model_thinks_is_paid_for_though_only_the_total_counts_it(figures: object, written: int) -> None:
    _, usage = read_completion(body({"content": "Oi"}, usage=figures), MODEL, None, 0)
    assert usage.completion_tokens == written


def test_calls_are_read_with_empty_arguments_where_there_are_none() -> None:
    response, _ = read_completion(body({"tool_calls": [call(1), call(2)]}), MODEL, None, 0)
    assert response.text is None
    assert response.tool_calls == tuple(ToolCall(id=f"c{n}", name="horarios", arguments="{}") for n in (1, 2))


def test_an_answer_that_was_cut_ends_in_an_ellipsis() -> None:
    response, _ = read_completion(body({"content": "Temos banho e "}, "length"), MODEL, None, 0)
    assert response.text == "Temos banho e…"


@pytest.mark.parametrize("figures", [None, [], {"prompt_tokens": -1}, {"prompt_tokens": 2**31}, {"prompt_tokens": "9"}])
def test_figures_that_cannot_be_counts_are_zero(figures: object) -> None:
    assert read_completion(body({"content": "Oi"}, usage=figures), MODEL, None, 0)[1].prompt_tokens == 0


@pytest.mark.parametrize(
    ("answer", "error", "complaint"),
    [
        (b"{", ModelInvalidError, "check JSON"),
        (b'{"choices": []}', ModelInvalidError, "without a choice"),
        (body({"content": ["secret"]}), ModelInvalidError, r"check choices\.0\.message\.content$"),
        (body({"content": "\u200b"}), ModelInvalidError, "neither text nor tool calls"),
        (body({"tool_calls": [call(1), call(1)]}), ModelInvalidError, "two tool calls the same id"),
        (body({"content": "half"}, "content_filter"), ModelRefusalError, "content filter"),
        (body({"refusal": "no"}), ModelRefusalError, "refused"),
    ],
)
def test_anything_else_is_refused_without_repeating_it(answer: bytes, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint) as raised:
        read_completion(answer, MODEL, None, 0)
    assert "secret" not in str(raised.value)
