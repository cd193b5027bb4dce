"""The dialogue with the model about one turn: context, rounds of responses and tools, review, and the text to send."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import structlog
from openai.types.chat import ChatCompletionMessageParam
from pydantic import Field

from oxy_ai.assistants.dialogue import continuation, opening, said, tool_declaration
from oxy_ai.assistants.fixed_texts import (
    UNAFFORDABLE,
    UNAFFORDABLE_AFTER,
    UNSURE,
    UNSURE_AFTER,
    UNSURE_TO_OWNER,
    unaffordable_to_owner,
)
from oxy_ai.assistants.intents import intent_of, with_intent
from oxy_ai.assistants.people import hand_over_of, newest_words, order_of_failure
from oxy_ai.assistants.routing import settings_for
from oxy_ai.assistants.toolbox import run_tool
from oxy_ai.assistants.vertical import Brief, Role, ToolContext
from oxy_ai.engine.answer_review import AnswerReview
from oxy_ai.engine.attachments import CallAttachments
from oxy_ai.engine.metered_model import MeteredModel, ModelCall, UnstoredCall, first_of_month
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.store import Engine
from oxy_ai.errors import BudgetError, TurnError
from oxy_ai.media.library import FileLibrary
from oxy_ai.model.route import Question
from oxy_ai.portuguese.promises import promises_person, promises_person_in_english
from oxy_ai.records import (
    CallOutcome,
    Claim,
    HandOver,
    HandOverReason,
    NewStep,
    Response,
    Step,
    ToolCall,
    ToolResult,
    Turn,
)

Messages: TypeAlias = Sequence[ChatCompletionMessageParam]

log = structlog.get_logger()


class DialogueSettings(PollingSettings):
    """How long a turn may converse with the model."""

    model_rounds: int = Field(
        default=6, ge=1, description="Maximum model responses per turn; the last must be an answer."
    )


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


@dataclass(frozen=True, slots=True)
class Spoken:
    """The text that a dialogue ended with."""

    text: str
    last_step: NewStep | None
    """That it comes from; stored with the end of the turn, because nothing acts on it before. None: it is fixed."""
    hand_over: HandOver | None = None
    """What the tools have ordered: people take over with the end of the turn."""
    acted: bool = False
    """Whether the model has called a tool that changes data."""
    knows: bool = False
    """Whether what it tells an owner may have been looked up, or done just before."""
    urgent: bool = False
    """Whether it is what a customer hears at once in an emergency."""
    unaffordable: bool = False
    """Whether it is what somebody reads because the model may not be asked."""


class TurnDialogue:
    """One attempt's dialogue about one turn.

    Each response is stored before anything acts on it. Stored responses and tool results are replayed, not asked again,
    so that no tool acts twice.
    """

    def __init__(
        self,
        engine: Engine,
        model: MeteredModel,
        library: FileLibrary,
        settings: DialogueSettings,
        assisted: AssistedTurn,
    ) -> None:
        self._engine = engine
        self._model = model
        self._library = library
        self._unstored = UnstoredCall()
        self._rounds = max(settings.model_rounds, len(assisted.turn.steps) + 1)
        self._assisted = assisted
        self._ordered = assisted.turn.hand_over
        self._review = AnswerReview(assisted.turn, assisted.role, assisted.brief, assisted.now)
        self._acted = False
        self._called: list[str] = []

    async def run(self, texts: Sequence[str], unstored: UnstoredCall) -> Spoken:
        """Ask the model to answer these texts and run its tools until it answers with a text that may leave.

        `unstored` holds each call of the model until it is stored. Where it may not be asked, a fixed text answers.
        """
        self._unstored = unstored
        try:
            return await self._answered(texts)
        except BudgetError as error:
            log.warning("model_not_asked", reason=str(error))
            return self._unaffordable(error)

    async def _answered(self, texts: Sequence[str]) -> Spoken:
        turn = self._assisted.turn
        messages = opening(self._assisted.brief.prompt, turn, texts)
        self._called = [call.name for step in turn.steps for call in step.response.tool_calls]
        for number, step in enumerate(turn.steps):
            messages.extend(await self._replayed(number, step))
        for number in range(len(turn.steps), self._rounds):
            last = number == self._rounds - 1
            new = await self._ask(number, messages, texts, tools_allowed=not last)
            wanted = [] if new.response.tool_calls else await self._before_it_leaves(new.response)
            new = _with_outcome(new, CallOutcome.OBJECTED) if wanted else new
            if not new.response.tool_calls and (not wanted or self._review.gives_up(last=last)):
                return self._spoken(new)
            if not last:
                # Before its tools run: a retry must repeat these calls, by their ids, not ask for others.
                await self._engine.keep_step(self._assisted.claim, turn.turn, new)
                self._unstored.call = None
                messages.extend(wanted or await self._replayed(number, Step(response=new.response)))
        # Not stored: the next attempt asks for this answer again.
        message = f"the model still asked for tools in round {self._rounds}"
        raise TurnError(message)

    async def _replayed(self, number: int, step: Step) -> Messages:
        """Return what a stored step adds to the next request, after running those of its tools that have not run."""
        if step.response.tool_calls:
            complete = await self._run_tools(number, step)
            self._review.has_run(complete)
            return continuation(complete)
        return await self._before_it_leaves(step.response)

    def _spoken(self, new: NewStep) -> Spoken:
        """Return the model's text, or, if it may not leave, a fixed one; whoever was promised a person gets one."""
        turn, text = self._assisted.turn, new.response.text or ""
        if self._assisted.role is Role.AURORA:
            fixed = UNSURE_TO_OWNER if self._review.invents(text) else text
            return Spoken(fixed, new, self._ordered, self._acted, knows=self._review.knows())
        if self._review.gives_up(last=True):
            unsure = hand_over_of(turn, HandOverReason.UNGROUNDED, None)
            fixed = UNSURE_AFTER if self._review.has_acted() else UNSURE
            return Spoken(fixed, new, self._ordered or unsure, self._acted)
        promises = promises_person(text) or promises_person_in_english(text)
        promised = hand_over_of(turn, HandOverReason.PROMISED, None) if promises else None
        return Spoken(text, new, self._ordered or promised, self._acted)

    def _unaffordable(self, error: BudgetError) -> Spoken:
        """Return what is said instead of an answer: customers go to people, an owner reads why."""
        assisted = self._assisted
        if assisted.role is Role.AURORA:
            return Spoken(unaffordable_to_owner(error), None, unaffordable=True)
        settings = assisted.turn.settings.ai
        order = order_of_failure(HandOverReason.BUDGET, newest_words(assisted.turn), settings.handover_minutes)
        text = UNAFFORDABLE_AFTER if self._review.has_acted() else UNAFFORDABLE
        return Spoken(text, None, self._ordered or order, self._acted, unaffordable=True)

    # -- what is checked before a text leaves

    async def _before_it_leaves(self, response: Response) -> Messages:
        """Return what the model must read before it answers again, its own text first; nothing: the text may leave.

        A text that may not is stored as a step, like a response with tool calls, and this is called with it again when
        the turn is resumed.
        """
        wanted = self._review.objections(response)
        return [said(response), *wanted] if wanted else []

    # -- the model

    async def _ask(self, number: int, messages: Messages, texts: Sequence[str], *, tools_allowed: bool) -> NewStep:
        """Ask the model. Its response must be stored before anything acts on it."""
        assisted = self._assisted
        chosen = settings_for(assisted.turn.settings.ai, assisted.role)
        question = Question(
            temperature=chosen.temperature,
            max_tokens=chosen.max_tokens,
            messages=messages,
            tools=[tool_declaration(tool) for tool in assisted.brief.tools],
            tools_allowed=tools_allowed,
        )
        response, call = await self._model.ask(question, _call(assisted, number))
        self._called.extend(call.tool_calls)
        intent = intent_of(assisted.role, assisted.brief.tools, self._called, texts)
        self._unstored.call = with_intent(call, intent)
        return NewStep(round=number, response=response, call=self._unstored.call)

    # -- its tools

    async def _run_tools(self, number: int, step: Step) -> Step:
        """Run those of a step's tools that have no stored result yet."""
        acting = {tool.name for tool in self._assisted.brief.tools if tool.acts}
        self._acted |= any(call.name in acting for call in step.response.tool_calls)
        results = dict(step.results)
        for call in step.response.tool_calls:
            if call.id not in results:
                results[call.id] = await self._run_tool(number, call)
        return Step(response=step.response, results=results)

    async def _run_tool(self, number: int, call: ToolCall) -> str:
        """Run a tool and store its result in the same transaction, so that no retry repeats its effect."""
        assisted = self._assisted
        async with self._engine.tool_transaction(assisted.claim) as connection:
            context = ToolContext(
                connection,
                assisted.claim.organization,
                assisted.turn,
                assisted.timezone,
                assisted.now,
                assisted.brief.prompt.changing,
                CallAttachments(self._library, assisted.claim, assisted.turn, f"{number}:{call.id}"),
            )
            result = await run_tool(assisted.brief.tools, call, context)
            kept = ToolResult(number, call.id, result)
            ordered = await self._engine.store_result(connection, assisted.claim, assisted.turn.turn, kept)
        self._ordered = ordered
        return result


def _call(assisted: AssistedTurn, number: int) -> ModelCall:
    turn = assisted.turn
    return ModelCall(
        organization=assisted.claim.organization,
        instance=turn.instance,
        settings=turn.settings,
        conversation=assisted.claim.conversation,
        assistant=assisted.role,
        month=first_of_month(assisted.now),
        turn=turn.turn,
        round=number,
        prompt_hash=assisted.brief.prompt.hash,
    )


def _with_outcome(step: NewStep, outcome: CallOutcome) -> NewStep:
    return step.model_copy(update={"call": step.call.model_copy(update={"outcome": outcome})})
