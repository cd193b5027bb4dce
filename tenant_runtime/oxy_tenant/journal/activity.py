"""When chats were last used, and what the business answered so quickly that no person wrote it."""

import hashlib
import sqlite3

from oxy_core.content import MessageSource
from oxy_core.identity import Jid
from oxy_tenant.content.automatic import ChatActivity, is_quick, source_of_own
from oxy_tenant.content.received import IncomingMessage
from oxy_tenant.journal.reports import Clock


class Activity:
    """The activity of one instance's chats. All methods are part of the caller's transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def source_of(self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage) -> MessageSource:
        """Return who wrote a message, and remember what that says about later ones; call it once for each."""
        activity = self._of(database, chat)
        if message.sent_at is None:
            return message.source
        at = message.sent_at.timestamp()
        if not message.from_me:
            self._keep(database, chat, activity.with_contact(at))
            return message.source
        source = source_of_own(message, activity, said_before=self._said_before(database, chat, message, activity))
        self._keep(database, chat, activity.with_own(at))
        return source

    def _of(self, database: sqlite3.Connection, chat: Jid) -> ChatActivity:
        query = "SELECT contact_at, active_before, own_at FROM chats WHERE chat = ?"
        row = database.execute(query, (str(chat),)).fetchone()
        return ChatActivity() if row is None else ChatActivity(*row)

    def _keep(self, database: sqlite3.Connection, chat: Jid, activity: ChatActivity) -> None:
        # The row exists: the message has been counted.
        query = "UPDATE chats SET contact_at = ?, active_before = ?, own_at = ? WHERE chat = ?"
        database.execute(query, (activity.contact_at, activity.before, activity.own_at, str(chat)))

    def _said_before(
        self, database: sqlite3.Connection, chat: Jid, message: IncomingMessage, activity: ChatActivity
    ) -> bool:
        """Whether the business answered with the same text as quickly in another chat before; remember this time."""
        if message.text is None or not is_quick(message, activity):
            return False
        digest = hashlib.sha256(message.text.encode()).digest()
        query = "SELECT EXISTS (SELECT 1 FROM quick_answers WHERE digest = ? AND chat <> ?)"
        known = bool(database.execute(query, (digest, str(chat))).fetchone()[0])
        keep = "INSERT OR REPLACE INTO quick_answers (digest, chat, said_at) VALUES (?, ?, ?)"
        database.execute(keep, (digest, str(chat), self._clock().timestamp()))
        return known
