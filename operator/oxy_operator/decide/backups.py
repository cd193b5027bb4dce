"""Backups of sessions as the bus keeps them: which are kept, which is restored, which may not be touched. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oxy_core.session_backups import MAX_CHUNKS, BackupManifest

UNFINISHED_AFTER: Final = timedelta(hours=1)
"""After this time without its manifest, a backup was interrupted: its pod begins another."""


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
class UnfinishedBackup:
    """Chunks without a manifest."""

    id: str
    """As its pod writes it, which may be anything."""
    chunks: int
    since: datetime


def surplus(backups: Iterable[StoredBackup], keep: int, wanted: Collection[UUID]) -> tuple[UUID, ...]:
    """Return the backups beyond the newest `keep`; those that are `wanted` stay, and count."""
    newest = sorted(backups, key=lambda backup: backup.place, reverse=True)
    return tuple(backup.manifest.id for backup in newest[keep:] if backup.manifest.id not in wanted)


def abandoned(unfinished: Sequence[UnfinishedBackup], now: datetime) -> tuple[str, ...]:
    """Return which of one instance's unfinished backups to delete.

    More chunks than a backup can have are no backup, however new they are: nobody fills the stream for the others.
    """
    if sum(backup.chunks for backup in unfinished) > MAX_CHUNKS:
        return tuple(backup.id for backup in unfinished)
    return tuple(backup.id for backup in unfinished if now - backup.since > UNFINISHED_AFTER)
