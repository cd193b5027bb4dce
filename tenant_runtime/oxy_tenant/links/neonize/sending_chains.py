"""Which contacts' sending chains the library may have rolled back, and when it is safe to send to them. Pure.

whatsmeow loads, changes and stores the Signal session of a device both when it encrypts for it and when it decrypts
from it, without a lock between the two (https://github.com/tulir/whatsmeow/pull/1168). A message that is being
decrypted while one to the same contact is being encrypted stores the session as it was before: the next message to
that contact repeats key and counter, and the phone drops it in silence, although WhatsApp acknowledged it.

From outside only the times are seen: when a send began and ended, and when the library handed over what it had
decrypted, which is a little later than the decryption. So a send owes its contact a filler, something that phones do
not show and that may be dropped in the place of the next message, if anything of the contact was handed over between
its beginning and a margin after its end. Until that margin has passed nobody knows, and the next send waits for it.

Every message is encrypted for the other devices of the own account too, the phone first of all: they are one more
contact, `OWN`, of every send.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from oxy_core.identity import Jid
from oxy_tenant.links.errors import LinkUnavailableError

OWN: Final = "own"
"""Stands for the other devices of the connected account."""

SHORTEST_MARGIN: Final = 0.01
"""Seconds from a message's decryption to its callback that are nothing unusual: a few commits to a database."""

LONGEST_MARGIN: Final = 0.5

LONGEST_PAUSE: Final = 2.0

SENDS_MARGIN: Final = 2.0
"""The margin as a multiple of the time that the send took: what slows a decryption down slows a send down too."""

IDLE_GAP: Final = 0.002
"""Seconds between two callbacks after which the second one was not waiting for the first."""

MOST_OWED: Final = 4
"""More sends than these are not repeated by one rollback: a decryption is over in the time of one or two."""


_MOST_USES: Final = 32
"""Sends of a contact that are remembered; more than fit into the margins."""


@dataclass(slots=True)
class _Use:
    """A send, from the view of one contact."""

    began: float
    owed: int
    """Fillers that were owed before it: if the chain is back where it was then, they are owed again."""
    ended: float = math.inf

    @property
    def margin(self) -> float:
        """Seconds after its end in which what overlapped it is handed over."""
        return min(LONGEST_MARGIN, max(SHORTEST_MARGIN, SENDS_MARGIN * (self.ended - self.began)))

    @property
    def settled(self) -> float:
        """When everything that overlapped it has been handed over."""
        return self.ended + self.margin


