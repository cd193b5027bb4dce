"""Backups of sessions as the bus keeps them: which are kept, which is restored, which may not be touched. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from uuid import UUID

from oxy_core.session_backups import MAX_CHUNKS, PART_BYTES, BackupManifest

UNFINISHED_AFTER: Final = timedelta(hours=1)
"""After this time without another chunk, a backup was interrupted: its pod begins another."""

MOST_UNFINISHED: Final = 32
"""A pod makes one backup at a time; even one that is killed in each does not begin so many within an hour."""

NEARLY_FULL: Final = 0.8
"""Of the limits of the stream: beyond it, people are told, and each instance keeps to its share."""

SHARE: Final = 0.25
"""Of the stream's size, for one instance, while it is nearly full."""

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A backup on the bus, which its pod has restored in a test."""

    manifest: BackupManifest
    stored_at: datetime
    """By the clock of the bus: the pods' own may be wrong."""
    place: int
    """In the stream: the later one of two has the higher one."""
    account: str = ""
    """Public key of the account that published it."""


@dataclass(frozen=True, slots=True)
class HeldBackup:
    """What the bus has of a backup."""

    id: str
    """As its pod writes it, which may be anything."""
    chunks: int
    """With its manifest."""
    finished: bool
    """Whether it has a manifest."""
    since: datetime | None = None
    """When that, or the last chunk of an unfinished one, came; None: not known."""

    def dated(self, since: datetime | None) -> Self:
        """Return it with the time."""
        return replace(self, since=since)


@dataclass(frozen=True, slots=True)
class StreamUse:
    """How full a stream is, and its limits; 0 or less: it has none."""

    size: int
    """Bytes."""
    messages: int
    last: int
    """Place of the newest message."""
    max_size: int
    max_messages: int

    @property
    def fullness(self) -> float:
        """How much of its limits is used, 0 to 1."""
        limits = ((self.size, self.max_size), (self.messages, self.max_messages))
        return max((used / limit for used, limit in limits if limit > 0), default=0.0)

    @property
    def is_nearly_full(self) -> bool:
        """Whether it will soon refuse."""
        return self.fullness >= NEARLY_FULL

    @property
    def share(self) -> int:
        """Most chunks that one instance may have in it while it is nearly full."""
        return max(int(self.max_size * SHARE) // PART_BYTES, 1)


def unlinked_after(backups: Iterable[StoredBackup]) -> frozenset[UUID]:
    """Return which of one instance's backups are of a device that was to be unlinked on the phone after the last one.

    A session that is given up with its instance is backed up a last time, then its device is unlinked, if that can be
    done: that is the end of all backups of the device. A later one of it proves that the phone has kept it. Of a device
    that a person removes on the phone, no backup tells.
    """
    last: dict[tuple[str, datetime | None], StoredBackup] = {}
    ordered = sorted(backups, key=lambda backup: backup.place)
    # A number that a device had may be another's later, which was linked at another time.
    last.update({(backup.manifest.device, backup.manifest.linked_at): backup for backup in ordered})
    gone = {link for link, backup in last.items() if _was_last(backup.manifest)}
    return frozenset(
        backup.manifest.id for backup in ordered if (backup.manifest.device, backup.manifest.linked_at) in gone
    )


def of_earlier_devices(backups: Iterable[StoredBackup], linked_at: datetime | None) -> frozenset[UUID]:
    """Return which of one instance's backups are of devices that were linked before the present one.

    `linked_at` is when its phone linked that; None: nobody knows. Pods tell both times, by their clock.
    """
    return frozenset(
        backup.manifest.id for backup in backups if linked_at and _linked(backup.manifest) < _in_seconds(linked_at)
    )


def of_other_devices(backups: Sequence[StoredBackup], linked_at: datetime | None) -> frozenset[UUID]:
    """Return likewise those of any other device: a backup of an earlier one may have been restored since."""
    later = (
        backup.manifest.id
        for backup in backups
        if linked_at and backup.manifest.linked_at and _linked(backup.manifest) > _in_seconds(linked_at)
    )
    return of_earlier_devices(backups, linked_at).union(later)


def _linked(manifest: BackupManifest) -> datetime:
    """Return when a backup's device was linked; of one that an older pod made, when it was there."""
    return _in_seconds(manifest.linked_at or manifest.made_at)


def _in_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)  # as in the status


def _was_last(manifest: BackupManifest) -> bool:
    """Whether a backup was made because its session was given up.

    Pods that did not say so repeated the instance's uid as the request; those of `oxy sessions backup` are no uids.
    """
    if manifest.leaving is not None:
        return manifest.leaving
    try:
        return manifest.request is not None and str(UUID(manifest.request)) == manifest.request
    except ValueError:
        return False


def surplus(backups: Iterable[StoredBackup], keep: int, wanted: Collection[UUID]) -> tuple[UUID, ...]:
    """Return the backups beyond the newest `keep`; those that are `wanted` stay, and count."""
    newest = sorted(backups, key=lambda backup: backup.place, reverse=True)
    return tuple(backup.manifest.id for backup in newest[keep:] if backup.manifest.id not in wanted)


def is_flood(held: Sequence[HeldBackup]) -> bool:
    """Whether what one instance has not finished are no backups, however new they are: too many, or too many chunks."""
    unfinished = [backup.chunks for backup in held if not backup.finished]
    return len(unfinished) > MOST_UNFINISHED or sum(unfinished) > MAX_CHUNKS


def abandoned(held: Sequence[HeldBackup], now: datetime) -> tuple[str, ...]:
    """Return which of one instance's backups will never be finished; all that are unfinished, if that is a flood."""
    unfinished = [backup for backup in held if not backup.finished]
    if is_flood(held):
        return tuple(backup.id for backup in unfinished)
    return tuple(backup.id for backup in unfinished if backup.since and now - backup.since > UNFINISHED_AFTER)


def excess(held: Sequence[HeldBackup], share: int, wanted: Collection[str] = ()) -> tuple[str, ...]:
    """Return which of one instance's backups are beyond its share of a stream that is nearly full.

    What is not finished goes first, then the oldest; what is newest stays unless it is larger than the share itself.
    Those that are `wanted`, by their ids, stay in any case, and do not count.
    """
    gone = [backup.id for backup in held if not backup.finished]
    finished = [backup for backup in held if backup.finished and backup.id not in wanted]
    left = sum(backup.chunks for backup in finished)
    for backup in sorted(finished, key=lambda item: item.since or _LONG_AGO):
        if left <= share:
            break
        gone.append(backup.id)
        left -= backup.chunks
    return tuple(gone)
