"""The offline queue: what waited for a device comes before anything live, in batches.

The server announces how much waits, sends it with at most a batch unacknowledged at a time, closes
with a count, and only then sends what came meanwhile. Clients may ask for a larger batch.
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
    open: bool = False

    def start(self, keys: Iterable[str]) -> None:
        """Take what waits."""
        self.waiting = deque(keys)
        self.known, self.unacknowledged = set(self.waiting), set()
        self.total, self.batch, self.open = len(self.waiting), BATCH, True

    def next_keys(self) -> list[str]:
        """Return what may be sent now."""
        room = max(self.batch - len(self.unacknowledged), 0)
        keys = [self.waiting.popleft() for _ in range(min(room, len(self.waiting)))]
        self.unacknowledged.update(keys)
        return keys

    def settle(self, key: str) -> None:
        """Note that something was acknowledged, sent or not."""
        self.unacknowledged.discard(key)

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
