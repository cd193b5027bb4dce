"""Watches the room on the volume, keeps the journal within its share, and says when nothing may be received."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from oxy_core.instance.stored_session import VolumeProblem
from oxy_tenant import metrics
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.volume.ballast import Ballast
from oxy_tenant.volume.room import (
    VolumeUsage,
    excess_of,
    is_near,
    reserve_of,
    seconds_to_next_look,
    share_of,
    stopping_problem,
)

TOLD_SECONDS: Final = 86_400.0
"""For how long it is told that the journal was trimmed."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ShareRules:
    """What the settings say of the journal's share."""

    percent: Callable[[], int]
    claimed: Callable[[], int | None]
    """Bytes that the volume's claim asks for; None: unknown."""


class RoomWatch:
    """The room of one instance's volume. `on_change` is called in the event loop with each new problem."""

    def __init__(
        self,
        folder: Path,
        ballast: Ballast,
        journal: Journal,
        rules: ShareRules,
        on_change: Callable[[VolumeProblem | None], None],
    ) -> None:
        self._folder = folder
        self._ballast = ballast
        self._journal = journal
        self._rules = rules
        self._on_change = on_change
        self._stopping: VolumeProblem | None = None
        self._trimmed_at: float | None = None
        self._uncopied: int | None = None
        """Bytes of a session that had no room for a copy."""
        self.problem: VolumeProblem | None = None
        """What is wrong now."""
        self.usage: VolumeUsage | None = None
        """What was last measured."""
        self._share = 0
        """Bytes of the journal's share then."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(seconds_to_next_look(self.usage, self._share))

    async def look(self) -> None:
        """Measure, trim the journal if that helps, and tell what has changed."""
        await asyncio.to_thread(self._measure)
        problem = self._stopping or self._told()
        if problem is not self.problem:
            log.warning("volume_problem", problem=problem, **self._figures())
            self.problem = problem
            self._on_change(problem)

    def allows(self, size: int) -> bool:
        """Whether so many bytes more leave the reserve alone."""
        usage = self.usage
        return usage is None or usage.free - size >= reserve_of(usage.total)

    def allows_copy(self, size: int) -> bool:
        """Do as `allows` for a copy of the session; a lack of room for it is told for as long as it lasts."""
        self._uncopied = None if self.allows(size) else size
        return self._uncopied is None

    def _measure(self) -> None:
        try:
            usage = usage_of(self._folder, self._journal.used_bytes())
            share = share_of(usage.total, self._rules.percent(), self._rules.claimed())
            if excess := excess_of(usage, share):
                self._trim(excess)
                usage = usage_of(self._folder, self._journal.used_bytes())
            if is_near(usage.journal, share):
                usage = replace(usage, lacking=self._journal.reports.pending_bytes())
        except (OSError, sqlite3.Error) as error:
            log.warning("volume_not_measured", error=str(error))
            return
        self.usage, self._share = usage, share
        self._stopping = stopping_problem(usage, share, self._stopping)
        metrics.VOLUME_FREE.set(usage.free)
        metrics.JOURNAL_BYTES.set(usage.journal)
        if self._stopping is None:
            self._load_ballast()

    def _trim(self, excess: int) -> None:
        try:
            dropped = self._journal.trim(excess)
        except JournalError as error:
            # A full volume takes no deletions either.
            log.warning("journal_not_trimmed", error=str(error))
            return
        if dropped:
            self._trimmed_at = time.monotonic()
            metrics.TRIMMED.inc(dropped)
            log.error("journal_trimmed", reports=dropped, bytes=excess)

    def _load_ballast(self) -> None:
        try:
            self._ballast.load()
        except OSError as error:
            log.warning("ballast_not_loaded", error=os.strerror(error.errno or 0))

    def _told(self) -> VolumeProblem | None:
        if self._uncopied is not None and not self.allows_copy(self._uncopied):
            return VolumeProblem.SESSION_NOT_COPIED
        recent = self._trimmed_at is not None and time.monotonic() - self._trimmed_at < TOLD_SECONDS
        return VolumeProblem.JOURNAL_TRIMMED if recent else None

    def _figures(self) -> dict[str, int]:
        usage = self.usage
        return {} if usage is None else {"total": usage.total, "free": usage.free, "journal": usage.journal}


def usage_of(folder: Path, journal: int = 0) -> VolumeUsage:
    """Measure a volume whose journal uses this many bytes; raises OSError."""
    found = os.statvfs(folder)
    return VolumeUsage(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize, journal=journal)
