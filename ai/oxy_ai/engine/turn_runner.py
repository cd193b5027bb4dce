"""Answers one claimed turn: applies the rules, asks the model, runs tools, ends the turn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import structlog
from openai.types.chat import ChatCompletionMessageParam
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.assistants.dialogue import continuation, opening, tool_declaration
from oxy_ai.assistants.routing import Ask, Say, Skip, Wait, age_limit, decide, role_of, settings_for
from oxy_ai.assistants.toolbox import run_tool
from oxy_ai.assistants.vertical import Brief, Role, ToolContext, Vertical
from oxy_ai.engine.outages import is_outage
from oxy_ai.engine.returned_instances import wake_if_returned
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_failures import FailureSettings, TurnFailures, TurnOutcome, attempt_at
from oxy_ai.engine.turn_limits import TurnLimitSettings
from oxy_ai.errors import FenceLostError, ModelOutageError, TurnAbandonedError, TurnError
from oxy_ai.model.client import ModelClient, Question
from oxy_ai.records import (
    Answer,
    Claim,
    ClaimedTurn,
    Ended,
    NewStep,
    RelayTarget,
    Step,
    ToolCall,
    ToolResult,
    Turn,
    TurnEnding,
    UnreadableTurn,
    Usage,
)
from oxy_ai.sanitize import answer_text
from oxy_ai.timezones import zone_or_default
from oxy_core.identity import new_id
from oxy_core.trace import trace_bound, trace_id

Messages: TypeAlias = Sequence[ChatCompletionMessageParam]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AssistedTurn:
    """A turn that an assistant answers."""

    claim: Claim
    turn: Turn
    role: Role
    brief: Brief
    timezone: ZoneInfo
    now: datetime
    """In that time zone."""


class RunnerSettings(FailureSettings, TurnLimitSettings):
    """How long a turn may converse with the model."""

    model_rounds: int = Field(
        default=6, ge=1, description="Maximum model responses per turn; the last must be an answer."
    )
    instance_retry_seconds: float = Field(
        default=60, gt=0, description="How often a turn is tried whose instance is suspended or deleted."
    )


class TurnRunner:
    """Answers claimed turns.

    A turn may take several attempts, by different workers. Stored responses and tool results are replayed, so that no
    tool acts twice; every write checks the fence, so that only the current holder of the claim has an effect.
    """

    def __init__(self, engine: Engine, model: ModelClient, vertical: Vertical, settings: RunnerSettings) -> None:
        self._engine = engine
        self._model = model
        self._vertical = vertical
        self._settings = settings
        self._failures = TurnFailures(engine, settings)

    async def run(self, claimed: ClaimedTurn) -> TurnOutcome:
        """Answer and end the turn, or count a failed attempt.

        Raises FenceLostError, or the error of an outage; the turn then stays open and is resumed when its lease ends.
        """
        claim = claimed.claim
        if claimed.abandoned:
            return await self._failures.count_unopened(claim, TurnAbandonedError(self._settings.turn_claims))
        try:
            turn = claimed.turn if claimed.opened else await self._engine.open_turn(claim, self._settings.turn_limits)
        except Exception as error:
            if is_outage(error):
                raise
            return await self._failures.count_unopened(claim, error)
        if turn is None:
            return TurnOutcome(None, more=False)
        if isinstance(turn, UnreadableTurn) and turn.newer:
            log.warning("turn_needs_newer_version", conversation=claim.conversation)
            await self._engine.retry_turn(claim, self._settings.lease)
            return TurnOutcome(None, more=False)
        if isinstance(turn, UnreadableTurn):
            return await self._failures.count_unopened(claim, turn)
        with _bound(claim, turn):
            return await self._attempt(claim, turn)

    async def _attempt(self, claim: Claim, turn: Turn) -> TurnOutcome:
        try:
            ended = await self._answer(claim, turn)
        except FenceLostError:
            raise
        except ModelOutageError as error:
            return await self._failures.wait(claim, attempt_at(claim, turn), error)
        except Exception as error:
            if is_outage(error):
                raise
            return await self._failures.count(claim, attempt_at(claim, turn), error)
        to_send = RelayTarget(claim.organization, turn.instance) if ended.state == "answered" else None
        return TurnOutcome(to_send, ended.more)

    async def _answer(self, claim: Claim, turn: Turn) -> Ended:
        """Carry out what the answer rules decide."""
        if turn.attempts >= self._settings.attempts:
            message = "all attempts have failed"  # and so has the burial after the last
            raise TurnError(message)
        role = role_of(turn)
        match decide(turn):
            case Wait(reason):
                return await self._wait(claim, turn, reason)
            case Skip(reason):
                ending = TurnEnding(state="skipped", role=role, reason=reason)
            case Say(text, reason):
                ending = _answered(turn, role, text, reason=reason)
            case Ask(role, texts):
                text, step = await self._converse(claim, turn, role, texts)
                ending = _answered(turn, role, text, last_step=step)
        ended = await self._engine.finish(claim, turn.turn, ending)
        metrics.TURNS.labels(state=ended.state, reason=ending.reason or "").inc()
        log.info("turn_finished", state=ended.state, reason=ending.reason, assistant=role.value)
        return ended

    async def _wait(self, claim: Claim, turn: Turn, reason: str) -> Ended:
        """Keep the turn open until its instance is back, or its messages are too old."""
        pause = timedelta(seconds=self._settings.instance_retry_seconds)
        await self._engine.wait_for_instance(claim, turn.turn, reason, role_of(turn), pause)
        # It may have come back since the turn was read: whoever woke the others did not see this one wait.
        await wake_if_returned(self._engine, claim.organization, claim.conversation)
        log.info("turn_waits_for_instance", reason=reason)
        return Ended(state="waiting", more=True)

    async def _converse(self, claim: Claim, turn: Turn, role: Role, texts: Sequence[str]) -> tuple[str, NewStep]:
        """Ask the model and run its tools until it answers in text. Stored steps are replayed, not asked again.

        Returns the text and the step that it comes from, which is stored with the end of the turn, because nothing acts
        on it before.
        """
        timezone = zone_or_default(turn.settings.timezone)
        now = datetime.now(timezone)
        brief = await self._vertical.brief(self._engine.pool, claim.organization, turn, role, now)
        assisted = AssistedTurn(claim, turn, role, brief, timezone, now)
        messages = opening(brief.system_prompt, turn, texts)
        for number, step in enumerate(turn.steps):
            messages.extend(continuation(await self._run_tools(assisted, number, step)))
        rounds = max(self._settings.model_rounds, len(turn.steps) + 1)
        for number in range(len(turn.steps), rounds):
            last = number == rounds - 1
            new = await self._ask(assisted, number, messages, tools_allowed=not last)
            if not new.response.tool_calls:
                return new.response.text or "", new
            if not last:
                # Before its tools run: a retry must repeat these calls, by their ids, not ask for others.
                await self._engine.keep_step(claim, turn.turn, new)
                step = await self._run_tools(assisted, number, Step(response=new.response))
                messages.extend(continuation(step))
        # Not stored: the next attempt asks for this answer again.
        message = f"the model still asked for tools in round {rounds}"
        raise TurnError(message)

    async def _ask(
        self,
        assisted: AssistedTurn,
        number: int,
        messages: Sequence[ChatCompletionMessageParam],
        *,
        tools_allowed: bool,
    ) -> NewStep:
        """Ask the model. Its response must be stored before anything acts on it."""
        ai = assisted.turn.settings.ai
        chosen = settings_for(ai, assisted.role)
        question = Question(
            model=chosen.model,
            temperature=chosen.temperature,
            max_tokens=chosen.max_tokens,
            messages=messages,
            tools=[tool_declaration(tool) for tool in assisted.brief.tools],
            tools_allowed=tools_allowed,
        )
        response, usage = await self._model.ask(question, ai.base_url)
        _count(assisted.role, usage)
        return NewStep(round=number, response=response, **usage.model_dump())

    async def _run_tools(self, assisted: AssistedTurn, number: int, step: Step) -> Step:
        """Run those of a step's tools that have no stored result yet."""
        results = dict(step.results)
        for call in step.response.tool_calls:
            if call.id not in results:
                results[call.id] = await self._run_tool(assisted, number, call)
        return Step(response=step.response, results=results)

    async def _run_tool(self, assisted: AssistedTurn, number: int, call: ToolCall) -> str:
        """Run a tool and store its result in the same transaction, so that no retry repeats its effect."""
        async with self._engine.tool_transaction(assisted.claim) as connection:
            context = ToolContext(
                connection, assisted.claim.organization, assisted.turn, assisted.timezone, assisted.now
            )
            result = await run_tool(assisted.brief.tools, call, context)
            kept = ToolResult(number, call.id, result)
            await self._engine.store_result(connection, assisted.claim, assisted.turn.turn, kept)
        return result


