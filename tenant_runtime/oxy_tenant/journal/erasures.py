"""People whom the platform has forgotten, and whom the journal forgets as well.

A request names a person by digests alone. Whoever has written since then is a new contact, of whom everything stays.
"""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import ValidationError

from oxy_core.envelopes import Accepted, EraseRequest
from oxy_core.errors import ContractError
from oxy_core.identity import Jid, person_digest
from oxy_core.report_bodies import ContactErased
from oxy_core.trace import child_of
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock, Reports
from oxy_tenant.journal.sends import Sends
from oxy_tenant.journal.transfers import media_id_of

_ADDRESSES: Final = """
SELECT chat FROM chats UNION SELECT chat FROM chat_aliases UNION SELECT alias FROM chat_aliases
UNION SELECT chat FROM messages UNION SELECT chat FROM sends UNION SELECT chat FROM answerables
UNION SELECT chat FROM quick_answers UNION SELECT contact FROM owed_fillers
UNION SELECT ltrim(phone, '+') || '@s.whatsapp.net' FROM numbers
UNION SELECT chat FROM reports WHERE chat IS NOT NULL
"""
"""Every address that the journal knows."""

_FORGET: Final = (
    "DELETE FROM reports WHERE written_at < :before AND chat IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM messages WHERE seen_at < :before AND chat IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM answerables WHERE kept_at < :before AND chat IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM quick_answers WHERE said_at < :before AND chat IN (SELECT value FROM json_each(:addresses))",
    # What is left of a request tells a repeat of it, and an echo; it names nobody.
    (
        "UPDATE sends SET chat = '' WHERE accepted_at < :before AND ended_at IS NOT NULL "
        "AND chat IN (SELECT value FROM json_each(:addresses))"
    ),
    # A receipt goes with the message that it is about, also one that came since then or is not published yet.
    (
        "DELETE FROM reports WHERE chat IS NULL "
        "AND json_extract(CAST(envelope AS TEXT), '$.body.type') = 'receipts' "
        "AND json_extract(CAST(envelope AS TEXT), '$.body.chat') IN (SELECT value FROM json_each(:addresses)) "
        "AND NOT EXISTS (SELECT 1 FROM json_each(CAST(envelope AS TEXT), '$.body.request_ids') AS request "
        "JOIN sends ON sends.request_id = request.value WHERE sends.chat <> '')"
    ),
)

_RETURNED: Final = (
    "SELECT EXISTS (SELECT 1 FROM messages WHERE chat IN (SELECT value FROM json_each(:addresses))) "
    "OR EXISTS (SELECT 1 FROM reports WHERE chat IN (SELECT value FROM json_each(:addresses))) "
    "OR EXISTS (SELECT 1 FROM sends WHERE chat IN (SELECT value FROM json_each(:addresses)))"
)
"""Whether something is left after `_FORGET`: it is newer."""

