"""How fast a connection passes bytes: the shell asks before it reads on or writes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oxy_simulator.impairments import Direction


@dataclass(slots=True)
class Pace:
    """Bytes a second in each direction (None: no limit), or a connection at a standstill."""

    inbound: int | None = None
    """Server to client, where messages come in."""
    outbound: int | None = None
    """Client to server."""
    stopped: bool = False
    on_change: list[Callable[[], None]] = field(default_factory=list)

    def slow(self, rate: int, direction: Direction | None) -> None:
        """Limit one direction, or both."""
        if direction in {None, "inbound"}:
            self.inbound = rate
        if direction in {None, "outbound"}:
            self.outbound = rate
        self._tell()

    def stop(self) -> None:
        """Pass nothing any more, in either direction."""
        self.stopped = True
        self._tell()

    def hasten(self) -> None:
        """Pass bytes as fast as they come again."""
        self.inbound = self.outbound = None
        self._tell()

    def _tell(self) -> None:
        for listener in self.on_change:
            listener()
