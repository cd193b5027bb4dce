"""Send requests: each is accepted once, attempted with a new secret each time, and gets one result."""

import hmac
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from oxy_core.envelopes import Accepted, Report, SendOutcome, SendRequest, SendResult
from oxy_core.errors import ContractError
from oxy_core.identity import Jid
from oxy_core.outbound import (
    EditContent,
    FileContent,
    OutboundContent,
    PollContent,
    PresenceContent,
    ReactionContent,
    ReadContent,
    RevokeContent,
    TextContent,
)
from oxy_core.trace import TraceParent, child_of
from oxy_tenant import metrics
from oxy_tenant.content.sealing import Answerable
from oxy_tenant.journal.answerables import Answerables
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock, Reports

FORGOTTEN: Final = "the person to whom it was addressed was forgotten"

LOST: Final = (
    "the session or the journal that accepted the request was replaced by an older copy; it may have been sent"
)

LONGEST_VALID: Final = timedelta(days=3650)
"""Longer than that is for ever; the calendar ends somewhere."""

_CHANGES: Final = (ReactionContent, EditContent, RevokeContent, ReadContent, PresenceContent)
"""Contents that phones do not show as a message of its own."""

_ANSWERABLE: Final = (type(None), TextContent, FileContent, PollContent)
"""Contents of messages that can be answered by a vote, or edited; None: a plain text."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenSend:
    """A send request without a result."""

    request: SendRequest
    chat: Jid
    """The chat's address when the request was accepted."""
    sequence: int = 0
    """Place among all accepted requests."""
    expires_at: datetime | None = None
    """Until when it may be sent, by our clock; None: it does not expire."""
    attempts: int = 0
    in_flight: bool = False
    """Whether the last attempt was left without an outcome; all before it certainly did not reach WhatsApp."""
    recovered: bool = False
    """Whether it was left open by the previous run."""
    prepared: bytes | None = None
    """The message that announces its file, as the previous run left it (`Sends.keep_prepared`)."""


@dataclass(frozen=True, slots=True)
class SendEnding:
    """How a request ended."""

    outcome: SendOutcome
    whatsapp_id: str | None


