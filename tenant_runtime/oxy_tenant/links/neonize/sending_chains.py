"""Decides which ratchets the library may have rolled back, and how long to wait before sending to them. Pure.

whatsmeow loads, changes and stores the Signal session of a device both when it encrypts for it and when it decrypts
from it, without a lock between the two (https://github.com/tulir/whatsmeow/pull/1168). If a message to a contact is
encrypted while one from the same contact is being decrypted, the decryption stores the session that it loaded before.
That rolls back the sending chain of the ratchet: the next message to that contact repeats key and counter, and the
phone silently drops it, although WhatsApp acknowledged it.

From outside we see only times: when a send began and ended, and when the library called back with a message, a little
after decrypting it. If the callback for a contact's message comes between the start of a send and a margin after its
end, the contact is owed a filler: a message that phones do not show, and that may be dropped instead of the next one.
Until the margin has passed, the send is undecided and the next one waits.

Every message is also encrypted for the other devices of our own account, above all its phone. They count as one more
contact, `OWN`, of every send.

Contacts are plain strings here, and times are seconds of a clock that the caller reads. `chain_watch` adds the clock,
the lock and the journal.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

OWN: Final = "own"
"""The other devices of the connected account, as a contact."""

SHORTEST_MARGIN: Final = 0.01
"""Seconds that usually pass between decrypting a message and its callback: a few commits to a database."""

LONGEST_MARGIN: Final = 0.5

LONGEST_PAUSE: Final = 2.0
"""Most seconds that a contact must be silent before a filler."""

SENDS_MARGIN: Final = 2.0
"""The margin as a multiple of the send's duration, because whatever slows down decryption also slows down sends."""

IDLE_GAP: Final = 0.002
"""If more seconds than this pass between two callbacks, the second was not queued behind the first."""

MOST_OWED: Final = 4
"""Maximum number of sends that one rollback can undo; a decryption takes only as long as one or two of them."""

_MOST_SENDS: Final = 32
"""Maximum number of sends remembered per contact; more than fit into the margins."""


@dataclass(slots=True)
class ChainUse:
    """A send, for one of the contacts that it is encrypted for."""

    began: float
    owed: int
    """Fillers owed before it; they are owed again if the chain is rolled back to that point."""
    ended: float = math.inf

    @property
    def margin(self) -> float:
        """Seconds after its end by which the library has called back with every message that overlapped it."""
        return min(LONGEST_MARGIN, max(SHORTEST_MARGIN, SENDS_MARGIN * (self.ended - self.began)))

    @property
    def settled_at(self) -> float:
        """Time by which the library has called back with every message that overlapped it."""
        return self.ended + self.margin


ChainUses = dict[str, ChainUse]
"""One send, by contact."""


