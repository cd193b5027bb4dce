"""Strict parsing of chat completions: endpoints differ, and their output ends up in the database. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/object
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from oxy_ai.errors import ModelInvalidError, ModelRefusalError, TurnError
from oxy_ai.records import Response, ToolCall
from oxy_ai.sanitize import clean, storable_text
from oxy_ai.usage import Usage
from oxy_core.prices import KnownPrice

TOOL_NAME: Final = r"^[a-zA-Z0-9_-]{1,64}$"
"""The names that the API accepts when a call is sent back; any other would make every later request fail."""
_MAX_TOKENS: Final = 2**31 - 1
"""The largest count that is believed; a turn's sum fits the database's 64 bits."""

MAX_CALLS: Final = 16
"""Tool calls in one response. Each is a transaction and a message of the next request."""
_MAX_CALL_ID: Final = 128
MAX_ARGUMENTS: Final = 8_192
"""Characters of one call's arguments: ten times the largest that a tool takes."""
MAX_TEXT: Final = 32_768
"""Characters kept of a text: more than any `max_tokens` in use lets a model write."""
_MAX_QUOTED: Final = 40


def read_completion(body: bytes, model: str, price: KnownPrice | None, seconds: float) -> tuple[Response, Usage]:
    """Return the response and the usage of the model that was asked; `seconds` is how long the answer took.

    Raises ModelInvalidError, which names the invalid fields and never quotes the answer, or ModelRefusalError; either
    says what the answer cost all the same.
    """
    completion = _parse(body)
    usage = _usage(model, price, completion.usage, seconds)
    try:
        return _response(completion), usage
    except TurnError as error:
        error.usage = usage
        raise


class _Function(BaseModel):
    name: Annotated[str, StringConstraints(pattern=TOOL_NAME)]
    arguments: Annotated[str, StringConstraints(max_length=MAX_ARGUMENTS)] | None = None


class _Call(BaseModel):
    id: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=_MAX_CALL_ID)]
    type: Literal["function"] = "function"
    function: _Function


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[tuple[_Call, ...], Field(max_length=MAX_CALLS)] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    choices: tuple[_Choice, ...]
    usage: object = None
    """Of any type: wrong figures must not fail an answer. `_usage` reads the plausible ones."""


def _parse(body: bytes) -> _Completion:
    try:
        return _Completion.model_validate_json(body)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, item["loc"])) or "JSON" for item in error.errors(include_input=False))
        message = f"the model's endpoint answered with something other than a completion: check {wrong[:200]}"
        raise ModelInvalidError(message) from None


def _response(completion: _Completion) -> Response:
    choice = next(iter(completion.choices), None)
    if choice is None:
        message = "the model's endpoint answered without a choice"
        raise ModelInvalidError(message)
    _require_willing(choice)
    calls = _calls(choice.message)
    text = _text(choice.message)
    if text is None and not calls:
        finish = clean(choice.finish_reason or "none")[:_MAX_QUOTED]
        message = f"the model answered neither text nor tool calls (finish reason {finish})"
        raise ModelInvalidError(message)
    if text is not None and not calls and choice.finish_reason == "length":
        text = f"{text.rstrip()}…"  # `max_tokens` cut it: the reader should see that
    return Response(text=text, tool_calls=calls)


def _require_willing(choice: _Choice) -> None:
    if choice.finish_reason == "content_filter":
        message = "the provider's content filter stopped the answer"
        raise ModelRefusalError(message)
    if choice.message.refusal and not choice.message.content:
        message = "the model refused to answer"
        raise ModelRefusalError(message)


def _calls(message: _Message) -> tuple[ToolCall, ...]:
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, arguments=storable_text(call.function.arguments or "{}"))
        for call in message.tool_calls or ()
    )
    # Results are stored by call id: two calls with the same id would share one result.
    if len({call.id for call in calls}) < len(calls):
        problem = "the model gave two tool calls the same id"
        raise ModelInvalidError(problem)
    return calls


def _text(message: _Message) -> str | None:
    written = message.content or ""
    return storable_text(written)[:MAX_TEXT] if clean(written) else None


def _usage(model: str, price: KnownPrice | None, figures: object, seconds: float) -> Usage:
    prompt = count_of(figures, "prompt_tokens")
    details = figures.get("prompt_tokens_details") if isinstance(figures, dict) else None
    cached = min(count_of(details, "cached_tokens"), prompt)
    # Some endpoints count what a model thinks in the total alone; all charge for it as for what it writes.
    written = max(count_of(figures, "completion_tokens"), count_of(figures, "total_tokens") - prompt)
    cost = None if price is None else price.tokens_cost(prompt, cached, written)
    return Usage(
        model=model,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=written,
        cost_microdollars=cost,
        latency_ms=round(seconds * 1000),
        price_source=None if price is None or cost is None else price.source,
    )


def count_of(figures: object, name: str) -> int:
    """Return a count of tokens as the endpoint gave it; 0 where it is missing or cannot be a count."""
    value = figures.get(name) if isinstance(figures, dict) else None
    return value if type(value) is int and 0 <= value <= _MAX_TOKENS else 0  # not True, which is an int
