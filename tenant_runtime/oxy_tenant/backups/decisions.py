"""When a backup is due, and whether one may be restored. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from oxy_core.identity import number_digest
from oxy_core.instance.terminal_causes import INSTANCE
from oxy_core.session_backups import BackupPlan, RestoreWish, next_backup_at
from oxy_tenant.session_metadata import SessionMetadata

LOOK_SECONDS: Final = 2.0
"""How often it is looked whether a backup is due."""

FIRST_RETRY_SECONDS: Final = 60.0
LONGEST_RETRY_SECONDS: Final = 3600.0

FULL_RETRY_SECONDS: Final = 900.0
"""Longest pause while the bus has no room, which others may make at any moment: the cost of an attempt is a copy of the
session, and its first chunks."""

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


def due(plan: BackupPlan, known: SessionMetadata, now: datetime) -> bool:
    """Whether a backup is to be made now: a person has asked for one, or it is time."""
    if plan.request is not None and plan.request != known.answered_request:
        return True
    if known.device_digest is None:
        return False
    last = known.last_backup
    # One of another device is none, and so is one that a clock that was ahead has made. Such a clock's word on when the
    # phone was linked counts as little.
    counts = last is not None and last.device == known.device_digest and last.made_at <= now
    made_at = last.made_at if last is not None and counts else None
    linked_at = known.linked_at if known.linked_at is not None and known.linked_at <= now else _LONG_AGO
    next_at = next_backup_at(plan, last_at=made_at, linked_at=linked_at)
    return next_at is not None and next_at <= now


def retry_pause(failed: int, *, full: bool = False, room_is_back: bool = False) -> float:
    """Return the seconds to wait after so many failed attempts in a row.

    `full`: the bus had no room for the last one; `room_is_back`: the volume had none, and has some now.
    """
    if room_is_back:
        return FIRST_RETRY_SECONDS
    longest = FULL_RETRY_SECONDS if full else LONGEST_RETRY_SECONDS
    return float(min(longest, FIRST_RETRY_SECONDS * 2 ** min(max(failed - 1, 0), 10)))


class RefusedRestore(StrEnum):
    """Why a backup is not restored; each is a reason for conditions."""

    OTHER_NUMBER = "BackupOfAnotherNumber"
    SESSION_NEWER = "SessionNewer"
    METADATA_LOST = "MetadataUnreadable"

    def explain(self, instance: str) -> str:
        """Return what happened to `instance`, which is as commands take it, and what to do."""
        return _DETAILS[self].replace(INSTANCE, instance)


_DETAILS: Final[Mapping[RefusedRestore, str]] = {
    RefusedRestore.OTHER_NUMBER: "The backup is of another phone number than this instance has. Name one of its number",
    RefusedRestore.SESSION_NEWER: "The session on the volume is linked, and newer than the backup. To replace it all "
    f"the same, force it: oxy sessions restore {INSTANCE} --force, or spec.session.restoreFrom.force",
    RefusedRestore.METADATA_LOST: "metadata.json on the volume cannot be read, so nobody can tell whether this backup "
    "was restored before, and the session is linked. Remove that file and ask again",
}


def refused_restore(  # noqa: PLR0913 all that decides
    wish: RestoreWish, phone: str, *, linked: bool, last_change: datetime | None, metadata_lost: bool, now: datetime
) -> RefusedRestore | None:
    """Return why a backup must not be restored; None: it may.

    `linked` and `last_change` are of the session on the volume, which counts as newer if it was written after the
    backup was made, or by a clock that has been put back since. One that is not linked, or damaged, is worth nothing.
    """
    if wish.manifest.number != number_digest(phone):
        return RefusedRestore.OTHER_NUMBER
    if not linked:
        return None
    if metadata_lost:
        return RefusedRestore.METADATA_LOST
    made_at = wish.manifest.made_at
    newer = last_change is not None and (last_change > made_at or last_change <= now < made_at)
    return RefusedRestore.SESSION_NEWER if newer and not wish.force else None
