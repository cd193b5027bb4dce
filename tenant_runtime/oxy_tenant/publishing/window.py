"""Which reports are in flight. Pure."""

from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 256
"""Maximum number of reports in flight."""


@dataclass(slots=True)
class Window:
    """The reports in flight, by sequence.

    `base` is the newest sequence up to which all are acknowledged, `sent` the newest that was published.
    """

    base: int
    limit: int = WINDOW
    sent: int = field(init=False)
    size: int = field(init=False)
    _acknowledged: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sent = self.base
        self.size = self.limit

    @property
    def room(self) -> int:
        """How many more may be published now."""
        return max(0, self.base + self.size - self.sent)

    @property
    def waiting(self) -> bool:
        """Whether an acknowledgement is missing."""
        return self.sent > self.base

    def publish(self, sequence: int) -> None:
        """Record that `sequence` was published."""
        self.sent = sequence

    def acknowledge(self, sequence: int) -> int:
        """Record an acknowledgement and return by how many `base` advanced. Late and repeated ones are harmless."""
        if not self.base < sequence <= self.sent:
            return 0
        self._acknowledged.add(sequence)
        before = self.base
        while self.base + 1 in self._acknowledged:
            self.base += 1
            self._acknowledged.discard(self.base)
        if self.base > before:
            self.size = min(self.limit, self.size * 2)
        return self.base - before

    def go_back(self) -> None:
        """Publish everything after `base` again, at first one report at a time."""
        self.sent = self.base
        self.size = 1
        self._acknowledged.clear()
