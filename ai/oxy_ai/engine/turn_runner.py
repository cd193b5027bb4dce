"""Answers one claimed turn: applies the rules, lets an assistant answer, ends the turn."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.assistants.deeds import without_deeds
from oxy_ai.assistants.loops import MOST_IN_RUN, MOST_QUICK, MOST_REPEATED, LoopLimits
from oxy_ai.assistants.people import People, hand_over_of
from oxy_ai.assistants.roles import role_of
from oxy_ai.assistants.routing import (
    Ask,
    Attend,
    CarryOut,
    Confirm,
    Decision,
    Say,
    Skip,
    Wait,
    decide,
    fresh_inputs,
    hears_of_emergency,
)
from oxy_ai.assistants.vertical import Context, Role, Vertical
from oxy_ai.engine.attendance import Attendances
from oxy_ai.engine.context_reader import ContextReader, ContextSettings, Wanted
from oxy_ai.engine.metered_model import MeteredModel, UnstoredCall
from oxy_ai.engine.outages import is_outage
from oxy_ai.engine.owner_acts import OwnerActs
from oxy_ai.engine.people_now import people_now, staffing_of, waits_for
from oxy_ai.engine.returned_instances import wake_if_returned
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_dialogue import AssistedTurn, DialogueSettings, Spoken, TurnDialogue
from oxy_ai.engine.turn_endings import answered, noted, noted_for_owner, proposing, said, skipped, unaffordable
from oxy_ai.engine.turn_failures import FailureSettings, TurnFailures, TurnOutcome, attempt_at
from oxy_ai.engine.turn_limits import TurnLimitSettings
from oxy_ai.errors import FenceLostError, ModelOutageError, ProfileUnknownError, TurnAbandonedError, TurnError
from oxy_ai.media.library import FileLibrary, LibrarySettings
from oxy_ai.model.client import ModelClient
from oxy_ai.records import (
    Claim,
    ClaimedTurn,
    Ended,
    HandOverReason,
    RelayTarget,
    Turn,
    TurnEnding,
    UnreadableTurn,
    Urgency,
)
from oxy_ai.timezones import Clock, now_utc, zone_or_default
from oxy_core.trace import trace_bound, trace_id

log = structlog.get_logger()


class RunnerSettings(FailureSettings, TurnLimitSettings, DialogueSettings, ContextSettings, LibrarySettings):
    """How long turns converse with the model, and when those are tried again that wait for their instance."""

    instance_retry_seconds: float = Field(
        default=60, gt=0, description="How often a turn is tried whose instance is suspended or deleted."
    )
    loop_quick_answers: int = Field(
        default=MOST_QUICK,
        ge=0,
        description="Answers in a row to messages that come within seconds; 0: no limit.",
    )
    loop_answers: int = Field(
        default=MOST_IN_RUN, ge=0, description="Answers in a row without a pause of minutes; 0: no limit."
    )
    loop_repeats: int = Field(
        default=MOST_REPEATED, ge=0, description="Answers in a row to the same text after the first; 0: no limit."
    )

    @property
    def loop_limits(self) -> LoopLimits:
        """After how much a contact is taken for a machine."""
        return LoopLimits(self.loop_quick_answers, self.loop_answers, self.loop_repeats)


class TurnRunner:
    """Answers claimed turns.

    A turn may take several attempts, by different workers. Stored responses and tool results are replayed, so that no
    tool acts twice; every write checks the fence, so that only the current holder of the claim has an effect.
    """

    def __init__(
        self,
        engine: Engine,
        model: ModelClient,
        find_vertical: Callable[[str], Vertical],
        settings: RunnerSettings,
        clock: Clock = now_utc,
    ) -> None:
        """`find_vertical` returns the vertical that a profile names, or raises ProfileUnknownError.

        `clock` says what day and time assistants take it to be. What is due, and how old a message is, goes by the
        database's clock.
        """
        self._engine = engine
        self._model = MeteredModel(engine, model)
        self._find_vertical = find_vertical
        self._context = ContextReader(engine.pool, settings)
        self._library = FileLibrary(engine.pool, settings)
        self._settings = settings
        self._failures = TurnFailures(engine, settings, clock)
        self._acts = OwnerActs(engine)
        self._attendances = Attendances(engine)
        self._clock = clock

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
        unstored = UnstoredCall()
        try:
            ended = await self._answer(claim, turn, unstored)
        except FenceLostError:
            raise
        except ModelOutageError as error:
            return await self._failures.wait(claim, attempt_at(claim, turn), error)
        except Exception as error:
            if is_outage(error):
                raise
            return await self._failures.count(claim, attempt_at(claim, turn), error)
        finally:
            await self._model.keep_unstored(claim.organization, unstored)
        to_send = RelayTarget(claim.organization, turn.instance) if ended.state == "answered" else None
        return TurnOutcome(to_send, ended.more)

    async def _answer(self, claim: Claim, turn: Turn, unstored: UnstoredCall) -> Ended:
        """Carry out what the answer rules decide."""
        if turn.attempts >= turn.settings.queues.message.attempts:
            message = "all attempts have failed"  # and so has the burial after the last
            raise TurnError(message)
        decided = decide(turn, self._settings.loop_limits)
        urgent = await self._in_emergency(claim, turn, decided)
        if urgent is not None:
            return await self._finish(claim, turn, urgent)
        match decided:
            case Wait() as wait:
                return await self._wait(claim, turn, wait)
            case Skip() as skip:
                ending = skipped(turn, skip)
            case Confirm(text, reason):
                ending = answered(turn, None, confirmation=text, reason=reason)
            case Say(text, reason, confirmation, ruling):
                await self._acts.settle(claim, turn, ruling)
                ending = answered(turn, noted(ruling, text), confirmation=confirmation, reason=reason)
            case CarryOut() | Attend() as act:
                done = await self._done(claim, turn, act)
                ending = said(turn, done, await self._people_for(turn, claim, done), None)
            case Ask() as ask:
                ending = await self._asked(claim, turn, ask, unstored)
        ended = await self._finish(claim, turn, ending)
        if ended.state != "waiting":
            unstored.call = None
        return ended

    async def _done(self, claim: Claim, turn: Turn, act: CarryOut | Attend) -> Spoken:
        """Do what somebody has agreed to, or answered, once; return what he is told."""
        if isinstance(act, Attend):
            return await self._attendances.settle(claim, turn, act.ruling, self._clock())
        return await self._acts.carry_out(await self._assisted(claim, turn, Role.AURORA), act.proposal)

    async def _asked(self, claim: Claim, turn: Turn, ask: Ask, unstored: UnstoredCall) -> TurnEnding:
        """Let an assistant answer; what it proposes to an owner is asked with the answer."""
        await self._acts.settle(claim, turn, ask.set_aside)
        spoken = await self._converse(await self._assisted(claim, turn, ask.role), ask.texts, unstored)
        proposal = await self._acts.prepared(claim, turn, spoken, ask.role)
        if proposal is not None:
            return proposing(turn, spoken, proposal, ask.set_aside)
        text = without_deeds(spoken.text, knows=spoken.knows) if ask.role is Role.AURORA else spoken.text
        spoken = replace(spoken, text=noted(ask.set_aside, text))
        return await self._end_of(claim, turn, spoken, ask.confirmation)

    async def _end_of(self, claim: Claim, turn: Turn, spoken: Spoken, confirmation: str | None) -> TurnEnding:
        """Return how a turn ends with what was said."""
        people = await self._people_for(turn, claim, spoken)
        if not spoken.unaffordable:
            return said(turn, spoken, people, confirmation)
        told = await waits_for(self._engine, claim, HandOverReason.BUDGET)
        return unaffordable(turn, spoken, people, confirmation, told=told)

    async def _finish(self, claim: Claim, turn: Turn, ending: TurnEnding) -> Ended:
        ended = await self._engine.finish(claim, turn.turn, ending)
        metrics.TURNS.labels(state=ended.state, reason=ending.reason or "").inc()
        log.info("turn_finished", state=ended.state, reason=ending.reason, assistant=ending.role)
        return ended

    async def _wait(self, claim: Claim, turn: Turn, wait: Wait) -> Ended:
        """Keep the turn open until its contact may be answered, its instance is back, or its messages are too old."""
        pause = self._settings.instance_retry_seconds if wait.seconds is None else wait.seconds
        await self._engine.keep_waiting(claim, turn.turn, wait.reason, role_of(turn), timedelta(seconds=pause))
        # It may have come back since the turn was read: whoever woke the others did not see this one wait.
        await wake_if_returned(self._engine, claim.organization, claim.conversation)
        metrics.TURNS.labels(state="waiting", reason=wait.reason).inc()
        log.info("turn_waits", reason=wait.reason)
        return Ended(state="waiting", more=True)

    async def _in_emergency(self, claim: Claim, turn: Turn, decided: Decision) -> TurnEnding | None:
        """Return how a turn ends if an emergency counts for more than what was decided; None: as was decided."""
        hears = hears_of_emergency(turn, decided)
        if hears is None or role_of(turn) is not Role.CUSTOMER or not self._sees_emergency(turn):
            return None
        urgent = _at_once(await self._assisted(claim, turn, Role.CUSTOMER))
        if urgent is None or urgent.hand_over is None:
            return None
        if hears == "owner" and isinstance(decided, Skip):
            return noted_for_owner(turn, decided, urgent.hand_over)
        confirmation = decided.text if isinstance(decided, Confirm) else None
        return said(turn, urgent, await self._people_for(turn, claim, urgent), confirmation)

    def _sees_emergency(self, turn: Turn) -> bool:
        """Whether it is worth reading what an answer needs."""
        try:
            vertical = self._find_vertical(turn.settings.ai.profile)
        except ProfileUnknownError:
            return False  # whoever is answered makes it known
        texts = [item.words for item in fresh_inputs(turn)]
        return any(map(vertical.is_emergency, (*texts, " ".join(texts))))

    async def _converse(self, assisted: AssistedTurn, texts: Sequence[str], unstored: UnstoredCall) -> Spoken:
        dialogue = TurnDialogue(self._engine, self._model, self._library, self._settings, assisted)
        return _at_once(assisted) or await dialogue.run(texts, unstored)

    async def _assisted(self, claim: Claim, turn: Turn, role: Role) -> AssistedTurn:
        """Read what an assistant has to know to answer a turn."""
        vertical = self._find_vertical(turn.settings.ai.profile)
        timezone = zone_or_default(turn.settings.timezone)
        now = self._clock().astimezone(timezone)
        emergency = role is Role.CUSTOMER and self._sees_emergency(turn)
        facts = await self._context.read(claim.organization, turn, Wanted(vertical.parts(role), now, emergency))
        brief = vertical.brief(Context(turn, role, now, facts))
        return AssistedTurn(claim, turn, role, brief, timezone, now)

    async def _people_for(self, turn: Turn, claim: Claim, spoken: Spoken) -> People | None:
        """Return what somebody who is handed over has to know of the business's people; None: nobody is."""
        if spoken.hand_over is None:
            return None
        return await people_now(self._engine, claim.organization, staffing_of(turn), self._clock())


def _at_once(assisted: AssistedTurn) -> Spoken | None:
    text = assisted.brief.at_once
    if text is None:
        return None
    log.warning("emergency_answered")
    ordered = hand_over_of(assisted.turn, HandOverReason.EMERGENCY, None, Urgency.URGENT)
    return Spoken(text, None, ordered, urgent=True)


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
