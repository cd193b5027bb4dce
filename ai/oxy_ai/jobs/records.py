"""Jobs as values, as the SQL functions in `oxy_ai/jobs/schema/` take and return them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, Field, SerializeAsAny

from oxy_ai.records import Record
from oxy_core.envelopes import InstanceSettings, Lane

JobLane: TypeAlias = Literal[Lane.AUTOMATION, Lane.CAMPAIGN]


class NewJob(Record):
    """A job to queue."""

    kind: str = Field(min_length=1)
    """`JobKind.name`."""
    key: str = Field(min_length=1)
    """Tells the occurrence from others of its kind: however often it is queued, it is done once."""
    lane: JobLane = Lane.AUTOMATION
    payload: SerializeAsAny[BaseModel]
    """Of the class `JobKind.payload`; ids rather than what they lead to, which may have changed by then."""
    due_at: AwareDatetime | None = None
    """None: now."""
    contact: int | None = None
    """Whom it concerns: it follows when the contact is merged into another."""
    trace: str | None = None
    """Of what has led to it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a worker does."""

    organization: UUID
    instance: UUID
    id: int
    kind: str
    key: str
    lane: JobLane
    contact: int | None
    payload: str
    """JSON."""
    planned_at: datetime
    """When it was to be done."""
    attempt: int
    """From 1."""
    fence: int
    timezone: ZoneInfo
    settings: InstanceSettings
    """The instance's, as they are in force."""
    trace: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """The job has been done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """It is not time yet: the job is looked at again. This costs no attempt. One of the two times is given."""

    why: str
    until: datetime | None = None
    """A time of day: the job takes its place there."""
    after: timedelta | None = None
    """A pause; the job keeps its place."""

    def __post_init__(self) -> None:
        if (self.until is None) == (self.after is None):
            message = "a job waits until a time, or for a span of it"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """There is nothing to do any more."""

    why: str


JobEnd: TypeAlias = Done | Later | Cancelled
"""What becomes of a job."""


class JobClaim(Record):
    """A worker's right to do a job, for as long as its lease is renewed."""

    organization: UUID
    job: int
    fence: int
    claims: int
    """How often it was claimed in a row without an end."""


class JobRow(Record):
    """A claimed job as it is stored; `payload` and `settings` are JSON that may be of another version."""

    instance: UUID
    kind: str
    key: str
    lane: JobLane
    contact: int | None
    payload: str
    planned_at: AwareDatetime
    late_seconds: float
    """Since then, by PostgreSQL's clock."""
    attempts: int
    """That have failed."""
    waits: int
    """In a row, for something that was out."""
    trace: str | None
    settings: str
    away: bool
    """Whether its instance is suspended or deleted."""


class ClaimedJob(Record):
    """A claimed job."""

    claim: JobClaim
    job: JobRow | None
    """None: it is gone."""


class JobClaims(Record):
    """The result of `claim_jobs`."""

    claimed: tuple[ClaimedJob, ...]
    wait: float | None
    """Seconds until the next job may be due, 0 or less while one waits for its turn; None: none is due ever."""


ALONE_SECONDS: Final = 1.0
"""How long a job that waits is left alone at least: what it waits for may seem to have come, and not have."""


class JobEnding(Record):
    """How a claim ends, for the SQL function `end_job`."""

    state: Literal["waiting", "done", "cancelled"]
    why: str | None = None
    until: datetime | None = None
    after_seconds: float = ALONE_SECONDS
    """Of a job that waits: until it is looked at again, if `until` is not later."""
    out: bool = False
    """Whether it waits for something that is out: pauses grow with each such wait."""

    @classmethod
    def of(cls, end: JobEnd) -> "JobEnding":
        """Return what the database makes of the end of a job."""
        match end:
            case Done():
                return cls(state="done")
            case Cancelled(why):
                return cls(state="cancelled", why=why)
            case Later(why=why, until=until, after=after):
                seconds = ALONE_SECONDS if after is None else max(after.total_seconds(), ALONE_SECONDS)
                return cls(state="waiting", why=why, until=until, after_seconds=seconds)


class FailedAttempt(NamedTuple):
    """What `fail_job` has counted."""

    failed: int
    dead: bool
