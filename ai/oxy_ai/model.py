"""Asking a language model, through any endpoint that speaks OpenAI's chat completions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Final

import openai
from openai import AsyncOpenAI
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessage,
    ChatCompletionMessageParam,
)

from oxy_ai.errors import ModelInvalidError, ModelUnreachableError
from oxy_ai.prices import cost_microdollars
from oxy_ai.records import Response, ToolCall, Usage

CONNECT_SECONDS: Final = 5.0
"""An endpoint that takes longer to connect to is away: the wait for words does not apply to it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a model."""

    model: str
    temperature: float
    max_tokens: int
    messages: Sequence[ChatCompletionMessageParam]
    tools: Sequence[ChatCompletionFunctionToolParam]
    tools_allowed: bool = True
    """False: the model must answer in words."""


class ModelClient:
    """Asks models; one HTTP client per endpoint. Attempts belong to the turn, so it never repeats a request itself."""

    def __init__(self, base_url: str, api_key: str, timeout_seconds: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = timeout_seconds
        self._clients: dict[str, AsyncOpenAI] = {}

    async def ask(self, question: Question, base_url: str | None = None) -> tuple[Response, Usage]:
        """Return the model's response and what it took; raises ModelUnreachableError or ModelInvalidError."""
        started = time.monotonic()
        try:
            completion = await self._client(base_url or self._base_url).chat.completions.create(**_request(question))
        except (openai.APIResponseValidationError, JSONDecodeError, UnicodeDecodeError) as error:
            message = "the model's endpoint answered with something other than a completion"
            raise ModelInvalidError(message) from error
        except openai.APIStatusError as error:
            message = f"the model's endpoint answered with HTTP status {error.status_code}"
            raise ModelUnreachableError(message) from error
        except openai.OpenAIError as error:
            message = f"the model's endpoint did not answer ({type(error).__name__})"
            raise ModelUnreachableError(message) from error
        return _response(completion), _usage(question.model, completion, time.monotonic() - started)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _client(self, base_url: str) -> AsyncOpenAI:
        if base_url not in self._clients:
            self._clients[base_url] = AsyncOpenAI(
                base_url=base_url,
                api_key=self._api_key,
                timeout=openai.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout)),
                max_retries=0,
            )
        return self._clients[base_url]


def _request(question: Question) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": question.model,
        "temperature": question.temperature,
        "max_tokens": question.max_tokens,
        "messages": list(question.messages),
    }
    if question.tools:
        request["tools"] = list(question.tools)
        request["tool_choice"] = "auto" if question.tools_allowed else "none"
    return request


def _response(completion: object) -> Response:
    """Read a completion strictly: the client library builds its objects without checking them."""
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        message = "the model's endpoint answered without a choice"
        raise ModelInvalidError(message)
    answer = completion.choices[0].message
    calls = _calls(answer)
    text = answer.content if isinstance(answer.content, str) and answer.content.strip() else None
    if text is None and not calls:
        message = (
            f"the model answered neither text nor tool calls (finish reason {completion.choices[0].finish_reason})"
        )
        raise ModelInvalidError(message)
    return Response(text=text, tool_calls=calls)


def _calls(answer: ChatCompletionMessage) -> tuple[ToolCall, ...]:
    calls = []
    for call in answer.tool_calls or ():
        if call.type != "function":
            message = f"the model called a tool of the unknown type {call.type!r}"
            raise ModelInvalidError(message)
        calls.append(ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments))
    return tuple(calls)


def _usage(model: str, completion: ChatCompletion, seconds: float) -> Usage:
    usage = completion.usage
    details = None if usage is None else usage.prompt_tokens_details
    prompt = 0 if usage is None else usage.prompt_tokens
    cached = 0 if details is None else details.cached_tokens or 0
    written = 0 if usage is None else usage.completion_tokens
    return Usage(
        model=model,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=written,
        cost_microdollars=cost_microdollars(model, prompt, cached, written),
        latency_ms=round(seconds * 1000),
    )
