"""Answering: claims due conversations and brings each turn to its end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from openai.types.chat import ChatCompletionMessageParam
from pydantic import ValidationError

from oxy_ai import metrics
from oxy_ai.assistants.dialogue import continuation, opening, tool_declaration
from oxy_ai.assistants.fixed_texts import APOLOGY, notice_to_owner
from oxy_ai.assistants.rules import Ask, Say, Skip, decide, role_for, role_of, settings_for
from oxy_ai.assistants.toolbox import run_tool
from oxy_ai.assistants.vertical import Brief, Role, ToolContext, Vertical
from oxy_ai.database import Engine
from oxy_ai.engine.outages import discreet, is_outage, report_failure
from oxy_ai.errors import FenceLostError, TurnError, TurnUnreadableError
from oxy_ai.model.client import ModelClient, Question
from oxy_ai.records import (
    Answer,
    Claim,
    Contact,
    Ended,
    Ending,
    Failure,
    NewStep,
    RelayTarget,
    Step,
    Taken,
    ToolCall,
    Turn,
    Usage,
)
from oxy_ai.sanitize import MAX_ANSWER, clean, shorten
from oxy_ai.settings import WorkerSettings
from oxy_ai.timezones import zone_or_default
from oxy_core.identity import new_id
from oxy_core.tasks import end_tasks

MAX_ROUNDS: Final = 6
"""Model responses in one turn; in the last one tools are not allowed, so that it must be an answer."""

_LONGEST_PAUSE_SECONDS: Final = 60.0
"""A customer is not kept waiting longer for the next attempt, whatever the model's endpoint asks."""
_SHORTEST_WAIT: Final = 0.005
_OUTAGE_SECONDS: Final = 0.5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Talk:
    """A turn that an assistant answers."""

    claim: Claim
    turn: Turn
    role: Role
    brief: Brief
    timezone: ZoneInfo
    now: datetime
    """In that time zone."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What of a turn matters when an attempt at it fails."""

    turn: int
    failed_before: int
    role: Role
    contact: Contact


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from a turn."""

    to_send: RelayTarget | None
    """The instance that has something to send now."""
    more: bool
    """Whether the queue is worth another look at once."""


class TurnRunner:
    """Brings one claimed conversation's turn to its end."""

    def __init__(self, engine: Engine, model: ModelClient, vertical: Vertical, settings: WorkerSettings) -> None:
        self._engine = engine
        self._model = model
        self._vertical = vertical
        self._settings = settings

    async def run(self, taken: Taken) -> Outcome:
        """Decide, answer, finish.

        Raises FenceLostError, or the error of an outage: then the turn stays open and is taken up again.
        """
        claim = taken.claim
        try:
            turn = await self._opened(taken)
        except Exception as error:
            if is_outage(error):
                raise
            return await self._fail_unopened(claim, error)
        if turn is None:
            return Outcome(None, more=False)
        with structlog.contextvars.bound_contextvars(
            organization=turn.settings.organization,
            instance=turn.settings.instance,
            conversation=claim.conversation,
            turn=turn.turn,
        ):
            try:
                ended = await self._answer(claim, turn)
                to_send, more = ended.state == "answered", ended.more
            except FenceLostError:
                raise
            except Exception as error:
                if is_outage(error):
                    raise
                to_send, more = await self._fail(claim, _attempt(turn), error), True
        return Outcome(RelayTarget(claim.organization, turn.instance) if to_send else None, more)

    async def _opened(self, taken: Taken) -> Turn | None:
        if not taken.opened:
            return await self._engine.open_turn(taken.claim)
        return None if taken.turn is None else Turn.model_validate_json(taken.turn)

    async def _answer(self, claim: Claim, turn: Turn) -> Ended:
        """Do what the rules decide."""
        role = role_of(turn)
        match decide(turn):
            case Skip(reason):
                ending = Ending(state="skipped", role=role, reason=reason)
            case Say(text, reason):
                ending = Ending(state="answered", role=role, reason=reason, answers=(_answer(text),))
            case Ask(role, texts):
                text, step = await self._converse(claim, turn, role, texts)
                ending = Ending(state="answered", role=role, answers=(_answer(text),), last_step=step)
        ended = await self._engine.finish(claim, turn.turn, ending)
        metrics.TURNS.labels(state=ended.state, reason=ending.reason or "").inc()
        log.info("turn_finished", state=ended.state, reason=ending.reason, assistant=role.value)
        return ended

    async def _converse(self, claim: Claim, turn: Turn, role: Role, texts: Sequence[str]) -> tuple[str, NewStep | None]:
        """Ask the model, run its tools, until it answers in words. Stored steps are replayed, not asked again.

        Returns the words and, unless it is stored already, the response that they are from: it is kept as the turn
        ends, because nothing follows from it before.
        """
        timezone = zone_or_default(turn.settings.timezone)
        now = datetime.now(timezone)
        brief = await self._vertical.brief(self._engine.pool, claim.organization, turn, role, now)
        talk = Talk(claim, turn, role, brief, timezone, now)
        messages = opening(brief.system_prompt, turn, texts)
        for number in range(MAX_ROUNDS):
            new = None
            if number < len(turn.steps):
                step = turn.steps[number]
            else:
                new = await self._ask(talk, number, messages)
                step = Step(response=new.response)
            if not step.response.tool_calls:
                return step.response.text or "", new
            if new is not None:
                await self._engine.store_step(claim, turn.turn, new)
            messages.extend(continuation(await self._run_tools(talk, number, step)))
        message = f"the model still asked for tools in round {MAX_ROUNDS}"
        raise TurnError(message)

    async def _ask(self, talk: Talk, number: int, messages: Sequence[ChatCompletionMessageParam]) -> NewStep:
        """Get the model's response. It must be kept before anything follows from it."""
        ai = talk.turn.settings.ai
        chosen = settings_for(ai, talk.role)
        question = Question(
            model=chosen.model,
            temperature=chosen.temperature,
            max_tokens=chosen.max_tokens,
            messages=messages,
            tools=[tool_declaration(tool) for tool in talk.brief.tools],
            tools_allowed=number < MAX_ROUNDS - 1,
        )
        response, usage = await self._model.ask(question, ai.base_url)
        _count(talk.role, usage)
        return NewStep(round=number, response=response, usage=usage)

    async def _run_tools(self, talk: Talk, number: int, step: Step) -> Step:
        """Run those of a step's tools that have no stored result yet."""
        results = dict(step.results)
        for call in step.response.tool_calls:
            if call.id not in results:
                results[call.id] = await self._run_tool(talk, number, call)
        return Step(response=step.response, results=results)

    async def _run_tool(self, talk: Talk, number: int, call: ToolCall) -> str:
        """Run a tool and keep its result in the same transaction: its effect happens once, whatever is repeated."""
        async with self._engine.tool_transaction(talk.claim) as connection:
            context = ToolContext(connection, talk.claim.organization, talk.turn, talk.timezone, talk.now)
            result = await run_tool(talk.brief.tools, call, context)
            await connection.execute(
                """
                update turn_steps set results = results || jsonb_build_object($4::text, $5::text)
                where organization_id = $1 and turn_id = $2 and round = $3
                """,
                talk.claim.organization,
                talk.turn.turn,
                number,
                call.id,
                result,
            )
        return result

    async def _fail_unopened(self, claim: Claim, error: Exception) -> Outcome:
        """Count an attempt at a turn that could not be opened.

        The next one waits as long as a lease: a worker of another version may be able to open it.
        """
        found = await self._engine.unopened_turn(claim)
        with structlog.contextvars.bound_contextvars(
            organization=found.organization,
            instance=found.instance_name,
            conversation=claim.conversation,
            turn=found.turn,
        ):
            log.warning("turn_unreadable", exc_info=discreet(error))
            role = role_for(found.contact.phone, found.owners, self_chat=found.self_chat)
            attempt = Attempt(found.turn, found.attempts, role, found.contact)
            unreadable = TurnUnreadableError(_why_unreadable(error), self._settings.lease_seconds)
            died = await self._fail(claim, attempt, unreadable)
        return Outcome(RelayTarget(claim.organization, found.instance) if died else None, more=True)

    async def _fail(self, claim: Claim, attempt: Attempt, error: Exception) -> bool:
        """Count a failed attempt; returns whether something is to be sent."""
        reason = _reason(error)
        metrics.TURN_FAILURES.labels(error=type(error).__name__).inc()
        log.warning(
            "turn_attempt_failed",
            attempt=attempt.failed_before + 1,
            reason=reason,
            exc_info=None if isinstance(error, TurnError) else discreet(error),
        )
        role = attempt.role
        failure = Failure(
            reason=reason,
            role=role,
            apology=Answer(id=new_id(), part=1, text=APOLOGY) if role is Role.CUSTOMER else None,
            notice=Answer(id=new_id(), part=2, text=notice_to_owner(attempt.contact, role, error)),
        )
        delay = self._delay(attempt.failed_before, error)
        verdict = await self._engine.fail(claim, attempt.turn, failure, self._settings.attempts, delay)
        if verdict == "dead":
            metrics.TURNS.labels(state="dead", reason=type(error).__name__).inc()
            log.error("turn_died", reason=reason)
        return verdict == "dead"

    def _delay(self, failed_before: int, error: Exception) -> timedelta:
        """Return the pause before the next attempt: doubled each time, and as long as the model's endpoint asks."""
        own = self._settings.retry_seconds * 2**failed_before
        asked = error.retry_after_seconds if isinstance(error, TurnError) else 0.0
        return timedelta(seconds=max(own, min(asked, _LONGEST_PAUSE_SECONDS)))


