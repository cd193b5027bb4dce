"""The durable record between WhatsApp and the bus: an SQLite file on the session volume.

What is journalled is on disk (WAL, ``synchronous=FULL``) before anything is acknowledged to anybody. A few writes
that only save work after a restart go without their own flush; they survive the death of the process, and the next
durable write takes them to disk.

All methods block for the time of a disk flush at most and may be called from any thread.
"""

import hmac
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID, uuid4

from oxy_core.envelopes import (
    Accepted,
    ConnectionChanged,
    MessageKind,
    MessageSeen,
    Report,
    ReportBody,
    SendOutcome,
    SendRequest,
    SendResult,
)
from oxy_core.identity import Jid, new_id
from oxy_core.trace import TraceParent, child_of, new_trace
from oxy_tenant import metrics
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, Received
from oxy_tenant.errors import JournalError
from oxy_tenant.links.neonize.sending_chains import MOST_OWED, OWN

APPLICATION_ID: Final = 0x4F78_794A
"""SQLite application id of a journal: "OxyJ"."""

SCHEMA_VERSION: Final = 1

KEPT: Final = timedelta(days=7)
"""How long reports stay after the bus acknowledged them."""

REMEMBERED: Final = timedelta(days=60)
"""How long identities of messages and send requests stay: far longer than anybody repeats one."""

_LAST_SEQUENCE: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'reports'"

LAST_MOMENTS: Final = timedelta(seconds=5)
"""What arrived so long before a run's end may not have been noted: far longer than a message takes to the journal."""

