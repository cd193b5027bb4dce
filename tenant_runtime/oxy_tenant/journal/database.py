"""The journal's file: opening and checking it, transactions, and reads that do not wait for them.

A transaction is on disk (WAL, ``synchronous=FULL``) before anything is acknowledged. A few writes only save work after
a restart and are not flushed on their own: they survive a crash of the process, and reach the disk with the next
durable write.

All methods may be called from any thread. They block for one disk flush at most.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID, uuid4

from oxy_tenant import metrics
from oxy_tenant.errors import JournalError

APPLICATION_ID: Final = 0x4F78_794A
"""SQLite application id of a journal: "OxyJ"."""

SCHEMA_VERSION: Final = 2


class JournalDatabase:
    """A connection for writes and one for reads; `on_durable` is called after each durable commit, in its thread."""

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection, on_durable: Callable[[], None]) -> None:
        """Use `open`: both connections must be to the same file, already checked."""
        self._writer = writer
        self._reader = reader
        self._on_durable = on_durable
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        epoch, self.secret = writer.execute("SELECT epoch, secret FROM identity").fetchone()
        self.epoch = UUID(epoch)
        """Identity of this file; an empty volume gets a new file and a new epoch."""

    @classmethod
    def open(cls, path: Path, *, organization: str, instance: str, on_durable: Callable[[], None]) -> Self:
        """Open or create the file; raises JournalError if it is damaged or belongs to something else."""
        try:
            writer = _connect(path)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = FULL")
            if writer.execute("PRAGMA schema_version").fetchone()[0] == 0:
                _create(writer, organization, instance)
            _check(writer, path, organization, instance)
            return cls(writer, _connect(path), on_durable)
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

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Run the enclosed writes as one transaction, flushed to disk at the end if `durable`; raises JournalError."""
        with self._writing:
            try:
                # In WAL mode FULL flushes the log at each commit, NORMAL only before a checkpoint.
                self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                with metrics.JOURNAL_SECONDS.time():
                    self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                # A failed COMMIT leaves the transaction open; after a failed write SQLite may have ended it already.
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
                message = f"the journal cannot be written: {error}; check the free space on the volume"
                raise JournalError(message) from error
        if durable:
            self._on_durable()

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Query on a separate connection: it sees committed data and never waits for a write."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _create(database: sqlite3.Connection, organization: str, instance: str) -> None:
    schema = files("oxy_tenant.journal").joinpath("schema.sql").read_text()
    database.executescript(
        f"BEGIN EXCLUSIVE; {schema} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
    )
    database.execute(
        "INSERT INTO identity (epoch, organization, instance, secret) VALUES (?, ?, ?, ?)",
        (str(uuid4()), organization, instance, secrets.token_bytes(32)),
    )
    database.execute("COMMIT")


def _check(database: sqlite3.Connection, path: Path, organization: str, instance: str) -> None:
    """Raise JournalError if this is not an intact journal of the instance."""
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        message = f"{path} is not a journal of version {SCHEMA_VERSION}; move it away, or run the version that wrote it"
        raise JournalError(message)
    findings = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if findings != "ok":
        message = f"the journal {path} is damaged ({findings}); restore the volume, or move the file away"
        raise JournalError(message)
    owner = database.execute("SELECT organization, instance FROM identity").fetchone()
    if owner != (organization, instance):
        message = f"the journal {path} belongs to {'/'.join(owner)}, not to {organization}/{instance}: check the volume"
        raise JournalError(message)