class SendingChains:
    """Counts the fillers owed on one connection. No lock, no clock, no I/O."""

    def __init__(self, owed: Mapping[str, int]) -> None:
        """Start with the fillers `owed` since the previous run."""
        self._owed = dict(owed)
        self._changes: dict[str, int] = {}
        self._uses: dict[str, deque[ChainUse]] = {}
        self._arrivals: dict[str, float] = {}
        """When the newest message of a contact in `_uses` arrived."""
        self._aliases: dict[str, frozenset[str]] = {}
        self._busy_since = 0.0
        self._idle_from = 0.0

    def take_changes(self) -> dict[str, int]:
        """Return the numbers of owed fillers that changed since the last call, by contact."""
        changes, self._changes = self._changes, {}
        return changes

    # -- sends

    def begin(self, contacts: Iterable[str], now: float) -> ChainUses:
        """Record the start of a send. Any message also serves as a filler, so each contact is owed one less."""
        uses = {contact: self._begin(contact, now) for contact in contacts}
        self._set_owed({contact: use.owed - 1 for contact, use in uses.items() if use.owed})
        return uses

    def _begin(self, contact: str, now: float) -> ChainUse:
        use = ChainUse(now, self._owed_to(contact))
        self._forget(now - LONGEST_MARGIN)
        # Removing and adding keeps `_uses` in the order of last sends, which `_forget` relies on.
        self._uses[contact] = deque([*self._uses.pop(contact, ()), use], _MOST_SENDS)
        return use

    def revoke(self, uses: ChainUses) -> None:
        """Record that a send may not have used a key: the filler that it served as is owed again."""
        # A message that arrived meanwhile may have raised the number, so never lower it.
        self._set_owed({contact: max(use.owed, self._owed_to(contact)) for contact, use in uses.items()})

    def end(self, uses: ChainUses, now: float) -> None:
        """Record the end of a send, from which its margin runs."""
        for use in uses.values():
            use.ended = now

    def owes(self, contacts: Iterable[str]) -> bool:
        """Whether one of these contacts may drop the next message."""
        return any(self._owed_to(contact) for contact in contacts)

    def undecided_seconds(self, contact: str, now: float) -> float:
        """Return for how many seconds the last send to `contact` may still turn out to have overlapped a message."""
        uses = self._uses.get(contact)
        return _undecided(uses[-1], now, self._busy_since, self._idle_from) if uses else 0.0

    def wait_seconds(self, contacts: Sequence[str], fillers: int, now: float) -> float:
        """Return how many seconds to wait before sending to `contacts`, the chat first; ask again afterwards.

        Wait while the last send is undecided, or while a filler is owed and messages arrive so fast that it would
        overlap one. After each of the `fillers` that did, the contact must be silent for twice as long.
        """
        # Do not wait for `OWN`: it is a contact of every send, so all chats would wait for each other.
        undecided = self.undecided_seconds(contacts[0], now)
        pauses = [
            self._arrivals[contact] + min(LONGEST_PAUSE, self._uses[contact][-1].margin * 2**fillers) - now
            for contact in contacts
            if self._owed_to(contact) and contact in self._arrivals
        ]
        return max(undecided, *pauses) if pauses else undecided

    # -- arrivals

    def callback_began(self, now: float) -> None:
        """Record the start of a callback; its message may have waited for the callbacks just before it."""
        if now - self._idle_from > IDLE_GAP:
            self._busy_since = now
        self._idle_from = math.inf

    def callback_ended(self, now: float) -> None:
        """Record the end of a callback."""
        self._idle_from = now

    def record_arrival(self, names: frozenset[str], now: float) -> bool:
        """Record that the library decrypted a message; return whether that may have rolled back a chain.

        `names` are all known addresses of its sender, or only `OWN`.
        """
        # Callbacks come one at a time. If they follow each other without a gap, this message may have been decrypted as
        # early as the first of them, and then waited in the queue.
        since = max(self._busy_since, now - LONGEST_MARGIN)
        contacts = self._contacts_named(names)
        self._arrivals.update(dict.fromkeys(contacts, now))
        owed = {contact: self._rolled_back(contact, since) for contact in contacts}
        found = {contact: count for contact, count in owed.items() if count > self._owed_to(contact)}
        for contact, count in found.items():
            # All these names belong to one contact, so a filler to one of them counts for all.
            same = names | {contact}
            self._aliases.update(dict.fromkeys(same, same))
            self._set_owed({contact: count})
        return bool(found)

    def _contacts_named(self, names: frozenset[str]) -> set[str]:
        """Return the contacts with recent sends that may have one of these names."""
        known = {contact for contact in self._uses if contact in names}
        if len(names) > 1 or OWN in names:
            return known
        # Only one address is known, so any contact known by the other kind of address may be the same person.
        servers = {_server(name) for name in names}
        return known | {contact for contact in self._uses if contact != OWN and _server(contact) not in servers}

    def _rolled_back(self, contact: str, since: float) -> int:
        """Return how many sends a decryption that lasted from `since` until now may have rolled back."""
        overlapped = [use for use in self._uses[contact] if since <= use.settled_at]
        # In the worst case the chain is back at its state before the first of them. Then the keys of all of them will
        # be repeated, and so will those that the fillers owed at that time should have used up.
        return min(MOST_OWED, max(len(overlapped), *(use.owed for use in overlapped))) if overlapped else 0

    # -- owed fillers

    def _owed_to(self, contact: str) -> int:
        return self._owed.get(contact, 0)

    def _set_owed(self, owed: Mapping[str, int]) -> None:
        for contact, count in owed.items():
            for name in self._aliases.get(contact, {contact}):
                self._changes[name] = count
                if count:
                    self._owed[name] = count
                else:
                    self._owed.pop(name, None)
                    self._aliases.pop(name, None)

    def _forget(self, before: float) -> None:
        """Drop contacts whose last send was settled before this time."""
        while self._uses and next(iter(self._uses.values()))[-1].settled_at < before:
            oldest = next(iter(self._uses))
            del self._uses[oldest]
            self._arrivals.pop(oldest, None)


def _undecided(use: ChainUse, now: float, busy_since: float, idle_from: float) -> float:
    """Return for how many seconds the library may still call back with a message that overlapped this send."""
    if use.ended == math.inf:  # still being sent: check again soon
        return SHORTEST_MARGIN
    # If callbacks have followed each other without a gap since before the margin passed, a message that overlapped the
    # send may still be queued behind them. Then check again at short intervals, up to the longest margin.
    queued = busy_since <= use.settled_at and now - idle_from <= IDLE_GAP
    longer = IDLE_GAP if queued and now < use.settled_at + LONGEST_MARGIN else 0.0
    return min(LONGEST_MARGIN, max(use.settled_at - now, longer))


def _server(address: str) -> str:
    return address.partition("@")[2]
