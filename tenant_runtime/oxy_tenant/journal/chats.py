"""Chats: the one address that each is stored under, and the sequence numbers of its messages."""

import sqlite3

from oxy_core.identity import Jid
from oxy_tenant.journal.database import JournalDatabase


class Chats:
    """The chats in the journal. Methods with a `database` are part of the caller's transaction."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def resolve(self, database: sqlite3.Connection, chat: Jid, alias: Jid | None = None) -> Jid:
        """Return the address under which this chat is stored, and record `alias` as its other address.

        `alias` is given only if WhatsApp gave both addresses; `chat` is then the LID.
        """
        if alias is None:
            return self._chat_of_alias(database, chat) or chat
        # `chat` needs no look-up, because a LID is never an alias.
        known = self._chat_of_alias(database, alias)
        if known != chat:
            database.execute("INSERT OR REPLACE INTO chat_aliases (alias, chat) VALUES (?, ?)", (str(alias), str(chat)))
        # The phone number may have been a separate chat until WhatsApp first gave both addresses together. If it had
        # another LID before, it is now another person's, and what the first one wrote stays theirs.
        if known is None:
            self._merge(database, alias, chat)
        return chat

    def _chat_of_alias(self, database: sqlite3.Connection, alias: Jid) -> Jid | None:
        row = database.execute("SELECT chat FROM chat_aliases WHERE alias = ?", (str(alias),)).fetchone()
        return None if row is None else Jid.parse(row[0])

    def _merge(self, database: sqlite3.Connection, old: Jid, new: Jid) -> None:
        """Move everything stored under `old` to `new`."""
        names = {"old": str(old), "new": str(new)}
        # Both may have sequences. Continue from the higher one, so that no number known to the platform is repeated.
        database.execute(
            "INSERT INTO chats (chat, last_sequence, own_sequence, contact_at, active_before, own_at) "
            "SELECT :new, last_sequence, own_sequence, contact_at, active_before, own_at FROM chats WHERE chat = :old "
            "ON CONFLICT (chat) DO UPDATE SET last_sequence = max(last_sequence, excluded.last_sequence), "
            "own_sequence = max(own_sequence, excluded.own_sequence), "
            "contact_at = max(contact_at, excluded.contact_at), own_at = max(own_at, excluded.own_at), "
            "active_before = max(active_before, excluded.active_before)",
            names,
        )
        database.execute("DELETE FROM chats WHERE chat = :old", names)
        # OR IGNORE: a message received under both addresses already has a row under the new one. Its old row stays
        # until it is pruned; looking up the message by its id still finds it.
        database.execute("UPDATE OR IGNORE messages SET chat = :new WHERE chat = :old", names)
        database.execute("UPDATE sends SET chat = :new WHERE chat = :old", names)
        # Another spelling of the number (`numbers`) may refer to the old address.
        database.execute("UPDATE chat_aliases SET chat = :new WHERE chat = :old", names)
        database.execute("UPDATE OR IGNORE answerables SET chat = :new WHERE chat = :old", names)

    def count(self, database: sqlite3.Connection, chat: Jid) -> int:
        """Return the next sequence in the chat."""
        sequence: int = database.execute(
            "INSERT INTO chats (chat, last_sequence) VALUES (?, 1) "
            "ON CONFLICT (chat) DO UPDATE SET last_sequence = last_sequence + 1 RETURNING last_sequence",
            (str(chat),),
        ).fetchone()[0]
        return sequence

    def note_own(self, database: sqlite3.Connection, chat: Jid, sequence: int) -> None:
        """Note that a person of the business wrote the message with this sequence."""
        database.execute("UPDATE chats SET own_sequence = ? WHERE chat = ?", (sequence, str(chat)))

    def addresses(self, chat: Jid) -> tuple[Jid, ...]:
        """Return all known addresses of a chat, starting with the one that it is stored under: the LID if known."""
        query = (
            "WITH current AS (SELECT coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1) AS chat) "
            "SELECT chat FROM current UNION ALL SELECT alias FROM chat_aliases JOIN current USING (chat)"
        )
        return tuple(Jid.parse(row[0]) for row in self._journal.read(query, str(chat)))

    def is_known(self, chat: Jid) -> bool:
        """Whether a message in this chat was ever seen, so that its address comes from WhatsApp."""
        query = "SELECT 1 FROM chats WHERE chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1)"
        return bool(self._journal.read(query, str(chat)))

    def written_sequence(self, chat: Jid) -> int:
        """Return the sequence of the newest message of a chat in which the contact has written; 0: he never has.

        `chat` is any of the chat's addresses.
        """
        query = (
            "SELECT last_sequence FROM chats WHERE contact_at > 0 "
            "AND chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1)"
        )
        rows = self._journal.read(query, str(chat))
        return int(rows[0][0]) if rows else 0

    def own_sequence(self, chat: Jid) -> int:
        """Return the sequence of the newest message that the business sent from another device; 0: none.

        `chat` is any of the chat's addresses.
        """
        query = (
            "SELECT own_sequence FROM chats WHERE chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = ?1), ?1)"
        )
        rows = self._journal.read(query, str(chat))
        return int(rows[0][0]) if rows else 0
