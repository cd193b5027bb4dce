"""Reports for the platform, in journal order, and which of them the bus has acknowledged."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from oxy_core.envelopes import ConnectionChanged, Report, ReportBody
from oxy_core.identity import InstanceName, OrganizationName, new_id
from oxy_core.trace import TraceParent, new_trace
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.oversized import fitting

_LAST_SEQUENCE: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'reports'"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A report ready to publish."""

    sequence: int
    message_id: str
    envelope: bytes
    trace: TraceParent


class Reports:
    """The reports of one instance. Methods with a `database` are part of the caller's transaction."""

    def __init__(
        self, journal: JournalDatabase, *, organization: OrganizationName, instance: InstanceName, clock: Clock
    ) -> None:
        self._journal = journal
        self._organization = organization
        self._instance = instance
        self._clock = clock

    def append(self, database: sqlite3.Connection, body: ReportBody, trace: TraceParent) -> Report:
        """Append a report and return it."""
        row = database.execute(_LAST_SEQUENCE).fetchone()
        sequence = 1 if row is None else row[0] + 1
        report = Report(
            id=new_id(),
            organization=self._organization,
            instance=self._instance,
            journal_epoch=self._journal.epoch,
            journal_sequence=sequence,
            occurred_at=self._clock(),
            trace=trace,
            body=body,
        )
        entry = (sequence, report.message_id, fitting(report), trace, report.occurred_at.timestamp())
        database.execute("INSERT INTO reports VALUES (?, ?, ?, ?, ?)", entry)
        return report

    def report_connection(self, change: ConnectionChanged) -> Report:
        """Journal a change of the connection's state."""
        with self._journal.transaction() as database:
            return self.append(database, change, new_trace())

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest report; 0: none yet."""
        rows = self._journal.read(_LAST_SEQUENCE)
        return int(rows[0][0]) if rows else 0

    def entries(self, after: int, limit: int) -> list[JournalEntry]:
        """Return at most `limit` reports that follow sequence `after`, in order."""
        query = "SELECT sequence, message_id, envelope, trace FROM reports WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [JournalEntry(*row) for row in self._journal.read(query, after, limit)]

    @property
    def published(self) -> int:
        """Sequence up to which the bus has acknowledged all reports."""
        return int(self._journal.read("SELECT published FROM identity")[0][0])

    def pending(self) -> float:
        """Return how many reports the bus has not acknowledged."""
        return self.last_sequence - self.published

    def mark_published(self, sequence: int) -> None:
        """Store that the bus acknowledged all reports up to `sequence`; never moves back."""
        with self._journal.transaction(durable=False) as database:
            database.execute("UPDATE identity SET published = ? WHERE published < ?", (sequence, sequence))
