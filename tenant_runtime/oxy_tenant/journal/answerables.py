"""Polls and events that can be answered: the secrets of theirs with which the answers are encrypted."""

import json
import sqlite3
from typing import Final

from oxy_core.content import Poll
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.received import IncomingMessage
from oxy_tenant.content.sealing import Answerable, opened
from oxy_tenant.journal.reports import Clock

_ANSWERED: Final = frozenset({MessageKind.POLL, MessageKind.EVENT})


class Answerables:
    """The polls and events of one instance's chats. All methods are part of the caller's transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def note(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage) -> None:
        """Keep what is needed to read answers to a message, if it is one that can be answered."""
        if message.kind in _ANSWERED and message.secret is not None:
            options = message.details.options if isinstance(message.details, Poll) else ()
            self.keep(database, chat, message.whatsapp_id, Answerable(message.secret, options))

    def keep(self, database: sqlite3.Connection, chat: Jid, whatsapp_id: str, answerable: Answerable) -> None:
        """Keep a poll or an event; the first of an id counts."""
        row = (str(chat), whatsapp_id, answerable.secret, json.dumps(answerable.options), self._clock().timestamp())
        query = "INSERT OR IGNORE INTO answerables (chat, whatsapp_id, secret, options, kept_at) VALUES (?, ?, ?, ?, ?)"
        database.execute(query, row)

    def open(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage) -> IncomingMessage:
        """Return a message with what its sealed answer says, as far as what it answers is known."""
        if message.sealed is None:
            return message
        query = "SELECT secret, options FROM answerables WHERE chat = ? AND whatsapp_id = ?"
        row = database.execute(query, (str(chat), message.sealed.target_id)).fetchone()
        if row is None:
            return message
        return opened(message, Answerable(row[0], tuple(json.loads(row[1]))))
