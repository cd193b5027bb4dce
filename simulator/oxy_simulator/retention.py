"""Bounded memory: what all phones remember together, of which the oldest is forgotten beyond some limits.

Only traffic counts here. Accounts, devices, sessions and unacknowledged mail are never forgotten.
"""

from collections import deque
from typing import Final

from oxy_simulator.accounts import Account, inbox_identity
from oxy_simulator.chats import message_key
from oxy_simulator.tables import Table

KEPT_MESSAGES: Final = 100_000


class Retention:
    """Knows in which order everything came, whoever's it is."""

    def __init__(
        self,
        accounts: Table[str, Account],
        kept: int = KEPT_MESSAGES,
        *,
        known: int | None = None,
        sent: int | None = None,
    ) -> None:
        """Begin with what the accounts remember.

        Keep so many inbox entries, as many messages as phones know them, and half as many sent ones unless told.
        """
        self._accounts = accounts
        self._limits = (kept, kept if known is None else known, kept // 2 if sent is None else sent)
        everyone = accounts.values()
        entries = [(entry.at, account.phone) for account in everyone for entry in account.inbox]
        messages = [
            (message.at, account.phone, key) for account in everyone for key, message in account.chats.messages.items()
        ]
        self._inbox = deque(phone for _, phone in sorted(entries))
        self._known = deque((phone, key) for _, phone, key in sorted(messages))
        self._sent = deque((account.phone, key) for account in everyone for key in account.sent)

    def shown(self, phone: Account) -> None:
        """Take note of a new entry in a phone's inbox."""
        self._inbox.append(phone.phone)
        while len(self._inbox) > self._limits[0]:
            oldest = self._accounts[self._inbox.popleft()]
            if oldest.inbox:  # a restart without memory may have emptied it
                oldest.seen.discard(inbox_identity(oldest.inbox.forget_oldest()))

    def known(self, phone: Account, chat: Account, message_id: str) -> None:
        """Take note of a message that a phone has learned."""
        self._known.append((phone.phone, message_key(chat.phone, message_id)))
        while len(self._known) > self._limits[1]:
            oldest, key = self._known.popleft()
            self._accounts[oldest].chats.messages.pop(key, None)

    def sent(self, phone: Account, key: str) -> None:
        """Take note of a message that a phone can send again."""
        self._sent.append((phone.phone, key))
        while len(self._sent) > self._limits[2]:
            oldest, key = self._sent.popleft()
            self._accounts[oldest].sent.pop(key, None)
