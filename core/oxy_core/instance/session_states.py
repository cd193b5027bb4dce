"""What a pod says in its live state of backing up, restoring and leaving its session."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import AwareDatetime, Field

from oxy_core.models import StrictModel

MAX_NONCE: Final = 253
"""Longest nonce of a request by annotation, in characters; a longer one is cut."""

MAX_DETAIL: Final = 300
"""Longest explanation, in characters."""

Nonce = Annotated[str, Field(max_length=MAX_NONCE)]
"""Tells one request of a person from the others."""

CauseName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,63}$")]
"""A reason in CamelCase, as conditions have it."""

Detail = Annotated[str, Field(max_length=MAX_DETAIL)]
"""What happened and what to do, for people; without credentials, numbers and texts."""


def shortened(text: str, limit: int = MAX_DETAIL) -> str:
    """Return a text on one line, cut between two words if it is longer than `limit`."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return f"{line[:limit].rpartition(' ')[0] or line[: limit - 1]}…"


def with_advice(error: str, advice: str) -> str:
    """Return an error and what to do about it as a `Detail`; if both are too long, it is the error that is cut."""
    sentence = shortened(f"{error.rstrip('.')}.", MAX_DETAIL - len(advice) - 1)
    return f"{sentence} {advice}"


class BackupOutcome(StrEnum):
    """What became of the last backup."""

    DONE = "done"
    """It is on the bus, was restored in a test, and counts."""
    REFUSED = "refused"
    """There is nothing to back up: no phone is linked, or the session is missing or damaged. Only a person can help."""
    FAILED = "failed"
    """It will be tried again."""
    RUNNING = "running"


class BackupState(StrictModel):
    """The last backup of a session, or the attempt at it."""

    outcome: BackupOutcome
    at: AwareDatetime
    """When that became so."""
    request: Nonce | None = None
    """Which request it answers; None: it was due."""
    reason: CauseName | None = None
    detail: Detail = ""
    last_id: UUID | None = None
    """The last backup that counts."""
    last_at: AwareDatetime | None = None
    """When that was made."""


class RestoreOutcome(StrEnum):
    """What became of a wish to restore a backup."""

    WAITING = "waiting"
    """It cannot be had now, and is tried again; the pod does not connect meanwhile."""
    RESTORED = "restored"
    REFUSED = "refused"
    """The session on the volume is newer, or the backup cannot be used. The pod goes on with what it has."""


class RestoreState(StrictModel):
    """What became of a wish to restore a backup; each wish is carried out once."""

    wish: str
    outcome: RestoreOutcome
    at: AwareDatetime
    reason: CauseName | None = None
    detail: Detail = ""


class LeaveStep(StrEnum):
    """How far a pod is that gives its session up, because its instance is deleted."""

    BACKING_UP = "backing_up"
    UNLINKING = "unlinking"
    LEFT = "left"
    """The device is removed from the phone, or there was none."""
    FAILED = "failed"
    """The device could not be removed; it is tried again."""


class LeaveState(StrictModel):
    """How far a pod is that gives its session up."""

    wish: str
    step: LeaveStep
    at: AwareDatetime
    backup: UUID | None = None
    """The backup that was made first."""
    reason: CauseName | None = None
    detail: Detail = ""
