"""Failed attempts at a turn: counted and retried after a back-off; after the last one the turn is a dead letter.

An outage of the model's endpoint is no attempt: the turn waits until it is answered or too old.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.assistants.fixed_texts import apology, explanation_to_owner
from oxy_ai.assistants.people import newest_words, order_of_failure
from oxy_ai.assistants.roles import is_draft, role_for, role_of
from oxy_ai.assistants.routing import why_never_answered
from oxy_ai.assistants.vertical import Role
from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.engine.people_now import Staffing, people_now, staffing_of
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.store import Engine, WaitLimits
from oxy_ai.errors import (
    FenceLostError,
    ModelInvalidError,
    ModelOutageError,
    ModelRefusalError,
    ModelRejectedError,
    OutageCause,
    ProfileUnknownError,
    TurnAbandonedError,
    TurnError,
    TurnUnreadableError,
)
from oxy_ai.records import (
    Answer,
    Claim,
    Failure,
    HandOver,
    HandOverReason,
    ModelOutage,
    NoticeKind,
    RelayTarget,
    Turn,
    UnopenedTurn,
    UnreadableTurn,
)
from oxy_ai.timezones import Clock, now_utc
from oxy_core.identity import new_id
from oxy_core.instance.settings import QueueSettings, QueuesSettings
from oxy_core.trace import trace_bound

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """What the dispatcher has to do after a turn."""

    to_send: RelayTarget | None
    """The instance that has something to send now."""
    more: bool
    """Whether to poll the queue again at once, because more may be due."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The data of a turn that a failed attempt at it needs."""

    target: RelayTarget
    turn: int
    failed_before: int
    role: Role
    staffing: Staffing
    said: str | None
    """What the customer wrote last."""
    silent: bool
    """Whether the customer is told nothing, because the business does not want him to be answered."""
    queue: QueueSettings
    """How often it is tried."""


class FailureSettings(PollingSettings):
    """How long turns wait, and the texts after the last attempt; how often one is tried: ``spec.queues.message``."""

    retry_seconds: float = Field(
        default=2,
        gt=0,
        description="First pause in an outage of the model; doubles with each in a row.",
    )
    retry_max_seconds: float = Field(
        default=60,
        gt=0,
        description="Upper limit of such a pause, of an endpoint's Retry-After, and of the back-off after failed "
        "attempts, unless its first is longer.",
    )
    outage_patience_seconds: float = Field(
        default=600,
        gt=0,
        description="How long a turn waits for the model before its customer is promised that a person will answer.",
    )
    outage_quiet_seconds: float = Field(
        default=600,
        gt=0,
        description="How long no request must have failed for an outage to be over; longer than `retry_max_seconds`.",
    )
    apology_expires_seconds: float = Field(
        default=6 * 3600, gt=0, description="Age at which an unsent apology to a customer expires."
    )


class TurnFailures:
    """Counts failed attempts; the last one makes the turn a dead letter."""

    def __init__(self, engine: Engine, settings: FailureSettings, clock: Clock = now_utc) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings

    async def count(self, claim: Claim, attempt: Attempt, error: Exception) -> TurnOutcome:
        """Count a failed attempt; raises FenceLostError."""
        reason = reason_of(error)
        metrics.TURN_FAILURES.labels(error=type(error).__name__).inc()
        log.warning(
            "turn_attempt_failed",
            attempt=attempt.failed_before + 1,
            reason=reason,
            exc_info=None if isinstance(error, TurnError) else discreet(error),
        )
        failed = await self._engine.count_attempt(claim, attempt.turn, reason, attempt.role)
        if failed < attempt.queue.attempts and not isinstance(error, TurnAbandonedError):
            pause = retry_pause(attempt.failed_before, error, attempt.queue, self._settings.retry_max_seconds)
            await self._engine.retry_turn(claim, timedelta(seconds=pause))
            return TurnOutcome(None, more=True)
        await self._bury(claim, attempt, error)
        metrics.TURNS.labels(state="dead", reason=type(error).__name__).inc()
        log.error("turn_died", reason=reason)
        return TurnOutcome(attempt.target, more=True)

    async def _bury(self, claim: Claim, attempt: Attempt, error: Exception) -> None:
        failure = await self._failure(attempt, error)
        try:
            await self._engine.bury_turn(claim, attempt.turn, failure)
        except FenceLostError:
            raise
        except Exception as burial:
            if is_outage(burial):
                raise
            # An attempt without end would ask the model again and again.
            log.exception("turn_burial_failed", exc_info=discreet(burial))
            await self._engine.bury_plainly(claim, attempt.turn, failure)

    async def wait(self, claim: Claim, attempt: Attempt, error: ModelOutageError) -> TurnOutcome:
        """Keep the turn open until the model's endpoint is back; raises FenceLostError."""
        metrics.MODEL_OUTAGES.labels(cause=error.cause.value).inc()
        log.warning("turn_waits_for_model", reason=str(error), cause=error.cause.value)
        verdict = await self._engine.wait_for_model(
            claim, attempt.turn, await self._outage(attempt, error), wait_limits(error, self._settings)
        )
        return TurnOutcome(attempt.target if verdict == "promised" else None, more=True)

    async def count_unopened(self, claim: Claim, cause: Exception | UnreadableTurn) -> TurnOutcome:
        """Count an attempt at a turn that could not be opened or read; raises FenceLostError.

        The retry waits for the length of a lease: a worker of another version may be able to open the turn.
        """
        found = await self._engine.unopened_turn(claim)
        with (
            structlog.contextvars.bound_contextvars(
                organization=found.organization,
                instance=found.instance_name,
                conversation=claim.conversation,
                turn=found.turn,
            ),
            trace_bound(found.trace),
        ):
            log.warning("turn_unreadable", exc_info=discreet(cause) if isinstance(cause, Exception) else None)
            role = role_for(found.contact.phone, found.owners, self_chat=found.self_chat or found.owner)
            target = RelayTarget(claim.organization, found.instance)
            silent = _is_silent(found, role)
            queue = (found.queues or QueuesSettings()).message
            attempt = Attempt(target, found.turn, found.attempts, role, Staffing(found.owners), None, silent, queue)
            return await self.count(claim, attempt, self._why_unopened(cause))

    def _why_unopened(self, cause: Exception | UnreadableTurn) -> TurnError:
        if isinstance(cause, TurnAbandonedError):
            return cause
        return TurnUnreadableError(why_unreadable(cause), self._settings.lease_seconds)

    async def _failure(self, attempt: Attempt, error: Exception) -> Failure:
        kind = notice_of(error)
        if attempt.role is Role.AURORA:
            explanation = self._apology(explanation_to_owner(kind))
            return Failure(reason=reason_of(error), role=attempt.role, apology=explanation, notice=None)
        promise, ordered = await self._promise(attempt, HandOverReason.TURN_DIED)
        return Failure(reason=reason_of(error), role=attempt.role, apology=promise, notice=kind, hand_over=ordered)

    async def _outage(self, attempt: Attempt, error: ModelOutageError) -> ModelOutage:
        unauthorized = error.cause is OutageCause.UNAUTHORIZED
        promise, ordered = await self._promise(attempt, HandOverReason.MODEL_OUTAGE)
        return ModelOutage(
            reason=str(error),
            role=attempt.role,
            promise=promise,
            hand_over=ordered,
            notice=NoticeKind.MODEL_UNAUTHORIZED if unauthorized else NoticeKind.MODEL_OUTAGE,
        )

    async def _promise(self, attempt: Attempt, reason: HandOverReason) -> tuple[Answer, HandOver] | tuple[None, None]:
        """Return what a customer is told, and the order that goes with it; None: he is told nothing."""
        if attempt.role is not Role.CUSTOMER or attempt.silent:
            return None, None
        people = await people_now(self._engine, attempt.target.organization, attempt.staffing, self._clock())
        return self._apology(apology(people)), order_of_failure(reason, attempt.said, attempt.staffing.minutes)

    def _apology(self, text: str) -> Answer:
        return Answer(
            id=new_id(), part=1, text=text, introduction="", keep_seconds=self._settings.apology_expires_seconds
        )


