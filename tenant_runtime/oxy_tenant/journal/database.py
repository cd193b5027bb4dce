"""The journal's file: opening and checking it, transactions, and reads that do not wait for them.

A transaction is on disk (WAL, ``synchronous=FULL``) before anything is acknowledged. A few writes only save work after
a restart and are not flushed on their own: they survive a crash of the process, and reach the disk with the next
durable write.

All methods may be called from any thread. They block for one disk flush at most.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

import structlog

from oxy_tenant import metrics
from oxy_tenant.errors import JournalError, JournalFullError
from oxy_tenant.journal import epochs

_CACHE_KIB: Final = 256
"""Of each connection, instead of SQLite's 2,000: what is read again is in the system's cache too, once for all."""

APPLICATION_ID: Final = 0x4F78_794A
"""SQLite application id of a journal: "OxyJ"."""

FORMAT: Final = 3
"""Raised by a change that the previous version of this code could not work with; such a journal is refused."""

ADDITIONS: Final[Sequence[str]] = (
    # How often the report was put back to be published again (`Reports.publish_all_again`).
    "ALTER TABLE reports ADD COLUMN again INTEGER NOT NULL DEFAULT 0",
    # Of the request (SendRequest.based_on); -1: older code accepted it, so nobody knows.
    "ALTER TABLE sends ADD COLUMN based_on INTEGER DEFAULT -1",
    "ALTER TABLE sends ADD COLUMN based_on_epoch TEXT",
    # Files of received messages that are to be fetched (`transfers`).
    """
    CREATE TABLE transfers (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      media_id TEXT NOT NULL UNIQUE,
      type TEXT NOT NULL,
      direct_path TEXT NOT NULL,
      media_key BLOB NOT NULL,
      file_sha256 BLOB NOT NULL,
      encrypted_sha256 BLOB NOT NULL,
      size INTEGER NOT NULL,             -- claimed by whoever sent it
      trace TEXT NOT NULL,
      added_at REAL NOT NULL,
      retry_at REAL NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      begun INTEGER NOT NULL DEFAULT 0   -- in a row, without an end: the process died
    );
    CREATE INDEX transfers_due ON transfers (retry_at, number)
    """,
    # The message that announces the request's file, once that is uploaded; without its secret.
    "ALTER TABLE sends ADD COLUMN prepared BLOB",
    # Whether phones show it as a message of its own: a reaction or an edit changes another one.
    "ALTER TABLE sends ADD COLUMN shown INTEGER NOT NULL DEFAULT 1",
    # When WhatsApp was asked about phone numbers that it has an account for (`numbers`).
    "CREATE TABLE numbers (phone TEXT PRIMARY KEY, resolved_at REAL NOT NULL) WITHOUT ROWID",
    # Polls and events, with the secrets that open the answers to them (`answerables`).
    """
    CREATE TABLE answerables (
      chat TEXT NOT NULL,
      whatsapp_id TEXT NOT NULL,
      secret BLOB NOT NULL,
      options TEXT NOT NULL,             -- of a poll, as JSON
      kept_at REAL NOT NULL,
      PRIMARY KEY (chat, whatsapp_id)
    ) WITHOUT ROWID;
    CREATE INDEX answerables_by_age ON answerables (kept_at)
    """,
    # Hashes of what the business answered faster than a person can (`activity`).
    """
    CREATE TABLE quick_answers (
      digest BLOB NOT NULL,
      chat TEXT NOT NULL,
      said_at REAL NOT NULL,
      PRIMARY KEY (digest, chat)
    ) WITHOUT ROWID
    """,
    # What receipts said of a message, as a rank (`receipts`).
    "ALTER TABLE sends ADD COLUMN receipt INTEGER NOT NULL DEFAULT 0",
    # When a chat was last used, by WhatsApp's clock (`activity`).
    "ALTER TABLE chats ADD COLUMN contact_at REAL NOT NULL DEFAULT 0",
    "ALTER TABLE chats ADD COLUMN active_before REAL NOT NULL DEFAULT 0",
    "ALTER TABLE chats ADD COLUMN own_at REAL NOT NULL DEFAULT 0",
    # Which device receives the messages, and since when (`linked_device`).
    "ALTER TABLE identity ADD COLUMN linked_device TEXT",
    "ALTER TABLE identity ADD COLUMN linked_at REAL",
    # People who are to be forgotten (`erasures`).
    """
    CREATE TABLE erasures (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      request_id TEXT NOT NULL UNIQUE,
      request BLOB,                      -- the envelope; NULL once it is carried out
      accepted_at REAL NOT NULL,
      before REAL NOT NULL,              -- what was written earlier is forgotten
      ended_at REAL,
      left_behind TEXT NOT NULL DEFAULT '[]'  -- files that may still tell of the person, as JSON
    )
    """,
    # Whether what is accepted is held back, as JSON (`freezes`).
    "ALTER TABLE identity ADD COLUMN freeze TEXT",
    # Whether linked phones have proved themselves (`pairing_proofs`).
    """
    CREATE TABLE pairing_proofs (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      request_id TEXT NOT NULL UNIQUE,
      state TEXT NOT NULL,               -- a PairingProof
      begun INTEGER NOT NULL             -- whether the device has connected
    )
    """,
    # Which restore of a session it goes with (`epochs`).
    "ALTER TABLE identity ADD COLUMN restored TEXT",
    # What was told of the instance, and since when (`instance_events`): Unix times, or days.
    "CREATE TABLE event_marks (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
    # Whether it is no poll or event: only an edit, which comes soon, needs its secret.
    "ALTER TABLE answerables ADD COLUMN brief INTEGER NOT NULL DEFAULT 0",
)
"""Statements that add to the schema since `FORMAT` began, oldest first. They are run on older journals, and older code
works with a journal that has them: a new column has a default, and rows are inserted by naming their columns."""

_ADDITIONS_LIMIT: Final = 1_000
"""``PRAGMA user_version`` is the format times this plus the number of additions."""

log = structlog.get_logger()


class JournalDatabase:
    """A connection for writes and one for reads."""

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        """Use `open`: both connections must be to the same file, already checked."""
        self._writer = writer
        self._reader = reader
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        self._flushing = True
        """Whether each commit flushes the log."""
        self._after_commit: list[Callable[[], object]] = []
        """What the transaction that runs leads to."""
        epoch, started_at, self.secret = writer.execute("SELECT epoch, started_at, secret FROM identity").fetchone()
        self.epoch = UUID(epoch)
        """Identity of the current journal (`epochs`)."""
        self.started_at = datetime.fromtimestamp(started_at, UTC)
        """When it began."""

    @classmethod
    def open(  # noqa: PLR0913 whose journal it is, each by name
        cls,
        path: Path,
        *,
        organization: str,
        instance: str,
        volume: str | None,
        restored: epochs.Restored | None = None,
        now: datetime,
    ) -> Self:
        """Open or create the file; raises JournalError if it is damaged or belongs to something else."""
        try:
            writer = _connect(path)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = FULL")
            writer.execute("PRAGMA secure_delete = ON")  # what is deleted is gone, not only free to be overwritten
            if writer.execute("PRAGMA schema_version").fetchone()[0] == 0:
                _create(writer, organization, instance, now)
            _check(writer, path, organization, instance)
            upgrade(writer)
            _follow(writer, volume, restored, now)
            return cls(writer, _connect(path))
        except sqlite3.Error as error:
            message = (
                f"the journal {path} cannot be used: {error}. Nothing was changed. "
                "Restore the volume, or move the file away to start an empty journal."
            )
            raise JournalError(message) from error

    def close(self) -> None:
        """Close the file; it cannot be used afterwards."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def after_commit(self, call: Callable[[], object]) -> None:
        """Have something called, once and in this thread, when the transaction that runs is committed."""
        if call not in self._after_commit:
            self._after_commit.append(call)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Run the enclosed writes as one transaction, flushed to disk at the end if `durable`.

        Raises JournalError; JournalFullError if only room was missing.
        """
        with self._writing:
            try:
                self._flush_commits(flushing=durable)
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                with metrics.JOURNAL_SECONDS.time():
                    self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                message = f"the journal cannot be written: {error}; check the volume and its free space"
                full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                raise (JournalFullError if full else JournalError)(message) from error
            except BaseException:
                self._roll_back()
                raise
            finally:
                calls, self._after_commit = self._after_commit, []
        for call in calls:
            call()

    def _roll_back(self) -> None:
        # A failed COMMIT leaves the transaction open; after a failed write SQLite may have ended it already.
        with suppress(sqlite3.Error):
            self._writer.execute("ROLLBACK")

    def rewrite(self) -> None:
        """Write the file anew without what was ever deleted, and empty the log; blocks, raises JournalError."""
        with self._writing:
            try:
                self._flush_commits(flushing=True)
                self._writer.execute("VACUUM")
                busy = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                message = f"the journal cannot be written anew: {error}; check the volume and its free space"
                raise JournalError(message) from error
        if busy:
            message = "the journal's log cannot be emptied while it is read"
            raise JournalError(message)

    def used_bytes(self) -> int:
        """Return how many bytes of the file are used."""
        query = (
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(self.read(query)[0][0])

    def _flush_commits(self, *, flushing: bool) -> None:
        # In WAL mode FULL flushes the log at each commit, NORMAL only before a checkpoint.
        if flushing != self._flushing:
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if flushing else 'NORMAL'}")
            self._flushing = flushing

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Query on a separate connection: it sees committed data and never waits for a write."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    def read_named(self, query: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Do as `read`, with values by name; those that the query does not name are ignored."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _create(database: sqlite3.Connection, organization: str, instance: str, now: datetime) -> None:
    schema = Path(__file__).with_name("schema.sql").read_text()
    database.executescript(
        f"BEGIN EXCLUSIVE; {schema} PRAGMA application_id = {APPLICATION_ID}; "
        f"PRAGMA user_version = {FORMAT * _ADDITIONS_LIMIT};"
    )
    epochs.begin_first(database, organization, instance, now)
    database.execute("COMMIT")


def upgrade(database: sqlite3.Connection, additions: Sequence[str] = ADDITIONS) -> None:
    """Run the additions that the journal does not have yet, each with its own step of the version."""
    present = database.execute("PRAGMA user_version").fetchone()[0] % _ADDITIONS_LIMIT
    for number, statement in enumerate(additions[present:], present + 1):
        version = FORMAT * _ADDITIONS_LIMIT + number
        database.executescript(f"BEGIN EXCLUSIVE; {statement}; PRAGMA user_version = {version}; COMMIT")


def _follow(database: sqlite3.Connection, volume: str | None, restored: epochs.Restored | None, now: datetime) -> None:
    database.execute("BEGIN EXCLUSIVE")
    moved = epochs.follow_volume(database, volume, now)
    replaced = epochs.follow_restore(database, restored, now)
    database.execute("COMMIT")
    if moved:
        log.warning("journal_begun_anew", reason="this is another volume than before: restored, or a copy")
    if replaced:
        log.warning("journal_begun_anew", reason="a backup of the session was restored")


def _check(database: sqlite3.Connection, path: Path, organization: str, instance: str) -> None:
    """Raise JournalError if this is not an intact journal of the instance."""
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if (application, version // _ADDITIONS_LIMIT) != (APPLICATION_ID, FORMAT):
        message = f"{path} is not a journal of format {FORMAT}; move it away, or run the version that wrote it"
        raise JournalError(message)
    findings = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if findings != "ok":
        message = f"the journal {path} is damaged ({findings}); restore the volume, or move the file away"
        raise JournalError(message)
    owner = database.execute("SELECT organization, instance FROM identity").fetchone()
    if owner != (organization, instance):
        message = f"the journal {path} belongs to {'/'.join(owner)}, not to {organization}/{instance}: check the volume"
        raise JournalError(message)
