"""Asks models, and keeps what each call was and cost: nobody else in the engine calls a model.

Without a budget, a turn's call is stored with the step that it answers, which costs no statement of its own. With one,
its largest cost is reserved before, and settled by what the endpoint says it used; what nobody settles counts in full.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from oxy_ai import metrics
from oxy_ai.assistants.vertical import Role
from oxy_ai.engine.call_store import CallStore
from oxy_ai.engine.model_routes import chat_route, transcription_route, vision_route
from oxy_ai.engine.outages import report_failure
from oxy_ai.engine.settlement import Bounds, settled, settled_failure, unsettled
from oxy_ai.engine.store import Engine
from oxy_ai.errors import BudgetExhaustedError, ModelOutageError, PriceUnknownError, TurnError
from oxy_ai.model.bounds import chat_bound, transcription_bound
from oxy_ai.model.client import ModelClient
from oxy_ai.model.route import ModelRoute, Question, Recording, Transcript
from oxy_ai.records import CallKind, CallOutcome, NewCall, Response
from oxy_ai.usage import Usage
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import new_id
from oxy_core.prices import KnownPrice

BUDGET_WARNING: Final = 0.8
"""Share of a month's budget at which the owner is warned."""

log = structlog.get_logger()

Bound = Callable[[KnownPrice], int | None]
"""Returns the largest cost of a call at a model's price; None: the price does not tell."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """On whose behalf a model is asked, and what for."""

    organization: UUID
    instance: UUID
    settings: InstanceSettings
    conversation: int
    assistant: str
    """A `Role`."""
    month: date
    """In which it counts (`first_of_month`)."""
    turn: int | None = None
    round: int | None = None
    message: int | None = None
    """That is to be heard or seen."""
    prompt_hash: str | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call that is under way."""

    call: NewCall
    route: ModelRoute
    bounds: Bounds = None


class UnstoredCall:
    """The newest call of an attempt at a turn, until its row is written with what the attempt stores anyway."""

    def __init__(self) -> None:
        self.call: NewCall | None = None


