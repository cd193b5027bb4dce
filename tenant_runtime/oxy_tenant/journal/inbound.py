"""Received messages. Each is journalled once, including those found to be lost."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from pydantic import ValidationError

from oxy_core.envelopes import MessageSeen, Report
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.trace import new_trace, trace_id
from oxy_tenant import metrics
from oxy_tenant.content.bounds import bounded_id
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, Received
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.delays import ClockDifference
from oxy_tenant.journal.reports import Clock, Reports

NOTED_CHANGE_SECONDS: Final = 1.0
"""WhatsApp's times have whole seconds, so a smaller change of the difference to our clock says nothing."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Timing:
    sent_at: datetime
    delay_seconds: float


class Inbound:
    """The received messages of one instance."""

    def __init__(self, journal: JournalDatabase, chats: Chats, reports: Reports, clock: Clock) -> None:
        self._journal = journal
        self._chats = chats
        self._reports = reports
        self._clock = clock
        known = journal.read("SELECT clock_ahead FROM identity")[0][0]
        self._noted_ahead = known
        self._difference = ClockDifference(known)

    def receive(self, received: Received) -> Report | None:
        """Journal a message; None if it was journalled before, was sent by this runtime, or is ignored."""
        if isinstance(received, IgnoredMessage):
            # Not worth a flush: if a power failure loses the row, the audit reports a message that does not matter.
            with self._journal.transaction(durable=False) as database:
                self._claim(database, self._chats.resolve(database, received.chat), received)
            return None
        with self._journal.transaction() as database:
            report = self._receive(database, received)
        if report is not None:
            log.info("message_journalled", trace_id=trace_id(report.trace), sequence=report.journal_sequence)
        return report

    def _receive(self, database: sqlite3.Connection, message: IncomingMessage) -> Report | None:
        chat = self._chats.resolve(database, message.chat, message.chat_alias)
        if message.from_me and _is_ours(database, message):
            return None
        if message.kind is MessageKind.UNDECRYPTABLE:
            # Do not claim its id: the sender's phone may still resend the message in readable form.
            if _knows(database, message.whatsapp_id):
                return None
        elif not self._claim(database, chat, message):
            metrics.DUPLICATES.inc()
            return None
        sequence = self._chats.count(database, chat, own=message.from_me and not message.self_chat)
        metrics.RECEIVED.labels(message.kind.value).inc()
        return self._reports.append(
            database, _seen(message, chat, sequence, self._timing(database, message)), new_trace()
        )

    def _timing(self, database: sqlite3.Connection, message: IncomingMessage) -> _Timing:
        """Return when the message was sent and how long it was under way; learn from it how our clock differs."""
        now = self._clock()
        if message.sent_at is None:
            return _Timing(self._difference.whatsapp_time(now), 0.0)
        if message.live:
            self._difference.observe(message.sent_at, now)
            self._note_difference(database)
        return _Timing(message.sent_at, self._difference.delay_of(message.sent_at, now))

    def _note_difference(self, database: sqlite3.Connection) -> None:
        ahead = self._difference.seconds
        if self._noted_ahead is None or abs(ahead - self._noted_ahead) > NOTED_CHANGE_SECONDS:
            database.execute("UPDATE identity SET clock_ahead = ?", (ahead,))
            self._noted_ahead = ahead

    def _claim(self, database: sqlite3.Connection, chat: Jid, message: Received) -> bool:
        """Claim chat, direction and id for this message; False if an earlier message has claimed them."""
        row = (str(chat), message.from_me, message.whatsapp_id, self._clock().timestamp())
        query = "INSERT OR IGNORE INTO messages (chat, from_me, whatsapp_id, seen_at) VALUES (?, ?, ?, ?)"
        return database.execute(query, row).rowcount == 1

    def knows(self, whatsapp_id: str) -> bool:
        """Whether a message with this id was received, was sent by this runtime, or is reported as lost."""
        query = f"{_KNOWS} OR EXISTS (SELECT 1 FROM losses WHERE whatsapp_id = ?1)"  # noqa: S608 a constant
        return bool(self._journal.read(query, whatsapp_id)[0][0])

    @property
    def audited_secret(self) -> int | None:
        """Newest audited row of the library's message secrets; None while a phone may be sharing its history."""
        row = self._journal.read("SELECT audited_secret FROM identity")[0][0]
        return None if row is None else int(row)

    def mark_audited(self, secret_row: int | None) -> None:
        """Store that rows up to `secret_row` are audited; None: that a phone may be sharing its history."""
        with self._journal.transaction(durable=False) as database:
            database.execute("UPDATE identity SET audited_secret = ?", (secret_row,))

    def losses(self) -> int:
        """Return how many messages were found to be lost, of those that the journal still remembers."""
        return int(self._journal.read("SELECT count(*) FROM losses")[0][0])

    def report_loss(self, message: IncomingMessage, source: str) -> Report | None:
        """Journal a message as lost; None if that was done before, or if it has arrived after all."""
        with self._journal.transaction() as database:
            row = (message.whatsapp_id, source, self._clock().timestamp())
            query = "INSERT OR IGNORE INTO losses (whatsapp_id, source, found_at) VALUES (?, ?, ?)"
            fresh = database.execute(query, row).rowcount == 1
            return self._receive(database, message) if fresh else None


_KNOWS: Final = (
    "SELECT EXISTS (SELECT 1 FROM messages WHERE whatsapp_id = ?1) "
    "OR EXISTS (SELECT 1 FROM sends WHERE whatsapp_id = ?1)"
)


def _knows(database: sqlite3.Connection, whatsapp_id: str) -> bool:
    return bool(database.execute(_KNOWS, (whatsapp_id,)).fetchone()[0])


def _is_ours(database: sqlite3.Connection, message: IncomingMessage) -> bool:
    """Whether this runtime sent the message: its secret is known before the send, its id only after the answer."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM sends WHERE whatsapp_id = ?) OR EXISTS (SELECT 1 FROM secrets WHERE secret = ?)"
    )
    return bool(database.execute(query, (message.whatsapp_id, message.secret)).fetchone()[0])


def _seen(message: IncomingMessage, chat: Jid, sequence: int, timing: _Timing) -> MessageSeen:
    """Return the message as the platform sees it; a placeholder if its content fits no report."""
    place = {
        "whatsapp_id": message.whatsapp_id,
        "chat": chat,
        "sender": message.sender if message.from_me else chat,
        "from_me": message.from_me,
        "self_chat": message.self_chat,
        "sent_at": timing.sent_at,
        "delay_seconds": timing.delay_seconds,
        "chat_sequence": sequence,
    }
    content = {
        "chat_alias": message.chat_alias,
        "push_name": message.push_name,
        "text": message.text,
        "quoted_id": message.quoted_id,
    }
    try:
        return MessageSeen.model_validate({**place, **content, "kind": message.kind})
    except ValidationError as error:
        # The links bound what they deliver. If one does not, the chat must not lose its other messages too.
        log.error("message_unreportable", fields=[item["loc"] for item in error.errors(include_input=False)])  # noqa: TRY400 the fields say it all
        whatsapp_id = bounded_id(message.whatsapp_id)
        return MessageSeen.model_validate({**place, "whatsapp_id": whatsapp_id, "kind": MessageKind.UNSUPPORTED})
