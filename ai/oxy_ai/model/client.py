"""The client of models: any endpoint that implements OpenAI's chat completions and transcriptions over HTTP."""

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import httpx2
import structlog
from pydantic import Field, SecretStr

from oxy_ai.errors import (
    EndpointOutageError,
    ModelOutageError,
    ModelRejectedError,
    ModelUnknownError,
    OutageCause,
    TurnError,
)
from oxy_ai.model.completion import read_completion
from oxy_ai.model.credentials import Credentials
from oxy_ai.model.endpoints import Endpoint, Endpoints, ModelState
from oxy_ai.model.price_book import PriceBook
from oxy_ai.model.problems import is_model_unknown, refused_parameter
from oxy_ai.model.requests import completion_request, transcription_fields
from oxy_ai.model.route import ModelRoute, Question, Recording, Transcript
from oxy_ai.model.transcription import read_transcription
from oxy_ai.records import Response
from oxy_ai.usage import Usage
from oxy_core.model_endpoints import AllowedEndpoints
from oxy_core.prices import KnownPrice
from oxy_core.settings import ProcessSettings

USUAL_TIMEOUT_SECONDS: Final = 30.0
"""Default of ``spec.ai.timeoutSeconds``. Who waits less says little about the endpoint, and counts for itself alone."""

