"""The state folder: an SQLite database with one row for each thing that changes by itself.

What changed is collected between two messages and written by a thread, some times a second, in one
transaction and without waiting for the disk, so that traffic does not wait either. What must not be
lost (accounts, linked devices) is written at once, and a clean stop writes everything to the disk.
So `kill -9` loses at most the last second of mail, inboxes and accounting. Afterwards phones retire
their sessions, because a rolled-back sending chain would use counters twice.
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from oxy_simulator.errors import SetupError, SimulatorError
from oxy_simulator.network import State
from oxy_simulator.reasons import explaining
from oxy_simulator.rows import ChangedRows, Row, StoredRow, read_state

DATABASE_FILE: Final = "state.db"
SNAPSHOT_FILE: Final = "state.json"  # the whole state in one file, as versions before 0.2 kept it

_IMPORTED_SUFFIX: Final = ".imported"
_CLEAN_FILE: Final = "clean"
_LOCK_FILE: Final = "lock"
_PID_DIGITS: Final = 20
_LOOKS: Final = 100  # at the number of a process that has the folder and may not have written it yet
_LOOK_SECONDS: Final = 0.02
_MODE: Final = 0o600
_PAUSE_SECONDS: Final = 0.5  # what is written together costs less, and must be written within a second
_CACHE_KIB: Final = 16 << 10
_UNSAVED_REMEDY: Final = "free space there, or mend what the reason names"
_WAL_PAGES: Final = 4096  # of 4 KiB; busy pages are written back once for many changes
_SCHEMA: Final = """
create table if not exists rows (
    kind text not null, owner text not null, key text not null, body blob not null, primary key (kind, owner, key)
)
"""
_UPSERT: Final = "insert into rows values (?, ?, ?, ?) on conflict do update set body = excluded.body"
_DELETE: Final = "delete from rows where kind = ? and owner = ? and key = ?"
_DELETE_ALL: Final = "delete from rows where kind = ? and owner = ?"
# In the order of their addition: an update keeps a row's rowid.
_SELECT: Final = "select owner, key, body from rows where kind = ? order by rowid"

log = structlog.get_logger(__name__)


class StateStore:
    """Loads and saves the state of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clean = folder / _CLEAN_FILE
        self._lock: int | None = None
        self._database: sqlite3.Connection | None = None
        self._pending: deque[list[Row]] = deque()
        self._writing = threading.Lock()
        self._dirty = asyncio.Event()
        self._failure = ""
        self._state = State()
        self._changed = ChangedRows(self._state)

    def load(self) -> State:
        """Take the folder and read its state, or start empty.

        Raise SimulatorError if the folder cannot be used, another process uses it, or its state is damaged.
        """
        try:
            with explaining("the state folder", self._folder, "mend it, or name another with --state"):
                self._take_folder()
                self._load()
                if not self._clean.exists():
                    self._retire_sessions()
                self._clean.unlink(missing_ok=True)
        except BaseException:
            self._let_go()
            raise
        return self._state

    def mark_dirty(self) -> None:
        """Note that something changed."""
        self._dirty.set()

    def save(self) -> None:
        """Write what changed now, without waiting for the disk; what cannot be written is tried again."""
        self._dirty.clear()
        if self._failure:
            self._try_to_write()  # what is older comes first
        if not self._failure:
            self._pending.append(self._changed.take())
            self._try_to_write()
        if self._failure:
            self._dirty.set()

    def reload(self) -> State:
        """Write what changed and read the state back, as a new process would find it.

        Raise SimulatorError if it cannot be written.
        """
        self._pending.append(self._changed.take())
        self._write_or_complain()
        if self._database is None:
            msg = f"the state folder {self._folder} is closed"
            raise SimulatorError(msg)
        with self._writing:
            self._state = self._read(self._database)
        self._changed = ChangedRows.none(self._state)
        return self._state

    def close(self) -> None:
        """Write everything to the disk, note that it is complete and let the folder go.

        Raise SimulatorError if the last changes cannot be written.
        """
        self._pending.append(self._changed.take_all())
        try:
            self._write_or_complain(final=True)
            self._clean.touch()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def run(self) -> None:
        """Save after changes, for ever; what failed is tried again before anything new."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            late = bool(self._pending)
            if not late:
                self._pending.append(self._changed.take())
            await asyncio.to_thread(self._try_to_write)
            await asyncio.sleep(_PAUSE_SECONDS)
            if late or self._failure:
                self._dirty.set()

    def _try_to_write(self) -> None:
        """Write what is pending; if that fails say so once, until it works again."""
        before, self._failure = self._failure, ""
        try:
            self._write()
        except sqlite3.OperationalError as error:
            self._failure = str(error)
        if self._failure and not before:
            log.error("state_not_saved", folder=str(self._folder), reason=self._failure, remedy=_UNSAVED_REMEDY)
        if before and not self._failure:
            log.info("state_saved_again", folder=str(self._folder))

    def _write_or_complain(self, *, final: bool = False) -> None:
        try:
            self._write()
            if final and self._database is not None:
                self._database.execute("pragma synchronous = full")
                self._database.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.OperationalError as error:
            msg = f"the last changes cannot be saved in {self._folder}: {error}; {_UNSAVED_REMEDY}"
            raise SimulatorError(msg) from error

    def _write(self) -> None:
        """Write what is pending, in order and in one transaction; safe from two threads at once."""
        with self._writing:
            if self._database is None:
                return
            pending = list(self._pending)
            with self._database:
                for changes in pending:
                    for kept, rows in groupby(changes, _is_kept):
                        if kept:
                            self._database.executemany(_UPSERT, rows)
                        else:
                            self._remove(self._database, rows)
            for _ in pending:
                self._pending.popleft()

    @staticmethod
    def _remove(database: sqlite3.Connection, rows: Iterable[Row]) -> None:
        for row in rows:
            if row.key is None:
                database.execute(_DELETE_ALL, (row.kind, row.owner))
            else:
                database.execute(_DELETE, (row.kind, row.owner, row.key))

    def _load(self) -> None:
        try:
            self._database = self._open()
            self._state = self._read(self._database)
        except (sqlite3.DatabaseError, ValidationError, KeyError) as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                msg = f"the state in {self._folder} cannot be used ({error}); mend that, or name another with --state"
                raise SetupError(msg) from error
            msg = f"the state in {self._folder} is damaged or of another version; move it away to start afresh: {error}"
            raise SimulatorError(msg) from error
        self._changed = ChangedRows.none(self._state)

    def _take_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(self._lock) or "another"
            msg = f"{self._folder} is in use by simulator process {holder}; stop it, or name another with --state"
            raise SetupError(msg) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _open(self) -> sqlite3.Connection:
        path = self._folder / DATABASE_FILE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
        database = sqlite3.connect(path, check_same_thread=False)
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        database.execute(f"pragma cache_size = -{_CACHE_KIB}")
        database.execute(f"pragma wal_autocheckpoint = {_WAL_PAGES}")
        database.execute(_SCHEMA)
        return database

    def _read(self, database: sqlite3.Connection) -> State:
        snapshot = self._folder / SNAPSHOT_FILE
        if snapshot.exists():
            self._import(snapshot)

        def select(kind: str) -> Iterator[StoredRow]:
            with closing(database.execute(_SELECT, (kind,))) as cursor:
                yield from map(StoredRow._make, cursor)

        return read_state(select)

    def _import(self, snapshot: Path) -> None:
        """Take over the snapshot of an earlier version, once."""
        state = TypeAdapter(State).validate_json(snapshot.read_bytes())
        self._pending.append(ChangedRows(state).take_all())
        self._write()
        snapshot.rename(snapshot.with_name(SNAPSHOT_FILE + _IMPORTED_SUFFIX))
        log.info("snapshot_imported", accounts=len(state.accounts))

    def _retire_sessions(self) -> None:
        holders = [phone for phone, account in self._state.accounts.items() if account.sessions]
        if holders:
            log.warning("sessions_retired", reason="the simulator was not stopped cleanly")
        for phone in holders:
            sessions = self._state.accounts[phone].sessions
            for address in list(sessions):
                sessions[address].retire()
            self._state.accounts[phone].sender_keys.clear()  # a rolled-back chain too would repeat itself


def _holder(lock: int) -> str:
    """Return the number of the process that has the folder; it writes that just after it took the folder."""
    for _ in range(_LOOKS):
        if holder := os.pread(lock, _PID_DIGITS, 0).decode():
            return holder
        time.sleep(_LOOK_SECONDS)
    return ""


def _is_kept(row: Row) -> bool:
    return row.body is not None
