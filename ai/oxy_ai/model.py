"""Asking a language model, through any endpoint that speaks OpenAI's chat completions."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import Any, Final

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessage,
    ChatCompletionMessageParam,
)
from openai.types.chat.chat_completion import Choice

from oxy_ai.errors import ModelInvalidError, ModelRefusalError, ModelUnreachableError
from oxy_ai.prices import cost_microdollars
from oxy_ai.records import Response, ToolCall, Usage
from oxy_ai.sanitize import clean, storable

CONNECT_SECONDS: Final = 5.0
"""An endpoint that takes longer to connect to is away: the wait for words does not apply to it."""

MAX_RESPONSE_BYTES: Final = 1 << 20
"""A response of the largest `max_tokens` in use is a tenth of it; what an endpoint sends beyond is not read."""

NO_KEY: Final = "none"
"""Sent to an instance's own endpoint instead of the platform's key, which is nobody else's to see."""

_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What the API takes back as the name of a called tool; anything else would make each later request fail."""
_MAX_TOKENS: Final = 2**31 - 1
"""As many as the database's column can hold."""


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
    """Asks models; one HTTP client per endpoint. Attempts belong to the turn, so it never repeats a request itself.

    `timeout_seconds` is for the whole response, however slowly it trickles in.
    """

    def __init__(self, base_url: str, api_key: str, timeout_seconds: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = timeout_seconds
        self._clients: dict[str, AsyncOpenAI] = {}

    async def ask(self, question: Question, base_url: str | None = None) -> tuple[Response, Usage]:
        """Return the model's response and what it took.

        Raises ModelUnreachableError, ModelInvalidError or ModelRefusalError.
        """
        started = time.monotonic()
        completion = await self._completion(question, base_url or self._base_url)
        return _response(completion), _usage(question.model, completion, time.monotonic() - started)

    async def _completion(self, question: Question, base_url: str) -> object:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._client(base_url).chat.completions.create(**_request(question))
        except TimeoutError:
            message = f"the model's endpoint did not answer within {self._timeout:g} s"
            raise ModelUnreachableError(message) from None
        except (openai.APIResponseValidationError, JSONDecodeError, UnicodeDecodeError) as error:
            message = "the model's endpoint answered with something other than a completion"
            raise ModelInvalidError(message) from error
        except openai.APIStatusError as error:
            raise _refused(error) from error
        except (openai.OpenAIError, httpx2.InvalidURL) as error:
            message = f"the model's endpoint did not answer ({type(error).__name__})"
            raise ModelUnreachableError(message) from error

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _client(self, base_url: str) -> AsyncOpenAI:
        if base_url not in self._clients:
            own = base_url.rstrip("/") == self._base_url.rstrip("/")
            self._clients[base_url] = AsyncOpenAI(
                base_url=base_url,
                api_key=self._api_key if own else NO_KEY,
                timeout=openai.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout)),
                max_retries=0,
                # Uncompressed: what is counted is what takes memory.
                default_headers={"Accept-Encoding": "identity"},
                http_client=openai.DefaultAsyncHttpxClient(event_hooks={"response": [_bound]}),
            )
        return self._clients[base_url]


class _BoundedStream(httpx2.AsyncByteStream):
    """A response's body, given up when it is too long; raises ModelInvalidError."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in self._stream:
            taken += len(chunk)
            if taken > MAX_RESPONSE_BYTES:
                message = f"the model's endpoint answered with more than {MAX_RESPONSE_BYTES} bytes"
                raise ModelInvalidError(message)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    """Bound the body of a response that is about to be read; raises ModelInvalidError for a compressed one."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        message = "the model's endpoint answered in a compressed form that was not asked for"
        raise ModelInvalidError(message)
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _BoundedStream(response.stream)


def _refused(error: openai.APIStatusError) -> ModelUnreachableError:
    message = f"the model's endpoint answered with HTTP status {error.status_code}"
    if error.status_code in {401, 403}:
        message += ": check the API key"
    return ModelUnreachableError(message, _retry_after(error.response.headers.get("Retry-After")))


def _retry_after(value: str | None) -> float:
    """Return the seconds that an endpoint asks to wait: RFC 9110, section 10.2.3, a number or a date; 0 if neither."""
    try:
        return max(float(value or 0), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value or "").timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0


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
    if not isinstance(completion, ChatCompletion) or not isinstance(completion.choices, list):
        message = "the model's endpoint answered with something other than a completion"
        raise ModelInvalidError(message)
    choice = next(iter(completion.choices), None)
    if not isinstance(choice, Choice) or not isinstance(choice.message, ChatCompletionMessage):
        message = "the model's endpoint answered without a choice"
        raise ModelInvalidError(message)
    _require_willing(choice)
    calls = _calls(choice.message)
    text = choice.message.content
    text = storable(text) if isinstance(text, str) and clean(text) else None
    if text is None and not calls:
        message = f"the model answered neither text nor tool calls (finish reason {choice.finish_reason})"
        raise ModelInvalidError(message)
    if text is not None and not calls and choice.finish_reason == "length":
        text = f"{text.rstrip()}…"
    return Response(text=text, tool_calls=calls)


def _require_willing(choice: Choice) -> None:
    if choice.finish_reason == "content_filter":
        message = "the provider's content filter stopped the answer"
        raise ModelRefusalError(message)
    if choice.message.refusal and not choice.message.content:
        message = "the model refused to answer"
        raise ModelRefusalError(message)


def _calls(answer: ChatCompletionMessage) -> tuple[ToolCall, ...]:
    calls = []
    for call in answer.tool_calls or ():
        function = getattr(call, "function", None)
        parts = (call.id, getattr(function, "name", None), getattr(function, "arguments", None))
        match parts:
            case (str(identity), str(name), str() | None as arguments) if identity and _TOOL_NAME.fullmatch(name):
                calls.append(ToolCall(id=storable(identity), name=name, arguments=storable(arguments or "{}")))
            case _:
                message = "the model called a tool in a form that is none (type, id, name or arguments)"
                raise ModelInvalidError(message)
    if len({call.id for call in calls}) < len(calls):
        message = "the model gave two tool calls one id"
        raise ModelInvalidError(message)
    return tuple(calls)


def _usage(model: str, completion: object, seconds: float) -> Usage:
    usage = getattr(completion, "usage", None)
    details = getattr(usage, "prompt_tokens_details", None)
    prompt = _tokens(usage, "prompt_tokens")
    cached = min(_tokens(details, "cached_tokens"), prompt)
    written = _tokens(usage, "completion_tokens")
    return Usage(
        model=model,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=written,
        cost_microdollars=cost_microdollars(model, prompt, cached, written),
        latency_ms=round(seconds * 1000),
    )


def _tokens(figures: object, name: str) -> int:
    """Return a count as the endpoint gave it; 0 where it gave none that could be one."""
    value = getattr(figures, name, None)
    return value if isinstance(value, int) and 0 <= value <= _MAX_TOKENS else 0
