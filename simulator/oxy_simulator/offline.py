"""The offline queue: what waited for a device comes before anything live, in batches.

The server announces how much waits, sends it with at most a batch unacknowledged at a time, closes
with a count, and only then sends what came meanwhile. Clients may ask for a larger batch. Nothing of
this is sent faster than the client reads.
Sources: whatsmeow `connectionevents.go` (handleIB: offline_preview, offline), Baileys
`src/Socket/socket.ts` (offline_batch count 100).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from oxy_simulator.node import Node, node

BATCH: Final = 100


@dataclass(slots=True)
class OfflineQueue:
    """Keys of the mail that waited when a device came back, in order."""

    waiting: deque[str] = field(default_factory=deque)
    unacknowledged: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    total: int = 0
    batch: int = BATCH
    started: bool = False
    open: bool = False
    """Whether the end is still to be announced; what is sent after that is live, only late."""

    def start(self, keys: Iterable[str]) -> None:
        """Take what waits."""
        self.waiting = deque(keys)
        self.known, self.unacknowledged = set(self.waiting), set()
        self.total, self.batch, self.started, self.open = len(self.waiting), BATCH, True, True

    def take(self) -> str | None:
        """Take what may be sent next, if anything may."""
        if not self.waiting or (self.open and len(self.unacknowledged) >= self.batch):
            return None
        key = self.waiting.popleft()
        self.unacknowledged.add(key)
        return key

    def add_late(self, keys: Iterable[str]) -> bool:
        """Take what came since; say whether there was anything."""
        self.waiting.extend(key for key in keys if key not in self.known)
        self.known.update(self.waiting)
        return bool(self.waiting)

    def settle(self, key: str) -> None:
        """Note that something was acknowledged, sent or not; what a phone sends again under its key is new."""
        self.unacknowledged.discard(key)
        self.known.discard(key)

    def enlarge(self, count: int) -> None:
        """Allow so many more to be unacknowledged."""
        self.batch += count


def preview(stanzas: Iterable[Node]) -> Node:
    """Announce what waits, counted by kind."""
    tags = [stanza.tag for stanza in stanzas]
    return node(
        "offline_preview",
        {
            "count": len(tags),
            "message": tags.count("message"),
            "notification": tags.count("notification"),
            "receipt": tags.count("receipt"),
            "appdata": 0,
        },
    )
