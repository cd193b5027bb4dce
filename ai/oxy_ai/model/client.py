"""The client of language models: any endpoint that implements OpenAI's chat completions over HTTP."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import Field, SecretStr
from pydantic_core import to_json

from oxy_ai.errors import ModelInvalidError, ModelOutageError, ModelRejectedError, OutageCause, TurnError
from oxy_ai.model.breaker import CircuitBreaker
from oxy_ai.model.completion import read_completion
from oxy_ai.records import Response, Usage
from oxy_core.settings import ProcessSettings

CONNECT_SECONDS: Final = 5.0
"""Longest wait for a connection. A model may take long to answer; an endpoint that takes long to connect is down."""

KEPT_CONNECTIONS: Final = 100
"""Idle connections to one endpoint; more than a worker has turns."""

MAX_RESPONSE_BYTES: Final = 1 << 20
"""Longest body that is read: ten times the response of the largest `max_tokens` in use."""

_UNAUTHORIZED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
_BUSY: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""Besides all of 500 and above."""

NO_KEY: Final = "none"
"""Sent to an instance's own endpoint in place of the platform's key, which must not leave the platform's endpoint."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a model."""

    model: str
    temperature: float
    max_tokens: int
    messages: Sequence[ChatCompletionMessageParam]
    tools: Sequence[ChatCompletionFunctionToolParam]
    tools_allowed: bool = True
    """False: the model must answer in text."""


class ModelSettings(ProcessSettings):
    """The platform's model endpoint."""

    openai_base_url: str = Field(
        default="https://api.openai.com/v1", description="Model endpoint of instances that configure none."
    )
    openai_api_key: SecretStr = Field(description="API key for that endpoint.")
    model_timeout_seconds: float = Field(default=30, gt=0, description="Timeout of one model response.")


class ModelClient:
    """Asks models; one HTTP client per endpoint. It never retries: `oxy_ai.engine.turn_failures` decides when to.

    `timeout_seconds` bounds a whole response, from the request to the last byte.
    """

    def __init__(self, base_url: str, api_key: str, timeout_seconds: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = timeout_seconds
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._breakers: defaultdict[tuple[str, str], CircuitBreaker] = defaultdict(CircuitBreaker)
        self._client(base_url)  # now, because loading the trusted certificates would delay the first turn

    async def ask(self, question: Question, base_url: str | None = None) -> tuple[Response, Usage]:
        """Return the model's response and its usage; `base_url` is the instance's own endpoint, if it has one.

        Raises ModelOutageError, ModelRejectedError, ModelInvalidError or ModelRefusalError.
        """
        endpoint = base_url or self._base_url
        breaker = self._breakers[endpoint, question.model]
        started = time.monotonic()
        breaker.require_closed(started, probe_seconds=self._timeout)
        try:
            body = await self._post(question, endpoint)
        except ModelOutageError as error:
            breaker.failed(time.monotonic(), error)
            raise
        except TurnError:
            breaker.answered()  # what it answered is of no use to this turn, but it answers
            raise
        breaker.answered()
        return read_completion(body, question.model, time.monotonic() - started)

    async def _post(self, question: Question, base_url: str) -> bytes:
        # Not by the library of OpenAI, which copies each request field by field, builds objects without validating
        # them, and takes as much processor time as all the rest of the call (decisions 42 and 66).
        client = self._client(base_url)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await client.post("chat/completions", content=to_json(_request(question)))
        except TimeoutError:
            message = f"the model's endpoint did not answer within {self._timeout:g} s"
            raise ModelOutageError(message, OutageCause.UNREACHABLE) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            message = f"the model's endpoint did not answer ({type(error).__name__})"
            raise ModelOutageError(message, OutageCause.UNREACHABLE) from error
        if answer.is_error:
            raise _status_error(answer)
        return answer.content

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, base_url: str) -> httpx2.AsyncClient:
        if base_url not in self._clients:
            own = base_url.rstrip("/") == self._base_url.rstrip("/")
            self._clients[base_url] = httpx2.AsyncClient(
                base_url=base_url,
                headers={
                    "Authorization": f"Bearer {self._api_key if own else NO_KEY}",
                    "Content-Type": "application/json",
                    # Uncompressed, so that MAX_RESPONSE_BYTES limits the memory that a response takes.
                    "Accept-Encoding": "identity",
                },
                timeout=httpx2.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout)),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS),
                follow_redirects=True,
                event_hooks={"response": [_limit_body]},
            )
        return self._clients[base_url]


class _BoundedStream(httpx2.AsyncByteStream):
    """A response's body; raises ModelInvalidError as soon as it is too long."""

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


async def _limit_body(response: httpx2.Response) -> None:
    """Limit the body of a response before it is read; raises ModelInvalidError for a compressed one."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        message = "the model's endpoint sent a compressed response, which was not requested"
        raise ModelInvalidError(message)
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _BoundedStream(response.stream)


def _status_error(answer: httpx2.Response) -> ModelOutageError | ModelRejectedError:
    message = f"the model's endpoint answered with HTTP status {answer.status_code}"
    if answer.status_code in _UNAUTHORIZED:
        return ModelOutageError(f"{message}: check the API key and its credit", OutageCause.UNAUTHORIZED)
    if answer.status_code in _BUSY or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = _retry_after(answer.headers.get("Retry-After"))
        return ModelOutageError(message, OutageCause.BUSY, pause)
    return ModelRejectedError(message)


def _retry_after(value: str | None) -> float:
    """Return the seconds that ``Retry-After`` asks to wait (RFC 9110, 10.2.3: a number or a date); 0 if neither."""
    try:
        seconds = float(value or 0)
    except ValueError:
        seconds = _seconds_until(value or "")
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _seconds_until(date: str) -> float:
    """Return the seconds until an HTTP date; 0 if it is none."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
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
