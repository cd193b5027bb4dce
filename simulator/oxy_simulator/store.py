"""The state folder: one JSON snapshot, written whole and atomically.

A change marks the state dirty. A task then writes the snapshot at the next quiet moment, at the
latest after some seconds, at most a twentieth of the time, and without fsync, so that traffic does
not wait for it. What must not be lost (accounts, linked devices) is written at once, and a clean
stop writes everything. So `kill -9` loses at most the last seconds of mail, inboxes and
accounting. Afterwards phones retire their sessions, because a rolled-back sending chain would use
counters twice.
"""

import asyncio
import fcntl
import os
import time
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from oxy_simulator.errors import SimulatorError
from oxy_simulator.network import State

STATE_FILE: Final = "state.json"

_CLEAN_FILE: Final = "clean"
_LOCK_FILE: Final = "lock"
_MODE: Final = 0o600
_QUIET_SECONDS: Final = 0.3
_LATEST_SECONDS: Final = 5.0
_DUTY: Final = 20

log = structlog.get_logger(__name__)


class StateStore:
    """Loads and saves the state of one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATE_FILE
        self._clean = folder / _CLEAN_FILE
        self._lock_path = folder / _LOCK_FILE
        self._lock: int | None = None
        self._adapter = TypeAdapter(State)
        self._dirty = asyncio.Event()
        self._changes = 0
        self._state = State()

    def load(self) -> State:
        """Take the folder and read its snapshot, or start empty.

        Raise SimulatorError if another process uses the folder or the file is damaged.
        """
        self._take_folder()
        if self._path.exists():
            self._state = self._read()
            if not self._clean.exists():
                log.warning("sessions_retired", reason="the simulator was not stopped cleanly")
                self._retire_sessions()
        self._clean.unlink(missing_ok=True)
        return self._state

    def mark_dirty(self) -> None:
        """Note that something changed."""
        self._changes += 1
        self._dirty.set()

    def save(self) -> None:
        """Write the snapshot now, without waiting for the disk."""
        self._dirty.clear()
        self._write(sync=False)

    def close(self) -> None:
        """Write the last snapshot to the disk, note that it is complete and let the folder go."""
        self._write(sync=True)
        self._clean.touch()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def run(self) -> None:
        """Save after changes, for ever."""
        while True:
            await self._dirty.wait()
            await self._quiet()
            started = time.monotonic()
            self.save()
            await asyncio.sleep((time.monotonic() - started) * _DUTY)

    async def _quiet(self) -> None:
        """Wait until nothing changes for a moment, but not too long."""
        latest, seen = time.monotonic() + _LATEST_SECONDS, -1
        while seen != self._changes and time.monotonic() < latest:
            seen = self._changes
            await asyncio.sleep(_QUIET_SECONDS)

    def _write(self, *, sync: bool) -> None:
        temporary = self._path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._adapter.dump_json(self._state))
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(self._path)

    def _take_folder(self) -> None:
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"{self._lock_path.parent} is in use by another simulator; stop it or take another folder"
            raise SimulatorError(msg) from error

    def _read(self) -> State:
        try:
            return self._adapter.validate_json(self._path.read_bytes())
        except ValidationError as error:
            msg = f"{self._path} is damaged or of another version; move it away to start afresh: {error}"
            raise SimulatorError(msg) from error

    def _retire_sessions(self) -> None:
        for account in self._state.accounts.values():
            for record in account.sessions.values():
                record.retire()
