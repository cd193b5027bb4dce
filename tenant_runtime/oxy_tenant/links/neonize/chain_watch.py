"""`SendingChains` for the threads of one connection: with a lock, a clock, and the journal that keeps what is owed."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from oxy_core.identity import Jid
from oxy_tenant.account import OwnAccount
from oxy_tenant.links.errors import LinkUnavailableError
from oxy_tenant.links.neonize.sending_chains import MOST_OWED, OWN, SendingChains


class ChainWatch:
    """Watches sends and arrivals; safe to use from any thread. `note` stores what is owed and may block for a write."""

    def __init__(
        self,
        account: OwnAccount,
        owed: Mapping[str, int],
        note: Callable[[Mapping[str, int]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._chains = SendingChains(owed)
        self._note = note
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def sending(self, chat: Jid) -> Iterator[None]:
        """Enclose a send; one that fails with LinkUnavailableError may not have used a key."""
        with self._exclusive() as now:
            uses = self._chains.begin(self._contacts(chat), now)
        try:
            yield
        except LinkUnavailableError:
            with self._exclusive():
                self._chains.revoke(uses)
            raise
        finally:
            with self._exclusive() as now:
                self._chains.end(uses, now)

    def owes(self, chat: Jid) -> bool:
        """Whether a send to `chat` may be dropped by a device that it is encrypted for."""
        with self._exclusive():
            return self._chains.owes(self._contacts(chat))

    def undecided(self, chat: Jid) -> float:
        """Return for how many seconds it is unknown whether the last send to `chat` owes it a filler."""
        with self._exclusive() as now:
            return self._chains.undecided(self._contacts(chat)[0], now)

    def unsettled(self, chat: Jid, fillers: int = 0) -> float:
        """Return for how many seconds it is better not to send to `chat`, after so many `fillers` in vain."""
        with self._exclusive() as now:
            return self._chains.unsettled(self._contacts(chat), fillers, now)

    @contextmanager
    def calling_back(self) -> Iterator[None]:
        """Enclose a callback of the library."""
        with self._exclusive() as now:
            self._chains.callback_began(now)
        try:
            yield
        finally:
            with self._exclusive() as now:
                self._chains.callback_ended(now)

    def arrived(self, addresses: frozenset[Jid], *, from_me: bool) -> bool:
        """Note a message that the library decrypted; return whether it makes a chain suspect.

        `addresses` are all known ones of the device's owner; `from_me` means another device of our own account.
        """
        names = frozenset({OWN}) if from_me else frozenset(str(address.bare) for address in addresses)
        with self._exclusive() as now:
            return self._chains.arrived(names, now)

    def _contacts(self, chat: Jid) -> tuple[str, ...]:
        """Return whom a message to `chat` is encrypted for, the chat's own side first."""
        return (OWN,) if self._account.owns(chat) else (str(chat), OWN)

    @contextmanager
    def _exclusive(self) -> Iterator[float]:
        """Hold the lock, give the time, and note what changed before anybody else may act on it."""
        with self._lock:
            yield self._clock()
            changes = self._chains.take_changes()
            if changes:
                self._note(changes)


def owed_at_start(noted: Mapping[str, int], last_sends: Mapping[str, int]) -> dict[str, int]:
    """Return to whom fillers are owed when a run starts.

    `noted` is what the last run wrote down. What arrived in the moment in which it was killed it could not note, so
    the `last_sends` (by chat) count as owed too, and the other devices of the account got a copy of each.
    """
    owed = {chat: min(count, MOST_OWED) for chat, count in last_sends.items()}
    if owed:
        owed[OWN] = max(owed.values())
    return {contact: max(owed.get(contact, 0), noted.get(contact, 0)) for contact in owed | dict(noted)}
