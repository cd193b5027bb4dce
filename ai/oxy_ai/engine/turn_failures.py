"""Failed attempts at a turn: counted and retried after a back-off; after the last one the turn is a dead letter."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.assistants.fixed_texts import APOLOGY, notice_to_owner
from oxy_ai.assistants.routing import role_for, role_of
from oxy_ai.assistants.vertical import Role
from oxy_ai.engine.outages import discreet
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.store import Engine
from oxy_ai.errors import TurnError, TurnUnreadableError
from oxy_ai.records import Answer, Claim, Contact, Failure, Owner, RelayTarget, Turn, UnreadableTurn
from oxy_core.identity import new_id
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
    contact: Contact
    owners: tuple[str, ...]


class FailureSettings(PollingSettings):
    """Attempts at a turn, the back-off between them, and the texts after the last."""

    attempts: int = Field(default=3, ge=1, description="Attempts before a turn becomes a dead letter.")
    retry_seconds: float = Field(
        default=2, gt=0, description="Back-off after the first failed attempt; doubles each time."
    )
    retry_max_seconds: float = Field(default=60, gt=0, description="Upper limit for a model endpoint's Retry-After.")
    apology_expires_seconds: float = Field(
        default=6 * 3600, gt=0, description="Age at which an unsent apology to a customer expires."
    )
    notice_expires_seconds: float = Field(
        default=24 * 3600, gt=0, description="Age at which an unsent notice to an owner expires."
    )


class TurnFailures:
    """Counts failed attempts; the last one makes the turn a dead letter."""

    def __init__(self, engine: Engine, settings: FailureSettings) -> None:
        self._engine = engine
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
        failure = self._failure(attempt, error)
        pause = timedelta(seconds=retry_pause(attempt.failed_before, error, self._settings))
        verdict = await self._engine.fail(claim, attempt.turn, failure, self._settings.attempts, pause)
        if verdict == "dead":
            metrics.TURNS.labels(state="dead", reason=type(error).__name__).inc()
            log.error("turn_died", reason=reason)
        return TurnOutcome(attempt.target if verdict == "dead" else None, more=True)

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
            role = role_for(found.contact.phone, found.owners, self_chat=found.self_chat)
            target = RelayTarget(claim.organization, found.instance)
            attempt = Attempt(target, found.turn, found.attempts, role, found.contact, found.owners)
            return await self.count(
                claim, attempt, TurnUnreadableError(why_unreadable(cause), self._settings.lease_seconds)
            )

    def _failure(self, attempt: Attempt, error: Exception) -> Failure:
        role, settings = attempt.role, self._settings
        apology = Answer(id=new_id(), part=1, text=APOLOGY, keep_seconds=settings.apology_expires_seconds)
        notice = notice_to_owner(attempt.contact, role, error)
        return Failure(
            reason=reason_of(error),
            role=role,
            apology=apology if role is Role.CUSTOMER else None,
            notice=Answer(id=new_id(), part=2, text=notice, keep_seconds=settings.notice_expires_seconds),
            owner=Owner.of(attempt.owners[0]) if attempt.owners else None,
        )


def attempt_at(claim: Claim, turn: Turn) -> Attempt:
    """Return the data of a turn that a failed attempt at it needs."""
    target = RelayTarget(claim.organization, turn.instance)
    return Attempt(target, turn.turn, turn.attempts, role_of(turn), turn.contact, turn.settings.owners)


def retry_pause(failed_before: int, error: Exception, settings: FailureSettings) -> float:
    """Return the seconds until the next attempt: a doubling back-off, or the endpoint's Retry-After if longer.

    Retry-After counts up to `retry_max_seconds` only: no endpoint may keep a customer waiting for longer.
    """
    own: float = settings.retry_seconds * 2**failed_before
    asked = error.retry_after_seconds if isinstance(error, TurnError) else 0.0
    return max(own, min(asked, settings.retry_max_seconds))


def why_unreadable(cause: Exception | UnreadableTurn) -> str:
    """Return why a turn could not be opened or read, and what to check."""
    if isinstance(cause, UnreadableTurn):
        return f"the turn's stored data cannot be read: check {', '.join(cause.wrong)[:200]}"
    return f"the turn cannot be opened ({type(cause).__name__}): check its instance's settings"


def reason_of(error: Exception) -> str:
    """Return the reason for a failure, without quoting what customers wrote."""
    return str(error) if isinstance(error, TurnError) else f"internal error ({type(error).__name__})"
