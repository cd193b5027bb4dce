"""Reports for the platform, in journal order, and which of them the bus has acknowledged."""

import json
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from oxy_core.envelopes import ConnectionChanged, MessageSeen, Report, ReportBody, Settled
from oxy_core.identity import InstanceName, OrganizationName, new_id
from oxy_core.trace import TraceParent, new_trace
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.oversized import fitting
from oxy_tenant.journal.settled import settled

Clock = Callable[[], datetime]


def do_nothing() -> None:
    """Do nothing when a report is added."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A report ready to publish."""

    number: int
    """Place in the order of writing, through all journals in the file."""
    message_id: str
    chat: str | None
    """Whose message it reports; None: it is about no message."""
    envelope: bytes
    trace: TraceParent
    written_at: float
    """Unix time."""
    again: int
    """How often it was put back to be published again."""


_COLUMNS: Final = "number, message_id, chat, envelope, trace, written_at, again"


class Reports:
    """The reports of one instance. Methods with a `database` are part of the caller's transaction."""

    def __init__(
        self,
        journal: JournalDatabase,
        *,
        organization: OrganizationName,
        instance: InstanceName,
        clock: Clock,
        on_report: Callable[[], None] = do_nothing,
    ) -> None:
        """Call `on_report` after each transaction that added reports, in its thread."""
        self._journal = journal
        self._organization = organization
        self._instance = instance
        self._clock = clock
        self._on_report = on_report

    def append(self, database: sqlite3.Connection, body: ReportBody, trace: TraceParent) -> Report:
        """Append a report and return it."""
        next_sequence = "UPDATE identity SET last_sequence = last_sequence + 1 RETURNING last_sequence"
        report = Report(
            id=new_id(),
            organization=self._organization,
            instance=self._instance,
            journal_epoch=self._journal.epoch,
            journal_started_at=self._journal.started_at,
            journal_sequence=database.execute(next_sequence).fetchone()[0],
            occurred_at=self._clock(),
            trace=trace,
            body=body,
        )
        chat = str(body.chat) if isinstance(body, MessageSeen) else None
        row = (report.message_id, chat, fitting(report), trace, report.occurred_at.timestamp())
        database.execute(
            "INSERT INTO reports (message_id, chat, envelope, trace, written_at) VALUES (?, ?, ?, ?, ?)", row
        )
        self._journal.after_commit(self._on_report)
        return report

    def report(self, body: ReportBody) -> Report:
        """Journal something that belongs to nothing else."""
        with self._journal.transaction() as database:
            return self.append(database, body, new_trace())

    def report_connection(self, change: ConnectionChanged) -> Report:
        """Journal a change of the connection's state."""
        return self.report(change)

    def age_of(self, entry: JournalEntry) -> float:
        """Return how many seconds ago a report was written."""
        return self._clock().timestamp() - entry.written_at

    # -- what the bus has not acknowledged

    @property
    def newest(self) -> int:
        """Number of the newest report; 0: none."""
        return int(self._journal.read("SELECT coalesce(max(number), 0) FROM reports")[0][0])

    def pending(self) -> float:
        """Return how many reports the bus has not acknowledged."""
        return float(self._journal.read("SELECT count(*) FROM reports WHERE published = 0")[0][0])

    def pending_bytes(self) -> int:
        """Return how many bytes the reports have that the bus has not acknowledged."""
        query = "SELECT coalesce(sum(length(envelope)), 0) FROM reports WHERE published = 0"
        return int(self._journal.read(query)[0][0])

    def waiting(self, after: int, limit: int, *, but_of: Collection[str] = ()) -> list[JournalEntry]:
        """Return at most `limit` waiting reports that follow number `after`, in order, leaving out some chats."""
        query = (
            f"SELECT {_COLUMNS} FROM reports WHERE published = 0 AND number > ? "  # noqa: S608 a constant
            "AND (chat IS NULL OR chat NOT IN (SELECT value FROM json_each(?))) ORDER BY number LIMIT ?"
        )
        return self._entries(query, after, json.dumps(list(but_of)), limit)

    def waiting_of(self, chat: str, after: int) -> JournalEntry | None:
        """Return the chat's first waiting report that follows number `after`."""
        query = (
            f"SELECT {_COLUMNS} FROM reports WHERE published = 0 AND chat = ? AND number > ? ORDER BY number LIMIT 1"  # noqa: S608 a constant
        )
        return next(iter(self._entries(query, chat, after)), None)

    def numbered(self, numbers: Collection[int]) -> list[JournalEntry]:
        """Return the reports with these numbers, in order."""
        query = f"SELECT {_COLUMNS} FROM reports WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"  # noqa: S608 a constant
        return self._entries(query, json.dumps(list(numbers)))

    def _entries(self, query: str, *values: object) -> list[JournalEntry]:
        return [JournalEntry(*row) for row in self._journal.read(query, *values)]

    # -- what it has acknowledged

    @property
    def stream_sequence(self) -> int:
        """Newest place in the stream that the bus gave to a report; 0: none."""
        return int(self._journal.read("SELECT stream_sequence FROM identity")[0][0])

    def mark_published(self, numbers: Collection[int], stream_sequence: int) -> None:
        """Store that the bus acknowledged these reports, the newest of them at this place in the stream."""
        with self._journal.transaction(durable=False) as database:
            query = "UPDATE reports SET published = 1 WHERE number IN (SELECT value FROM json_each(?))"
            database.execute(query, (json.dumps(list(numbers)),))
            database.execute("UPDATE identity SET stream_sequence = ?", (stream_sequence,))

    @property
    def bus_state(self) -> str | None:
        """The name under which the platform last knew what it stored of the reports."""
        rows = self._journal.read("SELECT bus_state FROM identity")
        return None if rows[0][0] is None else str(rows[0][0])

    def note_bus_state(self, state: str) -> None:
        """Store that everything published so far is part of this state."""
        with self._journal.transaction() as database:
            database.execute("UPDATE identity SET bus_state = ?", (state,))

    def publish_all_again(self) -> int:
        """Let every report that is still kept wait to be published again; return their number.

        The platform lost what it had stored, but recognises the reports that it still has.
        """
        with self._journal.transaction() as database:
            database.execute("UPDATE identity SET stream_sequence = 0")
            # Also those that wait: the bus may have one of them, whose acknowledgement was lost.
            database.execute("UPDATE reports SET again = again + 1")
            return database.execute("UPDATE reports SET published = 0 WHERE published = 1").rowcount

    def settled(self, entry: JournalEntry) -> Settled:
        """Return what the journal knows of a message that is published again."""
        return settled(self._journal, entry.envelope, entry.written_at)
