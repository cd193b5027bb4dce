"""Files of received messages that are still to be fetched. A row stays until its outcome is reported, in one commit."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.identity import Jid
from oxy_core.trace import TraceParent, child_of
from oxy_tenant import metrics
from oxy_tenant.content.media import MediaPointer, MediaType, is_path
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock, Reports

MOST_WAITING: Final = 2_000
"""Files that wait at most. A new one takes the place of the one that was tried most often, or cannot be had."""

PATIENCE: Final = timedelta(days=7)
"""How long a file is tried; WhatsApp keeps most of them for two weeks or longer."""

LONGEST_AHEAD: Final = timedelta(minutes=10)
"""Twice the longest pause between two attempts. What is due later was noted by a clock that was put back since."""

MOST_CRASHES: Final = 3
"""How often a file may be in hand when the process dies, before it is held to be the cause."""

_KEY_BYTES: Final = 32
"""Size of media keys and hashes. Source: whatsmeow download.go."""

_LARGEST_INTEGER: Final = (1 << 63) - 1
"""SQLite's; a claimed size may be larger."""

_POINTER: Final = "type, direct_path, media_key, file_sha256, encrypted_sha256, size"


@dataclass(frozen=True, slots=True)
class OpenTransfer:
    """A file to fetch."""

    media_id: UUID
    pointer: MediaPointer
    trace: TraceParent
    attempts: int
    """That failed for now."""
    waited: timedelta
    """Since its message was journalled."""


def media_id_of(epoch: UUID, chat: Jid, *, from_me: bool, whatsapp_id: str) -> UUID:
    """Return the media id of the file of a message: the same whenever one journal reports it."""
    return uuid5(epoch, f"{chat} {int(from_me)} {whatsapp_id}")


def is_readable(pointer: MediaPointer) -> bool:
    """Whether a pointer can lead anywhere. Whoever sent it chose all of it."""
    keys = (pointer.media_key, pointer.file_sha256, pointer.encrypted_sha256)
    return is_path(pointer.direct_path) and all(len(key) == _KEY_BYTES for key in keys)


