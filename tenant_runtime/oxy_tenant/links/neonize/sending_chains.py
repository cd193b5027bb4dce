"""Which contacts' sending chains the library may have rolled back, and how long it is better not to send to them. Pure.

whatsmeow loads, changes and stores the Signal session of a device both when it encrypts for it and when it decrypts
from it, without a lock between the two (https://github.com/tulir/whatsmeow/pull/1168). A message that is being
decrypted while one to the same contact is being encrypted stores the session as it was before: the next message to
that contact repeats key and counter, and the phone drops it silently, although WhatsApp acknowledged it.

From outside only times are visible: when a send began and ended, and when the library called back with what it had
decrypted, a little later than the decryption. So a send owes its contact a filler, a message that phones do not show
and that may be dropped in place of the next one, if anything of the contact is called back between the beginning of
the send and a margin after its end. Until that margin has passed nobody knows, and the next send waits for it.

Every message is also encrypted for the other devices of our own account, the phone first of all: they are one more
contact, `OWN`, of every send.

Contacts are plain strings here, times are seconds of one clock that is passed in. `chain_watch` adds the clock, the
lock and the journal.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
"""One rollback does not repeat more sends than this: a decryption takes as long as one or two of them."""

_MOST_SENDS: Final = 32
"""Sends to a contact that are remembered; more than fit into the margins."""


@dataclass(slots=True)
class ChainUse:
    """A send, from the view of one contact."""

    began: float
    owed: int
    """Fillers that were owed before it: if the chain is back where it was then, they are owed again."""
    ended: float = math.inf

    @property
    def margin(self) -> float:
        """Seconds after its end in which whatever overlapped it is called back."""
        return min(LONGEST_MARGIN, max(SHORTEST_MARGIN, SENDS_MARGIN * (self.ended - self.began)))

    @property
    def settled(self) -> float:
        """When everything that overlapped it has been called back."""
        return self.ended + self.margin


ChainUses = dict[str, ChainUse]
"""One send, for each contact that it was encrypted for."""


class SendingChains:
    """Keeps count of the sends and of what arrived meanwhile, for one connection. No lock, no clock, no I/O."""

    def __init__(self, owed: Mapping[str, int]) -> None:
        """Start with what an earlier run left `owed`."""
        self._owed = dict(owed)
        self._changes: dict[str, int] = {}
        self._uses: dict[str, deque[ChainUse]] = {}
        self._arrivals: dict[str, float] = {}
        """When the newest message of a contact in `_uses` came."""
        self._aliases: dict[str, frozenset[str]] = {}
        self._busy_since = 0.0
        self._idle_from = 0.0

    def take_changes(self) -> dict[str, int]:
        """Return whose number of owed fillers changed since the last call, and to what; 0 means none are owed."""
        changes, self._changes = self._changes, {}
        return changes

    # -- sends

    def begin(self, contacts: Iterable[str], now: float) -> ChainUses:
        """Note that a send begins. It may serve as the filler that a contact is owed, so it pays one back."""
        uses = {contact: self._begin(contact, now) for contact in contacts}
        self._set_owed({contact: use.owed - 1 for contact, use in uses.items() if use.owed})
        return uses

    def _begin(self, contact: str, now: float) -> ChainUse:
        use = ChainUse(now, self._due(contact))
        self._forget(now - LONGEST_MARGIN)
        # Popping and inserting keeps `_uses` in the order of the last sends, which `_forget` relies on.
        self._uses[contact] = deque([*self._uses.pop(contact, ()), use], _MOST_SENDS)
        return use

    def revoke(self, uses: ChainUses) -> None:
        """Note that this send may not have used a key: what it paid back is owed again."""
        # Not less than what is due by now: a message may have arrived meanwhile and raised it.
        self._set_owed({contact: max(use.owed, self._due(contact)) for contact, use in uses.items()})

    def end(self, uses: ChainUses, now: float) -> None:
        """Note that a send has ended."""
        for use in uses.values():
            use.ended = now

    def owes(self, contacts: Iterable[str]) -> bool:
        """Whether one of these contacts may drop the next message."""
        return any(self._due(contact) for contact in contacts)

    def undecided(self, contact: str, now: float) -> float:
        """Return for how many seconds it is unknown whether the last send to `contact` owes it a filler."""
        uses = self._uses.get(contact)
        return _undecided(uses[-1], now, self._busy_since, self._idle_from) if uses else 0.0

    def unsettled(self, contacts: Sequence[str], fillers: int, now: float) -> float:
        """Return for how many seconds it is better not to send to `contacts`, the chat first; ask again after that.

        Either it is undecided what the last send owes, or a filler is owed and messages come so fast that it would
        overlap one of them. After each of the `fillers` that did, the contact must be silent for twice as long.
        """
        # Only the chat's own side is waited for: waiting for `OWN` as well would make all chats wait for each other.
        undecided = self.undecided(contacts[0], now)
        pauses = [
            self._arrivals[contact] + min(LONGEST_PAUSE, self._uses[contact][-1].margin * 2**fillers) - now
            for contact in contacts
            if self._due(contact) and contact in self._arrivals
        ]
        return max(undecided, *pauses) if pauses else undecided

    # -- arrivals

    def callback_began(self, now: float) -> None:
        """Note that the library calls back; what it brings may have waited for the callbacks just before."""
        if now - self._idle_from > IDLE_GAP:
            self._busy_since = now
        self._idle_from = math.inf

    def callback_ended(self, now: float) -> None:
        """Note that the library waits for us no longer."""
        self._idle_from = now

    def arrived(self, names: frozenset[str], now: float) -> bool:
        """Note a message that the library decrypted; return whether it makes a chain suspect.

        `names` are all known addresses of the device's owner, or `OWN` alone.
        """
        # Callbacks come one at a time, so this message may have been decrypted while the first of the present run of
        # callbacks was still working: it counts from there.
        since = max(self._busy_since, now - LONGEST_MARGIN)
        contacts = self._contacts_named(names)
        self._arrivals.update(dict.fromkeys(contacts, now))
        owed = {contact: self._repeated(contact, since) for contact in contacts}
        found = {contact: count for contact, count in owed.items() if count > self._due(contact)}
        for contact, count in found.items():
            # A filler to one address settles what is owed under the others: it is the same device.
            same = names | {contact}
            self._aliases.update(dict.fromkeys(same, same))
            self._set_owed({contact: count})
        return bool(found)

    def _contacts_named(self, names: frozenset[str]) -> set[str]:
        """Return the contacts that were sent to and may have these names."""
        known = {contact for contact in self._uses if contact in names}
        if len(names) > 1 or OWN in names:
            return known
        # With one address alone, anybody who was sent to by the other kind of address may be its owner.
        servers = {_server(name) for name in names}
        return known | {contact for contact in self._uses if contact != OWN and _server(contact) not in servers}

    def _repeated(self, contact: str, since: float) -> int:
        """Return how many sends may have to be repeated if a decryption took from `since` to now."""
        overlapped = [use for use in self._uses[contact] if since <= use.settled]
        # The chain may be back before the first of them: each used a key that is free again, and so did the fillers
        # that were owed then.
        return min(MOST_OWED, max(len(overlapped), *(use.owed for use in overlapped))) if overlapped else 0

    # -- what is owed

    def _due(self, contact: str) -> int:
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
        """Drop contacts whose last send was settled long ago; they are in the order of their last sends."""
        while self._uses and next(iter(self._uses.values()))[-1].settled < before:
            oldest = next(iter(self._uses))
            del self._uses[oldest]
            self._arrivals.pop(oldest, None)


def _undecided(use: ChainUse, now: float, busy_since: float, idle_from: float) -> float:
    """Return for how many seconds something that overlapped this send may still be called back."""
    if use.ended == math.inf:
        return SHORTEST_MARGIN
    # The margin has passed, but callbacks have followed each other without a gap since before it did: one that
    # overlapped the send may still wait in their line. Ask again after the shortest gap, up to the longest margin.
    in_line = busy_since <= use.settled and now - idle_from <= IDLE_GAP
    longer = IDLE_GAP if in_line and now < use.settled + LONGEST_MARGIN else 0.0
    return min(LONGEST_MARGIN, max(use.settled - now, longer))


def _server(address: str) -> str:
    return address.partition("@")[2]