_OWED_FILLERS: Final = (
    "CREATE TABLE IF NOT EXISTS owed_fillers (contact TEXT PRIMARY KEY, fillers INTEGER NOT NULL) WITHOUT ROWID"
)
"""Made when a journal is opened: older ones of this version have no such table, and older runtimes do not mind it."""

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A report as it goes to the bus."""

    sequence: int
    message_id: str
    envelope: bytes


@dataclass(frozen=True, slots=True)
class OpenSend:
    """A send request without a result."""

    request: SendRequest
    chat: Jid
    """Where it goes: the LID wherever one is known."""
    attempts: int = 0
    recovered: bool = False
    """True for what an earlier run of this runtime left."""


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class Journal:
    """The journal of one instance; `organization` and `instance` must be those that it was made for."""

    def __init__(
        self,
        database: sqlite3.Connection,
        reader: sqlite3.Connection,
        *,
        organization: str,
        instance: str,
        clock: Clock,
    ) -> None:
        """Take over open, checked connections to one file; use `open`."""
        self._database = database
        self._reader = reader
        self._organization = organization
        self._instance = instance
        self._clock = clock
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self.on_report: Callable[[], None] = lambda: None
        """Called after reports became durable, from the thread that wrote them."""
        row = database.execute("SELECT epoch, secret FROM identity").fetchone()
        self.epoch = UUID(row[0])
        self._secret: bytes = row[1]

    @classmethod
    def open(cls, path: Path, *, organization: str, instance: str, clock: Clock = utc_now) -> Self:
        """Open or create the journal; raises JournalError if the file is damaged or belongs to something else."""
        try:
            database = _connect(path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            if database.execute("PRAGMA schema_version").fetchone()[0] == 0:
                _create(database, organization, instance)
            _check(database, path, organization, instance)
            database.execute(_OWED_FILLERS)
            reader = _connect(path)
        except sqlite3.Error as error:
            message = (
                f"the journal {path} cannot be used: {error}. Nothing was changed. "
                "Restore the volume, or move the file away to start an empty journal."
            )
            raise JournalError(message) from error
        return cls(database, reader, organization=organization, instance=instance, clock=clock)

    def close(self) -> None:
        """Close the file; the journal cannot be used afterwards."""
        with self._lock, self._reading:
            self._reader.close()
            self._database.close()

    # Receiving

    def receive(self, received: Received) -> Report | None:
        """Journal a message; None if it was journalled before, is ours, or is of no interest."""
        with self._transaction(durable=isinstance(received, IncomingMessage)):
            if isinstance(received, IgnoredMessage):
                self._claim(self._canonical(received.chat), received.from_me, received.whatsapp_id)
                return None
            return self._receive(received)

    def _receive(self, message: IncomingMessage) -> Report | None:
        chat = self._canonical(message.chat, message.chat_alias)
        if message.from_me and self._is_ours(message):
            return None
        undecryptable = message.kind is MessageKind.UNDECRYPTABLE
        if undecryptable and self._knows(self._database, message.whatsapp_id):
            return None
        if not undecryptable and not self._claim(chat, message.from_me, message.whatsapp_id):
            metrics.DUPLICATES.inc()
            return None
        sequence = self._next_in_chat(chat, own=message.from_me and not message.self_chat)
        metrics.RECEIVED.labels(message.kind.value).inc()
        return self._append(
            MessageSeen(
                whatsapp_id=message.whatsapp_id,
                chat=chat,
                chat_alias=message.chat_alias,
                sender=message.sender if message.from_me else chat,
                from_me=message.from_me,
                self_chat=message.self_chat,
                push_name=message.push_name,
                kind=message.kind,
                text=message.text,
                quoted_id=message.quoted_id,
                sent_at=message.sent_at,
                chat_sequence=sequence,
            ),
            new_trace(),
        )

    def _is_ours(self, message: IncomingMessage) -> bool:
        """Whether this runtime sent the message itself."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM sends WHERE whatsapp_id = ?) "
            "OR EXISTS (SELECT 1 FROM secrets WHERE secret = ?)"
        )
        return bool(self._database.execute(query, (message.whatsapp_id, message.secret)).fetchone()[0])

    def _claim(self, chat: Jid, from_me: bool, whatsapp_id: str) -> bool:  # noqa: FBT001 private, a column's value
        row = (str(chat), from_me, whatsapp_id, self._clock().timestamp())
        return self._database.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", row).rowcount == 1

    def _next_in_chat(self, chat: Jid, *, own: bool) -> int:
        sequence: int = self._database.execute(
            "INSERT INTO chats (chat, last_sequence) VALUES (?, 1) "
            "ON CONFLICT (chat) DO UPDATE SET last_sequence = last_sequence + 1 RETURNING last_sequence",
            (str(chat),),
        ).fetchone()[0]
        if own:
            self._database.execute("UPDATE chats SET own_sequence = ? WHERE chat = ?", (sequence, str(chat)))
        return sequence

    def _canonical(self, chat: Jid, alias: Jid | None = None) -> Jid:
        """Return the one address that this chat goes by here, learning that `alias` is another name of it."""
        if alias is not None and self._known_as(alias) != chat:
            self._database.execute("INSERT OR REPLACE INTO chat_aliases VALUES (?, ?)", (str(alias), str(chat)))
            self._merge(alias, chat)
        return chat if alias is not None else self._known_as(chat) or chat

    def _known_as(self, alias: Jid) -> Jid | None:
        row = self._database.execute("SELECT chat FROM chat_aliases WHERE alias = ?", (str(alias),)).fetchone()
        return None if row is None else Jid.parse(row[0])

    def _merge(self, old: Jid, new: Jid) -> None:
        """Continue what was counted under `old` as `new`."""
        names = {"old": str(old), "new": str(new)}
        self._database.execute(
            "INSERT INTO chats SELECT :new, last_sequence, own_sequence FROM chats WHERE chat = :old "
            "ON CONFLICT (chat) DO UPDATE SET last_sequence = max(last_sequence, excluded.last_sequence), "
            "own_sequence = max(own_sequence, excluded.own_sequence)",
            names,
        )
        self._database.execute("DELETE FROM chats WHERE chat = :old", names)
        self._database.execute("UPDATE OR IGNORE messages SET chat = :new WHERE chat = :old", names)
        self._database.execute("UPDATE sends SET chat = :new WHERE chat = :old", names)

    def knows(self, whatsapp_id: str) -> bool:
        """Whether a message with this id was received, or sent by us."""
        with self._reading:
            return self._knows(self._reader, whatsapp_id)

    def _knows(self, database: sqlite3.Connection, whatsapp_id: str) -> bool:
        query = (
            "SELECT EXISTS (SELECT 1 FROM messages WHERE whatsapp_id = :id) "
            "OR EXISTS (SELECT 1 FROM sends WHERE whatsapp_id = :id)"
        )
        return bool(database.execute(query, {"id": whatsapp_id}).fetchone()[0])

    def report_connection(self, change: ConnectionChanged) -> Report:
        """Journal that the connection went up or down."""
        with self._transaction():
            return self._append(change, new_trace())

    # Losses

    @property
    def audited_secret(self) -> int:
        """Newest row of the library's message secrets that is accounted for."""
        return int(self._read("SELECT audited_secret FROM identity")[0][0])

    def mark_audited(self, secret_row: int) -> None:
        """Remember that rows up to `secret_row` are accounted for."""
        with self._transaction(durable=False):
            self._database.execute("UPDATE identity SET audited_secret = ?", (secret_row,))

    def is_own_secret(self, secret: bytes) -> bool:
        """Whether a message with this secret was sent by this runtime."""
        return bool(self._read("SELECT EXISTS (SELECT 1 FROM secrets WHERE secret = ?)", secret)[0][0])

    def report_loss(self, message: IncomingMessage, source: str) -> Report | None:
        """Journal that a message was lost before the journal; None if it is known by now."""
        with self._transaction():
            row = (message.whatsapp_id, source, self._clock().timestamp())
            fresh = self._database.execute("INSERT OR IGNORE INTO losses VALUES (?, ?, ?)", row).rowcount == 1
            return self._receive(message) if fresh else None

    # Sending

    def accept(self, requests: Sequence[SendRequest]) -> list[tuple[Accepted, OpenSend | None]]:
        """Journal requests in order, in one flush. For each: the confirmation, and the work unless it is a repeat."""
        with self._transaction():
            return [self._accept(request) for request in requests]

    def _accept(self, request: SendRequest) -> tuple[Accepted, OpenSend | None]:
        chat = self._canonical(request.chat.bare)
        row = (str(request.id), str(chat), request.encode(), self._clock().timestamp())
        query = (
            "INSERT INTO sends (request_id, chat, state, request, accepted_at) VALUES (?, ?, 'accepted', ?, ?) "
            "ON CONFLICT (request_id) DO NOTHING"
        )
        fresh = self._database.execute(query, row).rowcount == 1
        find = "SELECT sequence FROM sends WHERE request_id = ?"
        sequence = self._database.execute(find, (str(request.id),)).fetchone()[0]
        accepted = Accepted(request_id=request.id, journal_epoch=self.epoch, journal_sequence=sequence)
        return accepted, OpenSend(request, chat) if fresh else None

    def open_sends(self) -> list[OpenSend]:
        """Return the requests without a result, in the order in which they were accepted."""
        query = "SELECT request, chat, attempts FROM sends WHERE ended_at IS NULL ORDER BY sequence"
        rows = self._read(query)
        return [OpenSend(SendRequest.decode(row[0]), Jid.parse(row[1]), row[2], recovered=True) for row in rows]

    def begin_attempt(self, request_id: UUID) -> bytes:
        """Record that the request is about to be sent and return the secret of this attempt."""
        with self._transaction(durable=False):
            attempt = self._database.execute(
                "UPDATE sends SET state = 'sending', attempts = attempts + 1 WHERE request_id = ? RETURNING attempts",
                (str(request_id),),
            ).fetchone()[0]
            secret = self.attempt_secret(request_id, attempt)
            row = (secret, str(request_id), self._clock().timestamp())
            self._database.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?, ?)", row)
            return secret

    def attempt_secret(self, request_id: UUID, attempt: int) -> bytes:
        """Return the message secret of one attempt: the library stores it with the id that it chose."""
        return hmac.digest(self._secret, request_id.bytes + attempt.to_bytes(4), "sha256")

    def own_sequence(self, chat: Jid) -> int:
        """Return the position of the newest message that the business sent from another device; 0: none."""
        rows = self._read("SELECT own_sequence FROM chats WHERE chat = ?", str(chat))
        return int(rows[0][0]) if rows else 0

    def newest_sent(self, chat: Jid) -> str | None:
        """Return the WhatsApp id of the newest message that this runtime surely sent to `chat`."""
        query = (
            "SELECT whatsapp_id FROM sends WHERE state = ?2 AND whatsapp_id IS NOT NULL "
            "AND chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1) "
            "ORDER BY sequence DESC LIMIT 1"
        )
        rows = self._read(query, str(chat), SendOutcome.SENT.value)
        return rows[0][0] if rows else None

    def finish(
        self, request: SendRequest, outcome: SendOutcome, *, whatsapp_id: str | None = None, error: str | None = None
    ) -> Report | None:
        """Journal the result of a request; None if it has one already."""
        with self._transaction():
            ended = self._database.execute(
                "UPDATE sends SET state = ?, whatsapp_id = ?, ended_at = ?, request = NULL "
                "WHERE request_id = ? AND ended_at IS NULL",
                (outcome.value, whatsapp_id, self._clock().timestamp(), str(request.id)),
            ).rowcount
            if ended == 0:
                return None
            metrics.SENDS.labels(outcome.value).inc()
            result = SendResult(request_id=request.id, outcome=outcome, whatsapp_id=whatsapp_id, error=error)
            return self._append(result, child_of(request.trace))

    # Fillers (`oxy_tenant.links.neonize.sending_chains`)

    def owed_fillers(self) -> dict[str, int]:
        """Return to whom fillers are owed, and how many, at the start of a run.

        Whatever arrived in the moment in which the last run was killed was not noted: contacts that were sent to just
        before its end are owed one for each of those sends.
        """
        recent = (
            "SELECT chat, min(count(*), ?) FROM sends WHERE state = 'sending' "
            "OR ended_at >= (SELECT max(ended_at) FROM sends) - ? GROUP BY chat"
        )
        owed = dict(self._read(recent, MOST_OWED, LAST_MOMENTS.total_seconds()))
        if owed:
            owed[OWN] = max(owed.values())
        noted = dict(self._read("SELECT contact, fillers FROM owed_fillers"))
        return {contact: max(owed.get(contact, 0), noted.get(contact, 0)) for contact in owed | noted}

    def keep_owed_fillers(self, owed: Mapping[str, int]) -> None:
        """Remember how many fillers these contacts are owed now."""
        with self._transaction(durable=False):
            for contact, fillers in owed.items():
                if fillers:
                    self._database.execute("INSERT OR REPLACE INTO owed_fillers VALUES (?, ?)", (contact, fillers))
                else:
                    self._database.execute("DELETE FROM owed_fillers WHERE contact = ?", (contact,))

    # Publishing

    @property
    def published(self) -> int:
        """Sequence of the newest report before which the bus has acknowledged all."""
        return int(self._read("SELECT published FROM identity")[0][0])

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest report; 0: none yet."""
        rows = self._read(_LAST_SEQUENCE)
        return int(rows[0][0]) if rows else 0

    def entries(self, after: int, limit: int) -> list[JournalEntry]:
        """Return at most `limit` reports that follow sequence `after`, in order."""
        query = "SELECT sequence, message_id, envelope FROM reports WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [JournalEntry(*row) for row in self._read(query, after, limit)]

    def mark_published(self, sequence: int) -> None:
        """Remember that the bus acknowledged every report up to `sequence`."""
        with self._transaction(durable=False):
            self._database.execute("UPDATE identity SET published = ? WHERE published < ?", (sequence, sequence))

    def prune(self) -> None:
        """Drop what nobody needs any more: acknowledged reports, old identities."""
        now = self._clock()
        kept, remembered = (now - KEPT).timestamp(), (now - REMEMBERED).timestamp()
        with self._transaction(durable=False):
            published = "sequence <= (SELECT published FROM identity)"
            self._database.execute(f"DELETE FROM reports WHERE {published} AND written_at < ?", (kept,))  # noqa: S608 a constant
            self._database.execute("DELETE FROM messages WHERE seen_at < ?", (remembered,))
            self._database.execute("DELETE FROM sends WHERE ended_at < ?", (remembered,))
            self._database.execute("DELETE FROM secrets WHERE made_at < ?", (remembered,))
            self._database.execute("DELETE FROM losses WHERE found_at < ?", (remembered,))

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Query on a connection of its own, which no write holds up; sees what is durable."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    # Writing

    def _append(self, body: ReportBody, trace: TraceParent) -> Report:
        row = self._database.execute(_LAST_SEQUENCE).fetchone()
        sequence = 1 if row is None else row[0] + 1
        report = Report(
            id=new_id(),
            organization=self._organization,
            instance=self._instance,
            journal_epoch=self.epoch,
            journal_sequence=sequence,
            occurred_at=self._clock(),
            trace=trace,
            body=body,
        )
        entry = (sequence, report.message_id, report.encode(), report.occurred_at.timestamp())
        self._database.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", entry)
        return report

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Make the enclosed writes one transaction; flushed to disk at its end if `durable`."""
        with self._lock:
            try:
                self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                with metrics.JOURNAL_SECONDS.time():
                    self._database.execute("COMMIT")
            except sqlite3.Error as error:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                message = f"the journal cannot be written: {error}; check the space on the volume"
                raise JournalError(message) from error
        if durable:
            self.on_report()


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
    """Raise JournalError unless this is the sound journal of the instance."""
    kind = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if (kind, version) != (APPLICATION_ID, SCHEMA_VERSION):
        message = f"{path} is no journal of version {SCHEMA_VERSION}; move it away, or use the runtime that wrote it"
        raise JournalError(message)
    findings = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if findings != "ok":
        message = f"the journal {path} is damaged ({findings}); restore the volume, or move the file away"
        raise JournalError(message)
    owner = database.execute("SELECT organization, instance FROM identity").fetchone()
    if owner != (organization, instance):
        message = f"the journal {path} belongs to {'/'.join(owner)}, not to {organization}/{instance}: check the volume"
        raise JournalError(message)
