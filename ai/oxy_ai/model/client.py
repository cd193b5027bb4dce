"""Asking a language model, through any endpoint that speaks OpenAI's chat completions."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final, Literal, Self

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from oxy_ai.errors import ModelInvalidError, ModelRefusalError, ModelUnreachableError
from oxy_ai.model.prices import cost_microdollars
from oxy_ai.records import Response, ToolCall, Usage
from oxy_ai.sanitize import clean, storable_text

CONNECT_SECONDS: Final = 5.0
"""An endpoint that takes longer to connect to is away: the wait for words does not apply to it."""

MAX_RESPONSE_BYTES: Final = 1 << 20
"""A response of the largest `max_tokens` in use is a tenth of it; what an endpoint sends beyond is not read."""

NO_KEY: Final = "none"
"""Sent to an instance's own endpoint instead of the platform's key, which is nobody else's to see."""

_TOOL_NAME: Final = r"^[a-zA-Z0-9_-]{1,64}$"
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
        self._client(base_url)  # reading the trusted certificates takes a while, which no turn should wait for

    async def ask(self, question: Question, base_url: str | None = None) -> tuple[Response, Usage]:
        """Return the model's response and what it took.

        Raises ModelUnreachableError, ModelInvalidError or ModelRefusalError.
        """
        started = time.monotonic()
        completion = await self._completion(question, base_url or self._base_url)
        return _response(completion), _usage(question.model, completion.usage, time.monotonic() - started)

    async def _completion(self, question: Question, base_url: str) -> "_Completion":
        """Post a request as it is and read the answer strictly.

        The library's own method would copy each request field by field and build objects that it does not check.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client(base_url).post(
                    "/chat/completions", cast_to=httpx2.Response, body=_request(question)
                )
        except TimeoutError:
            message = f"the model's endpoint did not answer within {self._timeout:g} s"
            raise ModelUnreachableError(message) from None
        except openai.APIStatusError as error:
            raise _refused(error) from error
        except (openai.OpenAIError, httpx2.InvalidURL) as error:
            message = f"the model's endpoint did not answer ({type(error).__name__})"
            raise ModelUnreachableError(message) from error
        return _Completion.read(answer.content)

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


def _response(completion: "_Completion") -> Response:
    choice = next(iter(completion.choices), None)
    if choice is None:
        message = "the model's endpoint answered without a choice"
        raise ModelInvalidError(message)
    _require_willing(choice)
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, arguments=storable_text(call.function.arguments or "{}"))
        for call in choice.message.tool_calls or ()
    )
    if len({call.id for call in calls}) < len(calls):
        message = "the model gave two tool calls one id"
        raise ModelInvalidError(message)
    written = choice.message.content or ""
    text = storable_text(written) if clean(written) else None
    if text is None and not calls:
        message = f"the model answered neither text nor tool calls (finish reason {choice.finish_reason})"
        raise ModelInvalidError(message)
    if text is not None and not calls and choice.finish_reason == "length":
        text = f"{text.rstrip()}…"
    return Response(text=text, tool_calls=calls)


def _require_willing(choice: "_Choice") -> None:
    if choice.finish_reason == "content_filter":
        message = "the provider's content filter stopped the answer"
        raise ModelRefusalError(message)
    if choice.message.refusal and not choice.message.content:
        message = "the model refused to answer"
        raise ModelRefusalError(message)


def _usage(model: str, figures: object, seconds: float) -> Usage:
    prompt = _tokens(figures, "prompt_tokens")
    details = figures.get("prompt_tokens_details") if isinstance(figures, dict) else None
    cached = min(_tokens(details, "cached_tokens"), prompt)
    written = _tokens(figures, "completion_tokens")
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
    value = figures.get(name) if isinstance(figures, dict) else None
    return value if isinstance(value, int) and 0 <= value <= _MAX_TOKENS else 0


class _Function(BaseModel):
    name: Annotated[str, StringConstraints(pattern=_TOOL_NAME)]
    arguments: str | None = None


class _Call(BaseModel):
    id: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")]
    type: Literal["function"] = "function"
    function: _Function


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What we need of a completion (https://platform.openai.com/docs/api-reference/chat/object)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    choices: tuple[_Choice, ...]
    usage: object = None
    """Not worth failing for: read where it makes sense."""

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read an endpoint's answer; raises ModelInvalidError that names what is wrong, never what was said."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, item["loc"])) or "JSON" for item in error.errors(include_input=False))
            message = f"the model's endpoint answered with something other than a completion: check {wrong[:200]}"
            raise ModelInvalidError(message) from None
