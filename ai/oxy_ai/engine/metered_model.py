"""Asks models, and keeps what each call was and cost: nobody else in the engine calls a model."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import structlog

from oxy_ai.assistants.vertical import Role
from oxy_ai.engine.model_routes import chat_route
from oxy_ai.engine.outages import report_failure
from oxy_ai.engine.store import Engine
from oxy_ai.errors import ModelInvalidError, ModelOutageError, ModelRefusalError, ModelRejectedError, TurnError
from oxy_ai.model.client import ModelClient
from oxy_ai.model.route import Question
from oxy_ai.records import CallKind, CallOutcome, NewCall, Response, Usage
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import new_id

log = structlog.get_logger()


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
    kind: CallKind = "chat"
    turn: int | None = None
    round: int | None = None
    message: int | None = None
    """That is to be heard or seen."""
    prompt_hash: str | None = None


class UnstoredCall:
    """The newest call of an attempt at a turn, until its row is written with what the attempt stores anyway."""

    def __init__(self) -> None:
        self.call: NewCall | None = None


class MeteredModel:
    """The models, as the engine uses them."""

    def __init__(self, engine: Engine, client: ModelClient) -> None:
        self._engine = engine
        self._client = client

    async def ask(self, question: Question, call: ModelCall) -> tuple[Response, NewCall]:
        """Return a model's response, and the call to store with it (`NewStep`).

        A call that fails is stored here. Raises what `ModelClient.ask` raises.
        """
        route = chat_route(call.settings, Role(call.assistant))
        begun = _begun(call, route.models[0])
        try:
            response, usage = await self._client.ask(question, route)
        except (TurnError, ModelOutageError) as error:
            await self.keep(call.organization, begun.model_copy(update={"outcome": outcome_of(error)}))
            raise
        outcome = CallOutcome.TOOLS if response.tool_calls else CallOutcome.ANSWERED
        names = tuple(called.name for called in response.tool_calls)
        return response, _with_usage(begun, usage).model_copy(update={"outcome": outcome, "tool_calls": names})

    async def keep(self, organization: UUID, call: NewCall) -> None:
        """Store a call by itself; a failure is only logged, because nobody waits for it."""
        try:
            await self._engine.record_call(organization, call)
        except Exception as error:  # noqa: BLE001 reported; the error that it came from counts for more
            report_failure("interactions", error)

    async def keep_unstored(self, organization: UUID, unstored: UnstoredCall) -> None:
        """Store the call of an attempt that came to nothing."""
        if unstored.call is not None:
            await self.keep(organization, unstored.call.model_copy(update={"outcome": CallOutcome.DISCARDED}))


def first_of_month(now: datetime) -> date:
    """Return in which month a call counts; `now` is in the instance's time zone."""
    return now.date().replace(day=1)


def outcome_of(error: TurnError | ModelOutageError) -> CallOutcome:
    """Return what became of a call that raised this."""
    match error:
        case ModelOutageError():
            return CallOutcome.OUTAGE
        case ModelRefusalError():
            return CallOutcome.REFUSED
        case ModelRejectedError():
            return CallOutcome.REJECTED
        case ModelInvalidError():
            return CallOutcome.INVALID
        case _:
            return CallOutcome.DISCARDED


def _begun(call: ModelCall, model: str) -> NewCall:
    return NewCall(
        id=new_id(),
        instance_id=call.instance,
        conversation_id=call.conversation,
        turn_id=call.turn,
        round=call.round,
        message_id=call.message,
        kind=call.kind,
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


def _with_usage(call: NewCall, usage: Usage) -> NewCall:
    return call.model_copy(update=usage.model_dump())