class FileTransfers:
    """The files that one instance is to fetch. Methods with a `database` are part of a caller's transaction."""

    def __init__(self, journal: JournalDatabase, reports: Reports, clock: Clock) -> None:
        self._journal = journal
        self._reports = reports
        self._clock = clock
        self._on_added: Callable[[], object] = _tell_nobody

    def follow(self, on_added: Callable[[], object]) -> None:
        """Have `on_added` called whenever a file was added and is on disk, in the thread that did."""
        self._on_added = on_added

    def add(
        self, database: sqlite3.Connection, media_id: UUID, pointer: MediaPointer | None, trace: TraceParent
    ) -> None:
        """Have a file fetched that the report of its message, which was just appended, announces.

        `pointer` is None if the message does not say where the file is.
        """
        if pointer is None or not is_readable(pointer):
            self._report(database, FileFailed(media_id=media_id, reason=FileFailure.UNREADABLE), trace)
        elif not self._has_room(database):
            self._report(database, FileFailed(media_id=media_id, reason=FileFailure.UNAVAILABLE), trace)
        else:
            now = self._clock().timestamp()
            row = (str(media_id), *_values(pointer), trace, now, now)
            query = (
                f"INSERT OR IGNORE INTO transfers (media_id, {_POINTER}, trace, added_at, retry_at) "  # noqa: S608 a constant
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            )
            database.execute(query, row)
            self._journal.after_commit(self._on_added)

    def forget_pauses(self) -> None:
        """Try at once what a process before this one postponed: its clock may have been ahead."""
        now = self._clock().timestamp()
        if self._journal.read("SELECT count(*) FROM transfers WHERE retry_at > ?", now)[0][0]:
            # Without room for this they wait, for `LONGEST_AHEAD` at most.
            with suppress(JournalError), self._journal.transaction(durable=False) as database:
                database.execute("UPDATE transfers SET retry_at = ? WHERE retry_at > ?", (now, now))

    def _has_room(self, database: sqlite3.Connection) -> bool:
        """Make room for a file if there is none; False: no file that waits was ever tried.

        Otherwise a stranger with files that nobody can fetch would keep those of all others away for a week.
        """
        if database.execute("SELECT count(*) FROM transfers").fetchone()[0] < MOST_WAITING:
            return True
        query = (
            "DELETE FROM transfers WHERE number = (SELECT number FROM transfers WHERE attempts > 0 AND begun = 0 "
            "ORDER BY attempts DESC, number LIMIT 1) RETURNING media_id, trace"
        )
        tried = database.execute(query).fetchone()
        if tried is None:
            return False
        media_id, trace = tried
        self._report(database, FileFailed(media_id=UUID(media_id), reason=FileFailure.UNAVAILABLE), child_of(trace))
        return True

    def waiting(self) -> float:
        """Return how many files wait."""
        return float(self._journal.read("SELECT count(*) FROM transfers")[0][0])

    def due(self) -> OpenTransfer | None:
        """Return the file to fetch now; None: there is none, or none yet.

        Those that were never tried come first: however many fail again and again, they delay none of them.
        """
        now = self._clock().timestamp()
        query = (
            f"SELECT media_id, {_POINTER}, trace, attempts, added_at FROM transfers "  # noqa: S608 a constant
            "WHERE retry_at <= ? OR retry_at > ? ORDER BY attempts > 0, retry_at, number LIMIT 1"
        )
        rows = self._journal.read(query, now, now + LONGEST_AHEAD.total_seconds())
        return _transfer(rows[0], now) if rows else None

    def seconds_until_due(self) -> float | None:
        """Return for how long no file that waits is due; None: for as long as none is added."""
        earliest = self._journal.read("SELECT min(retry_at) FROM transfers")[0][0]
        return None if earliest is None else max(0.0, earliest - self._clock().timestamp())

    def begin(self, transfer: OpenTransfer) -> bool:
        """Note that a file is in hand; False: it was, each time that the process died, or is not wanted any more."""
        with self._journal.transaction() as database:
            query = "UPDATE transfers SET begun = begun + 1 WHERE media_id = ? RETURNING begun"
            row = database.execute(query, (str(transfer.media_id),)).fetchone()
            return row is not None and row[0] <= MOST_CRASHES

    def leave(self, transfer: OpenTransfer) -> None:
        """Note that a file is not in hand any more, because the process is about to end."""
        with self._journal.transaction(durable=False) as database:
            database.execute("UPDATE transfers SET begun = 0 WHERE media_id = ?", (str(transfer.media_id),))

    def postpone(self, transfer: OpenTransfer, pause: timedelta) -> None:
        """Fetch a file again after a pause: this attempt failed."""
        with self._journal.transaction(durable=False) as database:
            values = ((self._clock() + pause).timestamp(), str(transfer.media_id))
            query = "UPDATE transfers SET begun = 0, attempts = attempts + 1, retry_at = ? WHERE media_id = ?"
            database.execute(query, values)

    def finish(self, transfer: OpenTransfer, outcome: FileArrived | FileFailed) -> None:
        """Report what became of a file, and forget it."""
        with self._journal.transaction() as database:
            database.execute("DELETE FROM transfers WHERE media_id = ?", (str(transfer.media_id),))
            self._report(database, outcome, child_of(transfer.trace))

    def _report(self, database: sqlite3.Connection, outcome: FileArrived | FileFailed, trace: TraceParent) -> None:
        name = "arrived" if isinstance(outcome, FileArrived) else outcome.reason.value
        metrics.FILES.labels(name).inc()
        self._reports.append(database, outcome, trace)


def _tell_nobody() -> None:
    pass


def _values(pointer: MediaPointer) -> tuple[object, ...]:
    hashes = (pointer.file_sha256, pointer.encrypted_sha256)
    return (pointer.type.value, pointer.direct_path, pointer.media_key, *hashes, min(pointer.size, _LARGEST_INTEGER))


def _transfer(row: tuple[Any, ...], now: float) -> OpenTransfer:
    media_id, kind, *place, trace, attempts, added_at = row
    waited = timedelta(seconds=max(now - added_at, 0))
    return OpenTransfer(UUID(media_id), MediaPointer(MediaType(kind), *place), trace, attempts, waited)