_FORGET_CHAT: Final = (
    "DELETE FROM chats WHERE chat IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM chat_aliases WHERE chat IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM chat_aliases WHERE alias IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM owed_fillers WHERE contact IN (SELECT value FROM json_each(:addresses))",
    "DELETE FROM numbers WHERE ltrim(phone, '+') || '@s.whatsapp.net' IN (SELECT value FROM json_each(:addresses))",
)
"""What numbers the messages of a chat, and names it. A new contact needs it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenErasure:
    """A person who is to be forgotten."""

    request: EraseRequest
    before: float
    """What was written before this Unix time, by our clock, is to be forgotten."""

    def is_about(self, address: Jid) -> bool:
        """Whether this is an address of the person."""
        return person_digest(self.request.salt, address) in self.request.digests


class Erasures:
    """The erasures of one instance."""

    def __init__(self, journal: JournalDatabase, reports: Reports, sends: Sends, clock: Clock) -> None:
        self._journal = journal
        self._reports = reports
        self._sends = sends
        self._clock = clock

    @property
    def journal_bytes(self) -> int:
        """How many bytes of the file are used, all of which `forget` writes anew."""
        return self._journal.used_bytes()

    def accept(self, request: EraseRequest) -> Accepted:
        """Journal a request; one that was carried out before is reported again."""
        before = self._clock() - timedelta(seconds=request.seconds_ago)
        with self._journal.transaction() as database:
            row = (str(request.id), request.encode(), self._clock().timestamp(), before.timestamp())
            fresh = database.execute(
                "INSERT OR IGNORE INTO erasures (request_id, request, accepted_at, before) VALUES (?, ?, ?, ?)", row
            ).rowcount
            query = "SELECT number, ended_at, left_behind FROM erasures WHERE request_id = ?"
            place, ended_at, left = database.execute(query, (str(request.id),)).fetchone()
            if not fresh and ended_at is not None:
                self._report(database, request, json.loads(left))
        return Accepted(request_id=request.id, journal_epoch=self._journal.epoch, journal_sequence=place)

    def unfinished(self) -> list[OpenErasure]:
        """Return who is still to be forgotten."""
        rows = self._journal.read("SELECT request, before FROM erasures WHERE ended_at IS NULL ORDER BY number")
        return [erasure for row in rows if (erasure := _read(*row)) is not None]

    def forget(self, erasure: OpenErasure) -> OpenErasure:
        """Forget a person here; return the erasure with all addresses that were known, for others to forget them too.

        Blocks while the file is written anew, so that not even its freed pages tell of the person.
        """
        with self._journal.transaction() as database:
            addresses = _addresses(database, erasure)
            wider = _widened(erasure, addresses)
            query = "UPDATE erasures SET request = ? WHERE request_id = ?"
            database.execute(query, (wider.request.encode(), str(erasure.request.id)))
            self._forget(database, addresses, erasure.before)
        self._journal.rewrite()
        return wider

    def _forget(self, database: sqlite3.Connection, addresses: Collection[Jid], before: float) -> None:
        texts = [str(address) for address in addresses]
        values = {"addresses": json.dumps(texts), "before": before}
        self._sends.withdraw(database, texts, before)
        _forget_files(database, self._journal.epoch, values)
        for statement in _FORGET:
            database.execute(statement, values)
        for address in addresses:  # what others reported of the person
            query = "DELETE FROM reports WHERE written_at < ? AND published = 1 AND instr(envelope, ?) > 0"
            database.execute(query, (before, address.user.encode()))
        if not database.execute(_RETURNED, values).fetchone()[0]:
            for statement in _FORGET_CHAT:
                database.execute(statement, values)

    def finish(self, erasure: OpenErasure, left: Collection[str]) -> None:
        """Report that a person is forgotten; `left`: files that may still tell of the person."""
        with self._journal.transaction() as database:
            query = "UPDATE erasures SET request = NULL, ended_at = ?, left_behind = ? WHERE request_id = ?"
            row = (self._clock().timestamp(), json.dumps(list(left)), str(erasure.request.id))
            database.execute(query, row)
            self._report(database, erasure.request, left)

    def _report(self, database: sqlite3.Connection, request: EraseRequest, left: Collection[str]) -> None:
        body = ContactErased(request_id=request.id, left=tuple(left))
        self._reports.append(database, body, child_of(request.trace))


def _addresses(database: sqlite3.Connection, erasure: OpenErasure) -> frozenset[Jid]:
    """Return all addresses of the person that the journal knows, also those that only belong to the same chat."""
    theirs = {jid for (text,) in database.execute(_ADDRESSES) if (jid := _jid(text)) and erasure.is_about(jid)}
    chats = json.dumps([str(jid) for jid in theirs])
    query = (
        "SELECT chat, alias FROM chat_aliases WHERE chat IN (SELECT value FROM json_each(?1)) "
        "OR alias IN (SELECT value FROM json_each(?1))"
    )
    pairs = database.execute(query, (chats,)).fetchall()
    return frozenset(theirs | {jid for pair in pairs for text in pair if (jid := _jid(text)) is not None})


def _widened(erasure: OpenErasure, addresses: Collection[Jid]) -> OpenErasure:
    salt = erasure.request.salt
    digests = {*erasure.request.digests, *(person_digest(salt, address) for address in addresses)}
    return OpenErasure(erasure.request.model_copy(update={"digests": tuple(sorted(digests))}), erasure.before)


def _forget_files(database: sqlite3.Connection, epoch: UUID, values: dict[str, object]) -> None:
    """Fetch no file of the person any more."""
    query = (
        "SELECT chat, from_me, whatsapp_id FROM messages WHERE seen_at < :before "
        "AND chat IN (SELECT value FROM json_each(:addresses))"
    )
    files = [
        str(media_id_of(epoch, Jid.parse(chat), from_me=bool(from_me), whatsapp_id=whatsapp_id))
        for chat, from_me, whatsapp_id in database.execute(query, values)
    ]
    database.execute("DELETE FROM transfers WHERE media_id IN (SELECT value FROM json_each(?))", (json.dumps(files),))


def _jid(text: str) -> Jid | None:
    try:
        return Jid.parse(text)
    except ValidationError:
        return None


def _read(envelope: bytes, before: float) -> OpenErasure | None:
    try:
        return OpenErasure(EraseRequest.decode(envelope), before)
    except ContractError as error:
        log.warning("erase_request_kept", error=str(error))
        return None
