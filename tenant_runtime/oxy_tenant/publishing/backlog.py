"""What to publish next: the journal in order, but no chat faster than its rate.

A chat beyond its rate is held, and the others go on. Its own messages stay in order.
"""

from oxy_tenant.journal.reports import JournalEntry, Reports
from oxy_tenant.publishing.rates import ChatRates


class Backlog:
    """The waiting reports of one instance. Each is returned once, until `restart`."""

    def __init__(self, reports: Reports, rates: ChatRates) -> None:
        self._reports = reports
        self._rates = rates
        self._read = 0
        """Reports up to this number were returned or belong to a held chat."""
        self._held: dict[str, int] = {}
        """Held chats, and the number after which their reports wait."""

    def restart(self) -> None:
        """Begin with the oldest waiting report again."""
        self._read = 0
        self._held.clear()

    @property
    def holds(self) -> bool:
        """Whether reports of any chat wait for its rate."""
        return bool(self._held)

    def has_due(self, now: float) -> bool:
        """Whether a held chat may publish again."""
        return any(self._rates.allows(chat, now) for chat in self._held)

    def take(self, limit: int, now: float) -> list[JournalEntry]:
        """Return at most `limit` reports to publish next."""
        entries = self._of_held_chats(limit, now)
        return entries + self._of_journal(limit - len(entries), now)

    def _of_held_chats(self, limit: int, now: float) -> list[JournalEntry]:
        taken: list[JournalEntry] = []
        for chat in list(self._held):
            while len(taken) < limit and self._rates.allows(chat, now):
                entry = self._reports.waiting_of(chat, self._held[chat])
                if entry is None or entry.number > self._read:
                    # The chat has caught up; what follows is found in the journal.
                    del self._held[chat]
                    break
                self._rates.take(chat, now)
                self._held[chat] = entry.number
                taken.append(entry)
        return taken

    def _of_journal(self, limit: int, now: float) -> list[JournalEntry]:
        taken: list[JournalEntry] = []
        while len(taken) < limit:
            wanted = limit - len(taken)
            newest = self._reports.newest if self._held else self._read
            found = self._reports.waiting(self._read, wanted, but_of=self._held)
            taken += [entry for entry in found if self._passes(entry, now)]
            self._read = found[-1].number if found else self._read
            if len(found) < wanted:
                # Held chats may have more before `newest`; reading past them keeps the next look short.
                self._read = max(self._read, newest)
                break
        return taken

    def _passes(self, entry: JournalEntry, now: float) -> bool:
        if entry.chat is None:
            return True
        if entry.chat in self._held:
            return False
        if not self._rates.take(entry.chat, now):
            self._held[entry.chat] = entry.number - 1
            return False
        return True
