"""Send requests: each is accepted once, attempted with a new secret each time, and gets one result."""

import hmac
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from oxy_core.envelopes import MAX_ERROR, Accepted, Report, SendOutcome, SendRequest, SendResult
from oxy_core.identity import Jid
from oxy_core.trace import child_of
from oxy_tenant import metrics
from oxy_tenant.content.bounds import bounded_id, bounded_text
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock, Reports


@dataclass(frozen=True, slots=True)
class OpenSend:
    """A send request without a result."""

    request: SendRequest
    chat: Jid
    """The chat's address when the request was accepted."""
    sequence: int = 0
    """Place among all accepted requests."""
    attempts: int = 0
    in_flight: bool = False
    """Whether the last attempt was left without an outcome; all before it certainly did not reach WhatsApp."""
    recovered: bool = False
    """Whether it was left open by the previous run."""


class Sends:
    """The send requests of one instance."""

    def __init__(self, journal: JournalDatabase, chats: Chats, reports: Reports, clock: Clock) -> None:
        self._journal = journal
        self._chats = chats
        self._reports = reports
        self._clock = clock
        self.epoch = journal.epoch
        """The journal's epoch."""

    def accept(self, requests: Sequence[SendRequest]) -> list[tuple[Accepted, OpenSend | None]]:
        """Journal requests in order, in one flush; return each acceptance, with its send unless it is a repeat."""
        with self._journal.transaction() as database:
            return [self._accept(database, request) for request in requests]

    def _accept(self, database: sqlite3.Connection, request: SendRequest) -> tuple[Accepted, OpenSend | None]:
        chat = self._chats.resolve(database, request.chat.bare)
        row = (str(request.id), str(chat), request.encode(), self._clock().timestamp())
        query = (
            "INSERT INTO sends (request_id, chat, state, request, accepted_at) VALUES (?, ?, 'accepted', ?, ?) "
            "ON CONFLICT (request_id) DO NOTHING"
        )
        fresh = database.execute(query, row).rowcount == 1
        find = "SELECT sequence FROM sends WHERE request_id = ?"
        sequence = database.execute(find, (str(request.id),)).fetchone()[0]
        accepted = Accepted(request_id=request.id, journal_epoch=self._journal.epoch, journal_sequence=sequence)
        return accepted, OpenSend(request, chat, sequence) if fresh else None

    def unfinished(self) -> list[OpenSend]:
        """Return the requests without a result, in the order of their acceptance."""
        query = (
            "SELECT request, chat, sequence, attempts, state = 'sending' FROM sends "
            "WHERE ended_at IS NULL ORDER BY sequence"
        )
        return [
            OpenSend(SendRequest.decode(request), Jid.parse(chat), sequence, attempts, bool(in_flight), recovered=True)
            for request, chat, sequence, attempts, in_flight in self._journal.read(query)
        ]

    def begin_attempt(self, request_id: UUID) -> bytes:
        """Record a new attempt to send and return its message secret."""
        with self._journal.transaction(durable=False) as database:
            attempt = database.execute(
                "UPDATE sends SET state = 'sending', attempts = attempts + 1 WHERE request_id = ? RETURNING attempts",
                (str(request_id),),
            ).fetchone()[0]
            secret = self.attempt_secret(request_id, attempt)
            row = (secret, str(request_id), self._clock().timestamp())
            database.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?, ?)", row)
            return secret

    def postpone(self, request_id: UUID) -> None:
        """Record that the last attempt certainly did not reach WhatsApp."""
        with self._journal.transaction() as database:
            database.execute("UPDATE sends SET state = 'accepted' WHERE request_id = ?", (str(request_id),))

    def attempt_secret(self, request_id: UUID, attempt: int) -> bytes:
        """Return the message secret of an attempt, which identifies it in the library's store."""
        return hmac.digest(self._journal.secret, request_id.bytes + attempt.to_bytes(4), "sha256")

    def is_own_secret(self, secret: bytes) -> bool:
        """Whether this runtime made this secret."""
        return bool(self._journal.read("SELECT EXISTS (SELECT 1 FROM secrets WHERE secret = ?)", secret)[0][0])

    def newest_sent(self, chat: Jid) -> str | None:
        """Return the WhatsApp id of the newest message that was certainly sent to `chat` from here."""
        query = (
            "SELECT whatsapp_id FROM sends WHERE state = ?2 AND whatsapp_id IS NOT NULL "
            "AND chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1) "
            "ORDER BY sequence DESC LIMIT 1"
        )
        rows = self._journal.read(query, str(chat), SendOutcome.SENT.value)
        return rows[0][0] if rows else None

    def finish(
        self, request: SendRequest, outcome: SendOutcome, *, whatsapp_id: str | None = None, error: str | None = None
    ) -> Report | None:
        """Journal the result of a request; None if it has one already."""
        with self._journal.transaction() as database:
            ended = database.execute(
                "UPDATE sends SET state = ?, whatsapp_id = ?, ended_at = ?, request = NULL "
                "WHERE request_id = ? AND ended_at IS NULL",
                (outcome.value, whatsapp_id, self._clock().timestamp(), str(request.id)),
            ).rowcount
            if ended == 0:
                return None
            metrics.SENDS.labels(outcome.value).inc()
            result = SendResult(
                request_id=request.id,
                outcome=outcome,
                whatsapp_id=None if whatsapp_id is None else bounded_id(whatsapp_id),
                error=None if error is None else bounded_text(error, MAX_ERROR),
            )
            return self._reports.append(database, result, child_of(request.trace))
