"""Polls and events that can be answered, and messages that can be edited: the secrets by which that is encrypted."""

import json
import sqlite3
from typing import Final

from oxy_core.content import Poll
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.received import IncomingMessage
from oxy_tenant.content.sealing import Answerable, left_sealed, opened
from oxy_tenant.journal.reports import Clock

_ANSWERED: Final = frozenset({MessageKind.POLL, MessageKind.EVENT})
_EDITED: Final = frozenset(
    {MessageKind.TEXT, MessageKind.IMAGE, MessageKind.VIDEO, MessageKind.GIF, MessageKind.DOCUMENT}
)
"""What has a text or a caption. Phones edit it for 15 minutes."""


class Answerables:
    """What can be answered or edited in one instance's chats. All methods are part of the caller's transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def note(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage) -> None:
        """Keep what is needed to read answers to a message, or edits of it, if there can be any."""
        if message.secret is not None and (message.kind in _ANSWERED or message.kind in _EDITED):
            options = message.details.options if isinstance(message.details, Poll) else ()
            brief = message.kind in _EDITED
            self.keep(database, chat, message.whatsapp_id, Answerable(message.secret, options), brief=brief)

    def keep(
        self, database: sqlite3.Connection, chat: Jid, whatsapp_id: str, answerable: Answerable, *, brief: bool = False
    ) -> None:
        """Keep the secret of a message, `brief`: which can be edited only; the first of an id counts."""
        options, kept_at = json.dumps(answerable.options), self._clock().timestamp()
        query = (
            "INSERT OR IGNORE INTO answerables (chat, whatsapp_id, secret, options, kept_at, brief) "
            "VALUES (?, ?, ?, ?, ?, ?)"
        )
        database.execute(query, (str(chat), whatsapp_id, answerable.secret, options, kept_at, brief))

    def open(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage) -> IncomingMessage:
        """Return a message with what its sealed answer says, as far as what it answers is known."""
        if message.sealed is None:
            return message
        query = "SELECT secret, options FROM answerables WHERE chat = ? AND whatsapp_id = ?"
        row = database.execute(query, (str(chat), message.sealed.target_id)).fetchone()
        if row is None:
            return left_sealed(message)
        return left_sealed(opened(message, Answerable(row[0], tuple(json.loads(row[1])))))
