"""Received messages. Each is journalled once, including those found to be lost."""

import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from oxy_core.chat_commands import is_hand_back
from oxy_core.content import AUTOMATIC_SOURCES, ChatType, PlaceholderReason
from oxy_core.envelopes import Report
from oxy_core.identity import Jid
from oxy_core.message_kinds import NO_ANSWERS, MessageKind
from oxy_core.report_bodies import MessageLost
from oxy_core.trace import child_of, new_trace, trace_id
from oxy_tenant import metrics
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage
from oxy_tenant.journal.activity import Activity
from oxy_tenant.journal.answerables import Answerables
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.delays import ClockDifference
from oxy_tenant.journal.instance_events import InstanceEvents
from oxy_tenant.journal.linked_device import LinkedDevice
from oxy_tenant.journal.reports import Clock, Reports
from oxy_tenant.journal.seen import Circumstances, seen
from oxy_tenant.journal.transfers import FileTransfers, media_id_of

NOTED_CHANGE_SECONDS: Final = 1.0
"""WhatsApp's times have whole seconds, so a smaller change of the difference to our clock says nothing."""

log = structlog.get_logger()


class Inbound:
    """The received messages of one instance."""

    def __init__(  # noqa: PLR0913, PLR0917 the parts that a message concerns
        self,
        journal: JournalDatabase,
        chats: Chats,
        reports: Reports,
        transfers: FileTransfers,
        events: InstanceEvents,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._chats = chats
        self._reports = reports
        self._transfers = transfers
        self._clock = clock
        self._answerables = Answerables(clock)
        self._activity = Activity(clock)
        self._device = LinkedDevice(journal, events)
        known = journal.read("SELECT clock_ahead FROM identity")[0][0]
        self._noted_ahead = known
        self._difference = ClockDifference(known)

    @property
    def had_device(self) -> bool:
        """Whether a device was ever linked."""
        return self._device.known

    def linked(self, device: Jid) -> None:
        """Note which device receives the messages from now on; call it before the first of them."""
        self._device.follow(device, self._difference.whatsapp_time(self._clock()))

    def receive(self, received: IncomingMessage | IgnoredMessage) -> Report | None:
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
        metrics.RECEIVED.labels(message.kind.value).inc()
        self._answerables.note(database, chat, message)
        opened = self._answerables.open(database, chat, message)
        return self._report(database, opened, self._circumstances(database, chat, opened))

    def _report(self, database: sqlite3.Connection, message: IncomingMessage, found: Circumstances) -> Report:
        report = self._reports.append(database, seen(message, found), new_trace())
        if message.file is not None and found.media_id is not None:
            self._transfers.add(database, found.media_id, message.file.pointer, report.trace)
        return report

    def _circumstances(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage) -> Circumstances:
        """Count the message in its chat and return what the journal knows of it."""
        sequence = self._chats.count(database, chat)
        sent_at, delay = self._timing(database, message)
        source = self._activity.source_of(database, chat, message)
        is_answer = (
            message.kind not in NO_ANSWERS and source not in AUTOMATIC_SOURCES and not is_hand_back(message.text)
        )
        if message.from_me and not message.self_chat and is_answer:
            self._chats.note_own(database, chat, sequence)
        return Circumstances(
            chat=chat,
            sequence=sequence,
            sent_at=sent_at,
            delay_seconds=delay,
            source=source,
            media_id=self._media_id(chat, message),
            # One that comes as soon as it was sent was sent just now, whatever our clock shows.
            before_pairing=not message.live and message.sent_at is not None and self._device.is_before(sent_at),
        )

    def _media_id(self, chat: Jid, message: IncomingMessage) -> UUID | None:
        if message.file is None:
            return None
        return media_id_of(self._journal.epoch, chat, from_me=message.from_me, whatsapp_id=message.whatsapp_id)

    def _timing(self, database: sqlite3.Connection, message: IncomingMessage) -> tuple[datetime, float]:
        """Return when the message was sent and how many seconds it was under way; learn how our clock differs."""
        now = self._clock()
        if message.sent_at is None:
            return self._difference.whatsapp_time(now), 0.0
        if message.live:
            self._difference.observe(message.sent_at, now)
            self._note_difference(database)
        return message.sent_at, self._difference.delay_of(message.sent_at, now)

    def _note_difference(self, database: sqlite3.Connection) -> None:
        ahead = self._difference.seconds
        if self._noted_ahead is None or abs(ahead - self._noted_ahead) > NOTED_CHANGE_SECONDS:
            database.execute("UPDATE identity SET clock_ahead = ?", (ahead,))
            self._noted_ahead = ahead

    def _claim(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage | IgnoredMessage) -> bool:
        """Claim chat, direction and id for this message; False if an earlier message has claimed them."""
        row = (str(chat), message.from_me, message.whatsapp_id, self._clock().timestamp())
        query = "INSERT OR IGNORE INTO messages (chat, from_me, whatsapp_id, seen_at) VALUES (?, ?, ?, ?)"
        return database.execute(query, row).rowcount == 1

    def knows(self, whatsapp_id: str) -> bool:
        """Whether a message with this id was received, was sent by this runtime, or is reported as lost."""
        query = f"{_KNOWS} OR EXISTS (SELECT 1 FROM losses WHERE whatsapp_id = ?1)"  # noqa: S608 a constant
        return bool(self._journal.read(query, whatsapp_id)[0][0])

    def count(self) -> int:
        """Return how many received messages the journal remembers."""
        return int(self._journal.read("SELECT count(*) FROM messages")[0][0])

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
        """Journal a message as lost; None if that was done before, or if it has arrived after all.

        Return the report that holds its place in the chat.
        """
        with self._journal.transaction() as database:
            row = (message.whatsapp_id, source, self._clock().timestamp())
            query = "INSERT OR IGNORE INTO losses (whatsapp_id, source, found_at) VALUES (?, ?, ?)"
            if database.execute(query, row).rowcount == 0:
                return None
            placeholder = self._receive(database, replace(message, placeholder_reason=PlaceholderReason.LOST))
            if placeholder is not None:
                self._report_lost(database, message, placeholder, source)
            return placeholder

    def _report_lost(
        self, database: sqlite3.Connection, message: IncomingMessage, placeholder: Report, source: str
    ) -> None:
        chat = self._chats.resolve(database, message.chat)
        lost = MessageLost(
            whatsapp_id=message.whatsapp_id,
            chat=chat,
            sender=message.sender if message.from_me or message.chat_type is not ChatType.DIRECT else chat,
            from_me=message.from_me,
            sent_at=message.sent_at,
            found_by=source,
        )
        self._reports.append(database, lost, child_of(placeholder.trace))


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
