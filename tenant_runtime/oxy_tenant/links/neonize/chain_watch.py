"""Makes `SendingChains` usable from all threads of a connection: adds a lock, a clock, and storage in the journal."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from oxy_core.identity import Jid
from oxy_tenant.account import OwnAccount
from oxy_tenant.links.errors import LinkUnavailableError
from oxy_tenant.links.neonize.sending_chains import MOST_OWED, OWN, SendingChains


class ChainWatch:
    """Records sends and arrivals; thread-safe. `note` stores changes of what is owed, under the lock."""

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
        """Enclose a send. If it raises LinkUnavailableError, it counts as not having used a key."""
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
        """Whether a device may drop the next message to `chat`."""
        with self._exclusive():
            return self._chains.owes(self._contacts(chat))

    def undecided(self, chat: Jid) -> float:
        """Return for how many more seconds it is unknown whether the last send to `chat` owes it a filler."""
        with self._exclusive() as now:
            return self._chains.undecided(self._contacts(chat)[0], now)

    def unsettled(self, chat: Jid, fillers: int = 0) -> float:
        """Return how many seconds to wait before sending to `chat`, after so many failed `fillers`."""
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
        """Record that the library decrypted a message; return whether that makes a chain suspect.

        `addresses` are all known ones of its sender; `from_me` means another device of our own account.
        """
        names = frozenset({OWN}) if from_me else frozenset(str(address.bare) for address in addresses)
        with self._exclusive() as now:
            return self._chains.arrived(names, now)

    def _contacts(self, chat: Jid) -> tuple[str, ...]:
        """Return the contacts that a message to `chat` is encrypted for, starting with the chat's."""
        return (OWN,) if self._account.owns(chat) else (str(chat), OWN)

    @contextmanager
    def _exclusive(self) -> Iterator[float]:
        """Hold the lock; yield the time; store changes before another thread can act on them."""
        with self._lock:
            yield self._clock()
            changes = self._chains.take_changes()
            if changes:
                self._note(changes)


def owed_at_start(noted: Mapping[str, int], last_sends: Mapping[str, int]) -> dict[str, int]:
    """Return how many fillers are owed to whom when a run starts.

    `noted` is what the previous run stored. It could not store anything about messages that arrived while it was being
    killed, so one filler per message in `last_sends` (by chat) is owed as well. Our own devices got a copy of each.
    """
    owed = {chat: min(count, MOST_OWED) for chat, count in last_sends.items()}
    if owed:
        owed[OWN] = max(owed.values())
    return {contact: max(owed.get(contact, 0), noted.get(contact, 0)) for contact in owed | dict(noted)}