def _attempt(turn: Turn) -> Attempt:
    return Attempt(turn.turn, turn.attempts, role_of(turn), turn.contact)


def _why_unreadable(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"the turn cannot be opened ({type(error).__name__}): check what is stored for its instance"
    wrong = ", ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False))
    return f"what is stored for the turn cannot be read: check {wrong[:200]}"


def _answer(text: str) -> Answer:
    return Answer(id=new_id(), text=shorten(clean(text), MAX_ANSWER))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, TurnError) else f"internal error ({type(error).__name__})"


def _count(role: Role, usage: Usage) -> None:
    metrics.MODEL_SECONDS.labels(assistant=role.value).observe(usage.latency_ms / 1000)
    metrics.MODEL_TOKENS.labels(kind="prompt").inc(usage.prompt_tokens)
    metrics.MODEL_TOKENS.labels(kind="cached").inc(usage.cached_tokens)
    metrics.MODEL_TOKENS.labels(kind="completion").inc(usage.completion_tokens)
    metrics.MODEL_COST.inc(usage.cost_microdollars or 0)


class TurnDispatcher:
    """Claims due conversations up to the worker's concurrency and keeps their leases alive."""

    def __init__(
        self, engine: Engine, runner: TurnRunner, settings: WorkerSettings, on_answer: Callable[[RelayTarget], None]
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._settings = settings
        self._on_answer = on_answer
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: set[Claim] = set()

    def hint(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing more; `run` ends when the turns in flight have ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._renew())
            async with asyncio.TaskGroup() as turns:
                while not self._stopping:
                    self._wake.clear()
                    pause = await self._start_due(turns)
                    await self._rest(pause)
            await end_tasks(beat)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _start_due(self, turns: asyncio.TaskGroup) -> float:
        """Start what is due; returns how many seconds to wait for the next look."""
        free = self._settings.concurrency - len(self._running)
        if free <= 0:
            return self._settings.sweep_seconds
        try:
            claims = await self._engine.claim(
                free, self._settings.lease, self._settings.turns_per_second, self._settings.turns_burst
            )
        except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
            report_failure("claim", error)
            return _OUTAGE_SECONDS
        for taken in claims.claimed:
            self._running.add(taken.claim)
            turns.create_task(self._run(taken))
        metrics.TURNS_IN_FLIGHT.set(len(self._running))
        planned = self._settings.sweep_seconds if claims.wait is None else claims.wait
        return min(max(planned, _SHORTEST_WAIT), self._settings.sweep_seconds)

    async def _run(self, taken: Taken) -> None:
        look_again = True
        try:
            with metrics.TURN_SECONDS.time():
                outcome = await self._runner.run(taken)
            if outcome.to_send is not None:
                self._on_answer(outcome.to_send)
            look_again = outcome.more
        except FenceLostError:
            log.warning("turn_taken_over", conversation=taken.claim.conversation)
        except Exception as error:  # noqa: BLE001 the edge of a task: logged and counted; the lease ends by itself
            report_failure("turn", error)
        finally:
            # With all places taken, others may have been left unclaimed.
            if look_again or len(self._running) >= self._settings.concurrency:
                self._wake.set()
            self._running.discard(taken.claim)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            claims = sorted(self._running, key=lambda claim: claim.conversation)
            if not claims:
                continue
            try:
                await self._engine.renew(claims, self._settings.lease)
            except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
                report_failure("renew", error)
