"""Which reports are in flight. Pure."""

from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 256
"""Maximum number of reports in flight."""


@dataclass(slots=True)
class Window:
    """The reports that wait for their acknowledgement, by number, and those that must be published again."""

    limit: int = WINDOW
    size: int = field(init=False)
    in_flight: dict[int, int] = field(default_factory=dict)
    """In the order in which they were published, each with how many were published before it."""
    again: list[int] = field(default_factory=list)
    """In the order of the journal; published before anything new."""

    _published: int = 0

    def __post_init__(self) -> None:
        self.size = self.limit

    @property
    def room(self) -> int:
        """How many may be published now: none overtakes a report by more than the window's size."""
        ahead = 0 if self.oldest is None else self._published - self.in_flight[self.oldest]
        return max(0, self.size - ahead)

    @property
    def oldest(self) -> int | None:
        """The report that has waited for longest; None: none waits."""
        return next(iter(self.in_flight), None)

    def publish(self, number: int) -> None:
        """Record that a report was published."""
        self.in_flight[number] = self._published
        self._published += 1
        if number in self.again:
            self.again.remove(number)

    def acknowledge(self, number: int) -> bool:
        """Record an acknowledgement; False if it was expected no more. A late one counts as well."""
        if number in self.in_flight:
            del self.in_flight[number]
        elif number in self.again:
            self.again.remove(number)
        else:
            return False
        self.size = min(self.limit, self.size * 2)
        return True

    def go_back(self) -> None:
        """Publish again whatever is not acknowledged, at first one report at a time."""
        self.again = sorted({*self.again, *self.in_flight})
        self.in_flight.clear()
        self.size = 1
