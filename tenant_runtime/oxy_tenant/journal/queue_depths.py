"""What waits in the journal: how many entries of each kind, and for how long the oldest has waited."""

from dataclasses import dataclass
from typing import Final

from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """One queue."""

    entries: int
    oldest_seconds: float
    """How long the first entry has waited; 0: there is none."""
    attempts: int = 0
    """How often the one that has been tried most often was tried."""


QUEUES: Final = {
    "reports": "SELECT count(*), (SELECT written_at FROM reports WHERE published = 0 ORDER BY number LIMIT 1), 0 "
    "FROM reports WHERE published = 0",
    "sends": "SELECT count(*), min(accepted_at), max(attempts) FROM sends WHERE ended_at IS NULL",
    "files": "SELECT count(*), min(added_at), max(attempts) FROM transfers",
    "erasures": "SELECT count(*), min(accepted_at), 0 FROM erasures WHERE ended_at IS NULL",
}
"""By name: what waits for the bus, for WhatsApp, to be fetched, and to be carried out. Each reads an index, or a table
that holds no more than what waits."""


class QueueDepths:
    """Reads them; from any thread."""

    def __init__(self, journal: JournalDatabase, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def entries(self, queue: str) -> float:
        """Return how many entries wait in a queue of `QUEUES`."""
        return self._depth(queue).entries

    def oldest_seconds(self, queue: str) -> float:
        """Return `QueueDepth.oldest_seconds` of a queue."""
        return self._depth(queue).oldest_seconds

    def most_attempts(self, queue: str) -> float:
        """Return `QueueDepth.attempts` of a queue."""
        return self._depth(queue).attempts

    def all(self) -> dict[str, QueueDepth]:
        """Return all of them by name."""
        return {queue: self._depth(queue) for queue in QUEUES}

    def _depth(self, queue: str) -> QueueDepth:
        [(entries, since, attempts)] = self._journal.read(QUEUES[queue])
        age = max(self._clock().timestamp() - since, 0.0) if since is not None else 0.0
        return QueueDepth(int(entries), age, int(attempts or 0))
