"""The state folder: one JSON snapshot, written whole and atomically.

A change marks the state dirty; a task writes it at most once a second, and at most a twentieth of
the time, without fsync. What must not be lost (accounts, linked devices) is written at once, and
a clean stop writes everything. So `kill -9` loses at most the last moments of mail, inboxes and
accounting. Afterwards phones retire their sessions, because a rolled-back sending chain would use
counters twice.
"""

import asyncio
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
_MIN_INTERVAL: Final = 1.0
_DUTY: Final = 20

log = structlog.get_logger(__name__)


class StateStore:
    """Loads and saves the state of one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATE_FILE
        self._clean = folder / _CLEAN_FILE
        self._adapter = TypeAdapter(State)
        self._dirty = asyncio.Event()
        self._state = State()

    def load(self) -> State:
        """Read the snapshot, or start empty; raise SimulatorError if the file is damaged."""
        if self._path.exists():
            self._state = self._read()
            if not self._clean.exists():
                log.warning("sessions_retired", reason="the simulator was not stopped cleanly")
                self._retire_sessions()
        self._clean.unlink(missing_ok=True)
        return self._state

    def mark_dirty(self) -> None:
        """Note that something changed."""
        self._dirty.set()

    def save(self) -> None:
        """Write the snapshot now."""
        self._dirty.clear()
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(self._adapter.dump_json(self._state))
        temporary.chmod(0o600)
        temporary.replace(self._path)

    def close(self) -> None:
        """Write the last snapshot and note that it is complete."""
        self.save()
        self._clean.touch()
        os.sync()

    async def run(self) -> None:
        """Save after changes, for ever."""
        while True:
            await self._dirty.wait()
            started = time.monotonic()
            self.save()
            spent = time.monotonic() - started
            await asyncio.sleep(max(_MIN_INTERVAL, spent * _DUTY))

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
