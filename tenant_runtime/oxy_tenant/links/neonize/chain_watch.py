"""Makes `SendingChains` usable from all threads of a connection: adds a lock, a clock, and storage in the journal."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from oxy_core.identity import Jid
from oxy_tenant.links.errors import LinkUnavailableError
from oxy_tenant.links.neonize.sending_chains import MOST_OWED, OWN, SendingChains
from oxy_tenant.own_account import OwnAccount

QUEUE_SECONDS: Final = 30.0
"""For how long at most nothing is sent because the server delivers what it had queued."""

LOOK_SECONDS: Final = 0.05
"""How often it is checked whether it has."""


class ChainWatch:
    """Records sends and arrivals; thread-safe. `note` is called under the lock, with the fillers owed where changed."""

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
        self._queue_comes_until = 0.0

    @contextmanager
    def sending(self, chat: Jid) -> Iterator[None]:
        """Enclose a send. One that raises LinkUnavailableError may not have used a key, so it settles nothing."""
        with self._lock:
            uses = self._chains.begin(self._contacts(chat), self._clock())
            self._note_changes()
        try:
            yield
        except LinkUnavailableError:
            with self._lock:
                self._chains.revoke(uses)
                self._note_changes()
            raise
        finally:
            with self._lock:
                self._chains.end(uses, self._clock())

    def queue_announced(self) -> None:
        """Record that the server begins to deliver what it had queued while there was no connection.

        The library decrypts that faster than we journal it. So a message's callback may come seconds after it was
        decrypted, and whether a send overlapped it is no longer to be told from their times.
        """
        with self._lock:
            self._queue_comes_until = self._clock() + QUEUE_SECONDS

    def queue_delivered(self) -> None:
        """Record that the server has delivered that, and we have journalled it, or that the connection is lost."""
        with self._lock:
            self._queue_comes_until = 0.0

    def owes(self, chat: Jid) -> bool:
        """Whether a device may drop the next message to `chat`."""
        with self._lock:
            return self._chains.owes(self._contacts(chat))

    def undecided_seconds(self, chat: Jid) -> float:
        """Return for how many seconds the last send to `chat` may still turn out to have overlapped a message."""
        with self._lock:
            return self._chains.undecided_seconds(self._contacts(chat)[0], self._clock())

    def wait_seconds(self, chat: Jid, fillers: int = 0) -> float:
        """Return how many seconds to wait before the next send to `chat`, after `fillers` failed fillers."""
        with self._lock:
            now = self._clock()
            if now < self._queue_comes_until:
                return LOOK_SECONDS
            return self._chains.wait_seconds(self._contacts(chat), fillers, now)

    @contextmanager
    def calling_back(self) -> Iterator[None]:
        """Enclose a callback of the library."""
        with self._lock:
            self._chains.callback_began(self._clock())
        try:
            yield
        finally:
            with self._lock:
                self._chains.callback_ended(self._clock())

    def record_arrival(self, addresses: frozenset[Jid], *, from_me: bool) -> bool:
        """Record that the library decrypted a message; return whether that may have rolled back a chain.

        `addresses` are all known addresses of its sender; `from_me` means another device of our own account.
        """
        names = frozenset({OWN}) if from_me else frozenset(str(address.bare) for address in addresses)
        with self._lock:
            suspect = self._chains.record_arrival(names, self._clock())
            self._note_changes()
            return suspect

    def _contacts(self, chat: Jid) -> tuple[str, ...]:
        """Return the contacts that a message to `chat` is encrypted for, starting with the chat's."""
        return (OWN,) if self._account.owns(chat) else (str(chat), OWN)

    def _note_changes(self) -> None:
        """Store changes; call it under the lock, so that no other thread acts on them before they are stored."""
        changes = self._chains.take_changes()
        if changes:
            self._note(changes)


def owed_at_start(noted: Mapping[str, int], last_sends: Mapping[str, int]) -> dict[str, int]:
    """Return how many fillers each contact is owed when a run starts.

    `noted` is what the previous run stored. A message that arrived while it was being killed may be missing from it, so
    at least one filler is owed per message in `last_sends` (by chat). Our own devices got a copy of each.
    """
    owed = {chat: min(count, MOST_OWED) for chat, count in last_sends.items()}
    if owed:
        owed[OWN] = max(owed.values())
    return {contact: max(owed.get(contact, 0), noted.get(contact, 0)) for contact in owed | dict(noted)}