def attempt_at(claim: Claim, turn: Turn) -> Attempt:
    """Return the data of a turn that a failed attempt at it needs."""
    target = RelayTarget(claim.organization, turn.instance)
    return Attempt(
        target,
        turn.turn,
        turn.attempts,
        role_of(turn),
        staffing_of(turn),
        newest_words(turn),
        is_draft(turn),
        turn.settings.queues.message,
    )


def _is_silent(found: UnopenedTurn, role: Role) -> bool:
    """Whether the contact of a turn that cannot be read is told nothing; so it is if nobody knows who is answered."""
    if role is not Role.CUSTOMER:
        return False
    ai, contact = found.ai, found.contact
    if ai is None or ai.paused or ai.mode == "Draft" or contact.opt_out == "all":
        return True
    return why_never_answered(ai, role, contact) is not None


def wait_limits(error: ModelOutageError, settings: FailureSettings) -> WaitLimits:
    """Return how long a turn waits for an endpoint that is out; its Retry-After counts up to `retry_max_seconds`."""
    return WaitLimits(
        asked=timedelta(seconds=min(error.retry_after_seconds, settings.retry_max_seconds)),
        shortest=timedelta(seconds=settings.retry_seconds),
        longest=timedelta(seconds=settings.retry_max_seconds),
        patience=timedelta(seconds=settings.outage_patience_seconds),
        quiet=timedelta(seconds=settings.outage_quiet_seconds),
    )


def retry_pause(failed_before: int, error: Exception, queue: QueueSettings, longest: float) -> float:
    """Return the seconds until the next attempt: a doubling back-off, or what the error asks for if that is longer."""
    own = max(queue.backoff_seconds, min(queue.backoff_seconds * 2.0**failed_before, longest))
    asked = error.retry_after_seconds if isinstance(error, TurnError) else 0.0
    return max(own, min(asked, longest))


def why_unreadable(cause: Exception | UnreadableTurn) -> str:
    """Return why a turn could not be opened or read, and what to check."""
    if isinstance(cause, UnreadableTurn):
        return f"the turn's stored data cannot be read: check {', '.join(cause.wrong)[:200]}"
    return f"the turn cannot be opened ({type(cause).__name__}): check its instance's settings"


def reason_of(error: Exception) -> str:
    """Return the reason for a failure, without quoting what customers wrote."""
    return str(error) if isinstance(error, TurnError) else f"internal error ({type(error).__name__})"


_NOTICES: Final[Mapping[type[Exception], NoticeKind]] = {
    ModelInvalidError: NoticeKind.TURN_INVALID,
    ModelRefusalError: NoticeKind.TURN_REFUSED,
    ModelRejectedError: NoticeKind.TURN_REJECTED,
    TurnUnreadableError: NoticeKind.TURN_UNREADABLE,
    ProfileUnknownError: NoticeKind.TURN_PROFILE,
    TurnAbandonedError: NoticeKind.TURN_ABANDONED,
    TurnError: NoticeKind.TURN_UNANSWERED,
}
"""What an owner is told of a turn that died of one of these errors."""


def notice_of(error: Exception) -> NoticeKind:
    """Return what the owner is told of a turn that died of this error."""
    return _NOTICES.get(type(error), NoticeKind.TURN_FAILED)