class MeteredModel:
    """The models, as the engine uses them.

    Each method raises what `ModelClient` raises; and BudgetExhaustedError or PriceUnknownError, without asking.
    """

    def __init__(self, engine: Engine, client: ModelClient) -> None:
        self._calls = CallStore(engine.pool)
        self._client = client

    async def ask(self, question: Question, call: ModelCall) -> tuple[Response, NewCall]:
        """Return an assistant's response, and the call to store with it (`NewStep`); one that fails is stored here."""
        route = chat_route(call.settings, Role(call.assistant))
        async with self._begun(call, "chat", route, partial(chat_bound, question=question)) as begun:
            response, usage = await self._client.ask(question, begun.route)
        outcome = CallOutcome.TOOLS if response.tool_calls else CallOutcome.ANSWERED
        made = await self._answered(call, begun, usage, outcome)
        return response, made.model_copy(update={"tool_calls": tuple(used.name for used in response.tool_calls)})

    async def write(self, question: Question, call: ModelCall) -> Response:
        """Return what an assistant writes that no turn asks for; the call is stored here."""
        route = chat_route(call.settings, Role(call.assistant))
        async with self._begun(call, "chat", route, partial(chat_bound, question=question)) as begun:
            response, usage = await self._client.ask(question, begun.route)
        await self._keep(call.organization, await self._answered(call, begun, usage, CallOutcome.ANSWERED))
        return response

    async def describe(self, question: Question, call: ModelCall) -> tuple[Response, Usage]:
        """Return what a model says of a picture; the call is stored here."""
        route = vision_route(call.settings)
        async with self._begun(call, "vision", route, partial(chat_bound, question=question)) as begun:
            response, usage = await self._client.ask(question, begun.route)
        await self._keep(call.organization, await self._answered(call, begun, usage, CallOutcome.ANSWERED))
        return response, usage

    async def transcribe(self, recording: Recording, call: ModelCall) -> tuple[Transcript, Usage]:
        """Return what a recording says; the call is stored here."""
        route, longest = transcription_route(call.settings), call.settings.ai.transcription.max_seconds
        bound = partial(transcription_bound, longest=longest)
        async with self._begun(call, "transcription", route, bound) as begun:
            transcript, usage = await self._client.transcribe(recording, begun.route)
        await self._keep(call.organization, await self._answered(call, begun, usage, CallOutcome.ANSWERED))
        return transcript, usage

    async def keep_unstored(self, organization: UUID, unstored: UnstoredCall) -> None:
        """Store the call of an attempt that came to nothing."""
        if unstored.call is not None:
            await self._keep(organization, unstored.call.model_copy(update={"outcome": CallOutcome.DISCARDED}))

    # -- a call, from its reservation to its failure

    @asynccontextmanager
    async def _begun(self, call: ModelCall, kind: CallKind, route: ModelRoute, bound: Bound) -> AsyncIterator[_Begun]:
        """Reserve what a call may cost, and store it if it fails."""
        begun = _Begun(_new_call(call, kind, route.models[0]), route, None)
        if call.settings.ai.monthly_budget_microdollars is not None:
            begun = await self._reserved(call, begun, bound)
        try:
            yield begun
        except (TurnError, ModelOutageError) as error:
            await self._failed(call.organization, begun, error)
            raise

    async def _reserved(self, call: ModelCall, begun: _Begun, bound: Bound) -> _Begun:
        bounds = await self._bounds(begun.route, bound)
        first = begun.route.models[0]
        if first not in bounds:
            await self._calls.note_unknown_price(call.organization, begun.call)
            raise PriceUnknownError(first)
        reserved = begun.call.model_copy(update={"reserved_microdollars": sum(bounds.values())})
        if not await self._calls.reserve_call(call.organization, reserved, BUDGET_WARNING):
            raise BudgetExhaustedError
        return _Begun(reserved, replace(begun.route, models=tuple(bounds)), bounds)

    async def _bounds(self, route: ModelRoute, bound: Bound) -> dict[str, int]:
        """Return the largest cost for each model of a route whose price is known; the others are not asked."""
        bounds = {}
        for model in route.models:
            price = await self._client.prices.price(model, route)
            largest = None if price is None else bound(price)
            if largest is not None:
                bounds[model] = largest
        return bounds

    async def _answered(self, call: ModelCall, begun: _Begun, usage: Usage, outcome: CallOutcome) -> NewCall:
        """Return the call to store once a model has answered."""
        await self._keep(call.organization, *unsettled(begun.call, begun.bounds, usage.unsettled))
        _count(call, usage)
        return settled(begun.call, begun.bounds, usage, outcome)

    async def _failed(self, organization: UUID, begun: _Begun, error: TurnError | ModelOutageError) -> None:
        """Store a call that was of no use. What no endpoint took is none."""
        if isinstance(error, TurnError):
            await self._keep(organization, settled_failure(begun.call, begun.bounds, begun.route.models, error))
            return
        await self._keep(organization, *unsettled(begun.call, begun.bounds, error.unsettled))
        if begun.bounds is not None:
            with _reported():
                await self._calls.release_call(organization, begun.call.id)

    async def _keep(self, organization: UUID, *calls: NewCall) -> None:
        """Store calls by themselves."""
        for call in calls:
            with _reported():
                await self._calls.record_call(organization, call)


@contextmanager
def _reported() -> Iterator[None]:
    """Only log that a call could not be stored: nobody waits for it, and what is reserved counts in full."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 reported; what it came after counts for more
        report_failure("interactions", error)


def first_of_month(now: datetime) -> date:
    """Return in which month a call counts; `now` is in the instance's time zone."""
    return now.date().replace(day=1)


def _new_call(call: ModelCall, kind: CallKind, model: str) -> NewCall:
    return NewCall(
        id=new_id(),
        instance_id=call.instance,
        conversation_id=call.conversation,
        turn_id=call.turn,
        round=call.round,
        message_id=call.message,
        kind=kind,
        assistant=call.assistant,
        prompt_hash=call.prompt_hash,
        month=call.month,
        outcome=CallOutcome.RESERVED,
        model=model,
        prompt_tokens=0,
        cached_tokens=0,
        completion_tokens=0,
        cost_microdollars=None,
        latency_ms=0,
    )


def _count(call: ModelCall, usage: Usage) -> None:
    metrics.MODEL_SECONDS.labels(assistant=call.assistant).observe(usage.latency_ms / 1000)
    metrics.MODEL_TOKENS.labels(kind="prompt").inc(usage.prompt_tokens)
    metrics.MODEL_TOKENS.labels(kind="cached").inc(usage.cached_tokens)
    metrics.MODEL_TOKENS.labels(kind="completion").inc(usage.completion_tokens)
    metrics.MODEL_COST.inc(usage.cost_microdollars or 0)
