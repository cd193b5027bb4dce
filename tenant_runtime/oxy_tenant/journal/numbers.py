"""Phone numbers about which WhatsApp was asked: an account may be registered under another spelling of its number."""

from datetime import timedelta
from typing import Final

from oxy_core.identity import Jid
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock

RESOLVED_FOR: Final = timedelta(days=30)
"""How long an answer counts. Then WhatsApp is asked again: numbers are given to other people."""

MOST_RESOLVED: Final = 20_000
"""Answers that are kept."""


class ResolvedNumbers:
    """The numbers of one journal."""

    def __init__(self, journal: JournalDatabase, chats: Chats, clock: Clock) -> None:
        self._journal = journal
        self._chats = chats
        self._clock = clock

    def is_resolved(self, phone: str) -> bool:
        """Whether WhatsApp was asked about this E.164 number, and had an account for it."""
        since = (self._clock() - RESOLVED_FOR).timestamp()
        return bool(self._journal.read("SELECT 1 FROM numbers WHERE phone = ? AND resolved_at >= ?", phone, since))

    def note(self, asked: Jid, found: Jid) -> None:
        """Record the account that WhatsApp has for the number `asked`: both are addresses of one chat from now on."""
        with self._journal.transaction(durable=False) as database:
            database.execute(
                "INSERT OR REPLACE INTO numbers (phone, resolved_at) VALUES (?, ?)",
                (asked.phone, self._clock().timestamp()),
            )
            chat = self._chats.resolve(database, found)
            if chat != asked:
                self._chats.resolve(database, chat, asked)

    def prune(self) -> None:
        """Forget answers that are too old or too many."""
        before = (self._clock() - RESOLVED_FOR).timestamp()
        with self._journal.transaction(durable=False) as database:
            database.execute("DELETE FROM numbers WHERE resolved_at < ?", (before,))
            database.execute(
                "DELETE FROM numbers WHERE phone IN "
                "(SELECT phone FROM numbers ORDER BY resolved_at DESC LIMIT -1 OFFSET ?)",
                (MOST_RESOLVED,),
            )