_UNAUTHORIZED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
_BUSY: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""Besides all of 500 and above."""

Said = TypeVar("Said")

log = structlog.get_logger()


class ModelSettings(ProcessSettings):
    """The platform's model endpoint, and how those of instances are reached."""

    openai_base_url: str = Field(
        default="https://api.openai.com/v1", description="Model endpoint of instances that configure none."
    )
    openai_api_key: SecretStr = Field(description="API key for that endpoint.")
    model_timeout_seconds: float = Field(
        default=120, gt=0, description="Longest wait for one model response, whatever an instance allows."
    )
    model_keys: Path | None = Field(
        default=None, description="Folder of the instances' own API keys, as the operator's Secrets are mounted."
    )
    allowed_endpoints: str = Field(
        default="",
        description="Hosts, host:port and networks that instances' endpoints may have beside public addresses.",
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """One request to one model."""

    endpoint: Endpoint
    model: str
    state: ModelState
    key: str
    sharing: str | None
    """Whose requests share its fate: see `ModelState.breakers`."""
    price: KnownPrice | None
    timeout_seconds: float


Ask: TypeAlias = Callable[[_Call], Awaitable[bytes]]
"""Returns the body of a successful response."""
Read: TypeAlias = Callable[[bytes, _Call, float], tuple[Said, Usage]]
"""Reads it; the number is how many seconds it took."""


class ModelClient:
    """Asks models. It never retries: `oxy_ai.engine.turn_failures` decides when to.

    Within one call it asks the next model of the route while one is out, and asks again without what a model refuses.
    """

    def __init__(self, settings: ModelSettings) -> None:
        """Open the platform's endpoint; raises SettingsError if the list of allowed ones cannot be read."""
        key = settings.openai_api_key.get_secret_value()
        self._longest = settings.model_timeout_seconds
        self._credentials = Credentials(settings.openai_base_url, key, settings.model_keys)
        self._endpoints = Endpoints(settings.openai_base_url, AllowedEndpoints.parse(settings.allowed_endpoints))
        self.prices = PriceBook()

    async def ask(self, question: Question, route: ModelRoute) -> tuple[Response, Usage]:
        """Return a model's response and its usage, which says which model of the route it was.

        Raises ModelOutageError, ModelRejectedError, ModelInvalidError or ModelRefusalError.
        """

        async def ask(call: _Call) -> bytes:
            return await _complete(call, question)

        def read(body: bytes, call: _Call, seconds: float) -> tuple[Response, Usage]:
            return read_completion(body, call.model, call.price, seconds)

        return await self._first_answer(route, ask, read)

    async def transcribe(self, recording: Recording, route: ModelRoute) -> tuple[Transcript, Usage]:
        """Return what a recording says and the usage; raises the same errors, except ModelRefusalError."""

        async def ask(call: _Call) -> bytes:
            return await _transcribe(call, recording)

        def read(body: bytes, call: _Call, seconds: float) -> tuple[Transcript, Usage]:
            return read_transcription(body, call.model, call.price, recording.seconds, seconds)

        return await self._first_answer(route, ask, read)

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoints.close()

    async def _first_answer(self, route: ModelRoute, ask: Ask, read: Read[Said]) -> tuple[Said, Usage]:
        """Ask the models of a route in turn, until one of them is not out."""
        await self._endpoints.sweep()
        own = self._credentials.is_platforms(route.base_url)
        missed: list[ModelOutageError | ModelUnknownError] = []
        with self._endpoints.using(None if own else route.base_url) as endpoint:
            for model in route.models:
                try:
                    said, usage = await _attempt(await self._call(route, endpoint, model), ask, read)
                except (ModelOutageError, ModelUnknownError) as error:
                    missed.append(error)
                    log.info("model_passed_over", model=model, reason=str(error))
                    if isinstance(error, EndpointOutageError):
                        break
                else:
                    unsettled = _unsettled(missed)
                    return said, usage.model_copy(update={"unsettled": unsettled}) if unsettled else usage
        raise _failure(missed)

    async def _call(self, route: ModelRoute, endpoint: Endpoint, model: str) -> _Call:
        credential = self._credentials.of(route)
        timeout = min(route.timeout_seconds, self._longest)
        shares = credential.holder is None and timeout >= min(USUAL_TIMEOUT_SECONDS, self._longest)
        return _Call(
            endpoint,
            model,
            endpoint.model(model),
            credential.key,
            None if shares else route.organization,
            await self.prices.price(model, route),
            timeout,
        )


async def _attempt(call: _Call, ask: Ask, read: Read[Said]) -> tuple[Said, Usage]:
    """Ask one model, if its circuit allows it."""
    breaker = call.state.breaker(call.sharing)
    started = time.monotonic()
    breaker.require_closed(started, probe_seconds=call.timeout_seconds)
    try:
        body = await ask(call)
    except ModelOutageError as error:
        breaker.failed(time.monotonic(), error)
        raise
    except TurnError:
        call.state.answered(call.sharing)  # what it answered is of no use to this turn, but it answers
        raise
    call.state.answered(call.sharing)
    return read(body, call, time.monotonic() - started)


async def _complete(call: _Call, question: Question) -> bytes:
    """Ask for a completion, again at once without each parameter that the model refuses."""
    refused = call.state.refused
    while True:
        # Not by the library of OpenAI, which copies each request field by field, builds objects without validating
        # them, and takes as much processor time as all the rest of the call (decisions 42 and 66).
        body = completion_request(call.model, question, refused)
        request = call.endpoint.json_request("chat/completions", call.key, body)
        answer = await call.endpoint.send(request, call.model, call.timeout_seconds)
        parameter = refused_parameter(answer.status_code, answer.content)
        if parameter is None or parameter in refused:
            break
        refused |= {parameter}
    if answer.is_success:
        call.state.refused |= refused
    return _accepted(answer)


async def _transcribe(call: _Call, recording: Recording) -> bytes:
    fields = transcription_fields(call.model, recording)
    request = call.endpoint.form_request("audio/transcriptions", call.key, fields, recording)
    return _accepted(await call.endpoint.send(request, call.model, call.timeout_seconds))


def _unsettled(missed: Sequence[ModelOutageError | ModelUnknownError]) -> tuple[str, ...]:
    return tuple(model for error in missed if isinstance(error, ModelOutageError) for model in error.unsettled)


def _failure(missed: Sequence[ModelOutageError | ModelUnknownError]) -> ModelOutageError | ModelRejectedError:
    """Return what became of a call that no model has answered: an outage, if any of them may be back."""
    outages = [error for error in missed if isinstance(error, ModelOutageError)]
    if outages:
        pause = min(error.retry_after_seconds for error in outages)
        return ModelOutageError(str(outages[0]), outages[0].cause, pause, _unsettled(missed))
    return ModelRejectedError(str(missed[0]) if missed else "the instance's settings name no model")


def _accepted(answer: httpx2.Response) -> bytes:
    """Return the body of a successful response; raises the error that any other one means."""
    status = answer.status_code
    message = f"the model's endpoint answered with HTTP status {status}"
    if answer.is_success:
        return answer.content
    if is_model_unknown(status, answer.content):
        raise ModelUnknownError(message)
    if answer.is_redirect:
        message += ": redirects are not followed, give the final address"
        raise EndpointOutageError(message, OutageCause.MISCONFIGURED)
    if status in _UNAUTHORIZED:
        message += ": check the API key and its credit"
        raise ModelOutageError(message, OutageCause.UNAUTHORIZED)
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ModelOutageError(message, OutageCause.BUSY, _retry_after(answer.headers.get("Retry-After")))
    raise ModelRejectedError(message)


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