class SendingChains:
    """Keeps count of the sends and of what arrived meanwhile, for one connection; safe to use from any thread."""

    def __init__(
        self,
        owed: Mapping[str, int] | None = None,
        *,
        keep: Callable[[Mapping[str, int]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with what an earlier run left `owed`; `keep` stores the changes of that, 0 meaning nothing."""
        self.own_users: frozenset[str] = frozenset()
        """Phone number and LID of the connected account."""
        self._owed = dict(owed or {})
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[str, deque[_Use]] = {}
        self._arrivals: dict[str, float] = {}
        """When a message of a contact in `_uses` came last."""
        self._aliases: dict[str, frozenset[str]] = {}
        self._busy_since = 0.0
        self._idle_from = 0.0

    # Sending

    @contextmanager
    def sending(self, chat: Jid) -> Iterator[None]:
        """Enclose a send; one that fails with LinkUnavailableError may not have used a key."""
        with self._lock:
            uses = {contact: self._begin(contact) for contact in self._contacts(chat)}
            self._change({contact: use.owed - 1 for contact, use in uses.items() if use.owed})
        try:
            yield
        except LinkUnavailableError:
            with self._lock:
                self._change({contact: max(use.owed, self._due(contact)) for contact, use in uses.items()})
            raise
        finally:
            with self._lock:
                self._end(uses.values())

    def owes(self, chat: Jid) -> bool:
        """Whether a send to `chat` may be dropped by a device that it is encrypted for."""
        with self._lock:
            return any(self._due(contact) for contact in self._contacts(chat))

    def undecided(self, chat: Jid) -> float:
        """Return for how many seconds it is not known yet whether the last send to `chat` owes it a filler."""
        with self._lock:
            uses = self._uses.get(self._contacts(chat)[0])
            return self._undecided(uses[-1], self._clock()) if uses else 0.0

    def unsettled(self, chat: Jid, fillers: int = 0) -> float:
        """Return for how many seconds it is better not to send to `chat`; look again after that.

        It is undecided what the last send owes, or a filler is owed and messages come so fast that it would meet one
        of them. After each of the `fillers` that did, the pause in what the contact writes must be twice as long.
        """
        undecided = self.undecided(chat)
        with self._lock:
            now = self._clock()
            pauses = [
                self._arrivals[contact] + min(LONGEST_PAUSE, self._uses[contact][-1].margin * 2**fillers) - now
                for contact in self._contacts(chat)
                if self._due(contact) and contact in self._arrivals
            ]
            return max(undecided, *pauses) if pauses else undecided

    # Receiving

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """Enclose a callback of the library; what it brings may have waited for the callbacks just before."""
        with self._lock:
            now = self._clock()
            if now - self._idle_from > IDLE_GAP:
                self._busy_since = now
            self._idle_from = math.inf
        try:
            yield
        finally:
            with self._lock:
                self._idle_from = self._clock()

    def arrived(self, addresses: frozenset[Jid], *, from_me: bool) -> bool:
        """Note a message that the library decrypted; return whether it makes a chain suspect.

        `addresses` are all known ones of the device's owner; `from_me` means another device of the own account.
        """
        with self._lock:
            since = max(self._busy_since, self._clock() - LONGEST_MARGIN)
            names = frozenset({OWN}) if from_me else frozenset(str(address.bare) for address in addresses)
            contacts = self._who(names)
            self._arrivals.update(dict.fromkeys(contacts, self._clock()))
            owed = {contact: self._repeated(contact, since) for contact in contacts}
            found = {contact: count for contact, count in owed.items() if count > self._due(contact)}
            for contact, count in found.items():
                same = names | {contact}
                self._aliases.update(dict.fromkeys(same, same))
                self._change({contact: count})
            return bool(found)

    # Under the lock

    def _contacts(self, chat: Jid) -> tuple[str, ...]:
        """Return whom a message to `chat` is encrypted for, the chat's own side first."""
        return (OWN,) if chat.user in self.own_users else (str(chat), OWN)

    def _due(self, contact: str) -> int:
        return self._owed.get(contact, 0)

    def _begin(self, contact: str) -> _Use:
        use = _Use(self._clock(), self._due(contact))
        self._forget(use.began - LONGEST_MARGIN)
        self._uses[contact] = deque([*self._uses.pop(contact, ()), use], _MOST_USES)
        return use

    def _forget(self, before: float) -> None:
        """Drop contacts whose last send was settled long ago; they are in the order of their last sends."""
        while self._uses and next(iter(self._uses.values()))[-1].settled < before:
            oldest = next(iter(self._uses))
            del self._uses[oldest]
            self._arrivals.pop(oldest, None)

    def _end(self, uses: Iterable[_Use]) -> None:
        for use in uses:
            use.ended = self._clock()

    def _undecided(self, use: _Use, now: float) -> float:
        """Return for how many seconds something that overlapped this send may still be handed over."""
        if use.ended == math.inf:
            return SHORTEST_MARGIN
        waiting = self._busy_since <= use.settled and now - self._idle_from <= IDLE_GAP
        longer = IDLE_GAP if waiting and now < use.settled + LONGEST_MARGIN else 0.0
        return min(LONGEST_MARGIN, max(use.settled - now, longer))

    def _who(self, names: frozenset[str]) -> set[str]:
        """Return the contacts that were sent to and may have these names."""
        known = {contact for contact in self._uses if contact in names}
        if len(names) > 1 or OWN in names:
            return known
        servers = {_server(name) for name in names}
        return known | {contact for contact in self._uses if contact != OWN and _server(contact) not in servers}

    def _repeated(self, contact: str, since: float) -> int:
        """Return how many sends may have to be repeated if a decryption took from `since` to now."""
        overlapped = [use for use in self._uses[contact] if since <= use.settled]
        return min(MOST_OWED, max(len(overlapped), *(use.owed for use in overlapped))) if overlapped else 0

    def _change(self, owed: Mapping[str, int]) -> None:
        changed: dict[str, int] = {}
        for contact, count in owed.items():
            for name in self._aliases.get(contact, {contact}):
                changed[name] = count
                if count:
                    self._owed[name] = count
                else:
                    self._owed.pop(name, None)
                    self._aliases.pop(name, None)
        if changed:
            self._keep(changed)


def _server(address: str) -> str:
    return address.partition("@")[2]