class Sends:
    """The send requests of one instance."""

    def __init__(self, journal: JournalDatabase, chats: Chats, reports: Reports, clock: Clock) -> None:
        self._journal = journal
        self._chats = chats
        self._reports = reports
        self._clock = clock
        self._answerables = Answerables(clock)
        self._withdrawn: set[UUID] = set()
        self.epoch = journal.epoch
        """The journal's epoch."""

    def accept(self, requests: Sequence[SendRequest]) -> list[tuple[Accepted, OpenSend | None]]:
        """Journal requests in order, in one flush; return each acceptance, with its send unless it is a repeat."""
        with self._journal.transaction() as database:
            return [self._accept(database, request) for request in requests]

    def _accept(self, database: sqlite3.Connection, request: SendRequest) -> tuple[Accepted, OpenSend | None]:
        chat, now = self._chats.resolve(database, request.chat.bare), self._clock()
        expires_at = deadline_of(request, now)
        row = {
            "request_id": str(request.id),
            "epoch": str(self.epoch),
            "chat": str(chat),
            "request": request.encode(),
            "trace": request.trace,
            "accepted_at": now.timestamp(),
            "expires_at": None if expires_at is None else expires_at.timestamp(),
            "based_on": request.based_on,
            "based_on_epoch": str(request.based_on_epoch or self.epoch),
            "shown": not isinstance(request.content, _CHANGES),
        }
        query = (
            "INSERT INTO sends (request_id, epoch, chat, state, request, trace, accepted_at, expires_at, based_on, "
            "based_on_epoch, shown) VALUES (:request_id, :epoch, :chat, 'accepted', :request, :trace, :accepted_at, "
            ":expires_at, :based_on, :based_on_epoch, :shown) "
            "ON CONFLICT (request_id) DO NOTHING"
        )
        fresh = database.execute(query, row).rowcount == 1
        find = "SELECT epoch, sequence FROM sends WHERE request_id = ?"
        epoch, sequence = database.execute(find, (str(request.id),)).fetchone()
        accepted = Accepted(request_id=request.id, journal_epoch=UUID(epoch), journal_sequence=sequence)
        return accepted, OpenSend(request, chat, sequence, expires_at) if fresh else None

    def now(self) -> datetime:
        """Return the time by the clock that `OpenSend.expires_at` goes by."""
        return self._clock()

    def unfinished(self) -> list[OpenSend]:
        """Return the requests without a result, in the order of their acceptance.

        A request that only a newer version can read is left out: it waits until that version runs.
        """
        query = (
            "SELECT request, chat, sequence, expires_at, prepared, attempts, state = 'sending' FROM sends "
            "WHERE ended_at IS NULL ORDER BY sequence"
        )
        return [send for row in self._journal.read(query) if (send := _recovered(*row)) is not None]

    def close_older_journals(self) -> int:
        """End what earlier journals left open as ambiguous: it may have been sent after the copy was made."""
        query = "SELECT request_id, trace FROM sends WHERE ended_at IS NULL AND epoch <> ?"
        left = self._journal.read(query, str(self.epoch))
        if not left:
            return 0
        with self._journal.transaction() as database:
            for request_id, trace in left:
                self._end(database, SendResult(request_id=request_id, outcome=SendOutcome.AMBIGUOUS, error=LOST), trace)
        return len(left)

    def withdraw(self, database: sqlite3.Connection, chats: Sequence[str], before: float) -> None:
        """End what was accepted for these chats before a time: the platform has forgotten to whom it writes."""
        query = (
            "SELECT request_id, trace FROM sends WHERE ended_at IS NULL AND accepted_at < ? "
            "AND chat IN (SELECT value FROM json_each(?))"
        )
        for request_id, trace in database.execute(query, (before, json.dumps(chats))).fetchall():
            self._withdrawn.add(UUID(request_id))
            self._end(database, SendResult(request_id=request_id, outcome=SendOutcome.EXPIRED, error=FORGOTTEN), trace)

    def is_withdrawn(self, request_id: UUID) -> bool:
        """Whether a request has ended by `withdraw`, so that it must not be sent."""
        return request_id in self._withdrawn

    def begin_attempt(self, request_id: UUID) -> bytes:
        """Record a new attempt to send and return its message secret."""
        with self._journal.transaction(durable=False) as database:
            attempt = database.execute(
                "UPDATE sends SET state = 'sending', attempts = attempts + 1 WHERE request_id = ? RETURNING attempts",
                (str(request_id),),
            ).fetchone()[0]
            secret = self.attempt_secret(request_id, attempt)
            row = (secret, str(request_id), self._clock().timestamp())
            database.execute("INSERT OR IGNORE INTO secrets (secret, request_id, made_at) VALUES (?, ?, ?)", row)
            return secret

    def keep_prepared(self, request_id: UUID, prepared: bytes) -> None:
        """Record the message that announces a request's uploaded file, so that it is uploaded once."""
        with self._journal.transaction(durable=False) as database:
            query = "UPDATE sends SET prepared = ? WHERE request_id = ? AND ended_at IS NULL"
            database.execute(query, (prepared, str(request_id)))

    def sent_at(self, whatsapp_id: str) -> datetime | None:
        """Return when we sent a message; None: this journal does not know it."""
        query = "SELECT ended_at FROM sends WHERE whatsapp_id = ? AND ended_at IS NOT NULL"
        rows = self._journal.read(query, whatsapp_id)
        return datetime.fromtimestamp(rows[0][0], UTC) if rows else None

    def ending(self, request_id: UUID) -> SendEnding | None:
        """Return how a request ended; None if it has not."""
        query = "SELECT state, whatsapp_id FROM sends WHERE request_id = ? AND ended_at IS NOT NULL"
        rows = self._journal.read(query, str(request_id))
        return SendEnding(SendOutcome(rows[0][0]), rows[0][1]) if rows else None

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
        """Return the WhatsApp id of the newest message that was certainly sent to `chat` from here, and is shown."""
        query = (
            "SELECT whatsapp_id FROM sends WHERE state = ?2 AND whatsapp_id IS NOT NULL AND shown "
            "AND chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1) "
            "ORDER BY sequence DESC LIMIT 1"
        )
        rows = self._journal.read(query, str(chat), SendOutcome.SENT.value)
        return rows[0][0] if rows else None

    def finish(self, request: SendRequest, result: SendResult) -> Report | None:
        """Journal the result of a request; None if it has one already."""
        with self._journal.transaction() as database:
            report = self._end(database, result, request.trace)
            if report is not None and isinstance(request.content, _ANSWERABLE):
                self._note_secret(database, request.content, result)
            return report

    def _note_secret(self, database: sqlite3.Connection, content: OutboundContent | None, result: SendResult) -> None:
        """Keep what opens the votes in a poll of ours, or an edit that somebody makes on the phone of a text."""
        if result.whatsapp_id is None:
            return
        query = "SELECT chat, attempts FROM sends WHERE request_id = ?"
        chat, attempts = database.execute(query, (str(result.request_id),)).fetchone()
        secret = self.attempt_secret(result.request_id, attempts)
        answerable = Answerable(secret, content.options if isinstance(content, PollContent) else ())
        brief = not isinstance(content, PollContent)
        self._answerables.keep(database, Jid.parse(chat), result.whatsapp_id, answerable, brief=brief)

    def _end(self, database: sqlite3.Connection, result: SendResult, trace: TraceParent) -> Report | None:
        ended = database.execute(
            "UPDATE sends SET state = ?, whatsapp_id = ?, ended_at = ?, request = NULL, prepared = NULL "
            "WHERE request_id = ? AND ended_at IS NULL",
            (result.outcome.value, result.whatsapp_id, self._clock().timestamp(), str(result.request_id)),
        ).rowcount
        if ended == 0:
            return None
        metrics.SENDS.labels(result.outcome.value).inc()
        return self._reports.append(database, result, child_of(trace))


def deadline_of(request: SendRequest, now: datetime) -> datetime | None:
    """Return until when a request that is accepted `now` may be sent; None: it does not expire."""
    if request.valid_seconds is None:
        return request.expires_at
    return now + timedelta(seconds=min(request.valid_seconds, LONGEST_VALID.total_seconds()))


def _recovered(
    envelope: bytes, chat: str, sequence: int, expires_at: float | None, prepared: bytes | None, *state: int
) -> OpenSend | None:
    """Return a request as the previous run left it; `state`: its attempts, whether one is in flight."""
    attempts, in_flight = state
    try:
        request = SendRequest.decode(envelope)
    except ContractError as error:
        log.warning("send_request_kept", sequence=sequence, error=str(error))
        return None
    deadline = None if expires_at is None else datetime.fromtimestamp(expires_at, UTC)
    return OpenSend(
        request, Jid.parse(chat), sequence, deadline, attempts, bool(in_flight), recovered=True, prepared=prepared
    )