@contextmanager
def _bound(claim: Claim, turn: Turn) -> Iterator[None]:
    """Bind a turn's ids to every log line inside.

    A turn has the trace of its newest input; those of the others are bound beside it, so that they lead here too.
    """
    others = [trace_id(item.trace) for item in turn.inputs if item.trace is not None and item.trace != turn.trace]
    with (
        structlog.contextvars.bound_contextvars(
            organization=turn.settings.organization,
            instance=turn.settings.instance,
            conversation=claim.conversation,
            turn=turn.turn,
            **({"other_traces": others} if others else {}),
        ),
        trace_bound(turn.trace),
    ):
        yield


def _answered(
    turn: Turn, role: Role, text: str, *, reason: str | None = None, last_step: NewStep | None = None
) -> TurnEnding:
    """Return the end of a turn with a text; it expires at the age at which a message is too old to be answered."""
    answer = Answer(id=new_id(), text=answer_text(text), keep_seconds=turn.settings.max_answer_age_seconds)
    return TurnEnding(
        state="answered", role=role, reason=reason, answers=(answer,), last_step=last_step, age_limit=age_limit(turn)
    )


def _count(role: Role, usage: Usage) -> None:
    metrics.MODEL_SECONDS.labels(assistant=role.value).observe(usage.latency_ms / 1000)
    metrics.MODEL_TOKENS.labels(kind="prompt").inc(usage.prompt_tokens)
    metrics.MODEL_TOKENS.labels(kind="cached").inc(usage.cached_tokens)
    metrics.MODEL_TOKENS.labels(kind="completion").inc(usage.completion_tokens)
    metrics.MODEL_COST.inc(usage.cost_microdollars or 0)
