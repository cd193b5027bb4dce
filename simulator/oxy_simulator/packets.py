"""The packet log: every decoded stanza of every connection, and what was done to them, one readable line each.

    20:31:07.120 #1 5511900000001:1 → <iq id="srv-1" type="set" xmlns="md" from="s.whatsapp.net"> … </iq>

`→` went to the client, `←` came from it, `·` is a note. The newest are kept in memory and can be followed by a sink.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Literal, NamedTuple, Protocol

from oxy_simulator.connection import Connection
from oxy_simulator.node import Node

KEPT_PACKETS: Final = 5000

Direction = Literal["to-client", "from-client", "note"]

_ARROWS: Final[dict[Direction, str]] = {"to-client": "→", "from-client": "←", "note": "·"}
_SHOWN_BYTES: Final = 48


class Packet(NamedTuple):
    """One stanza, or a note; time in Unix seconds, `connection` 0 for what concerns none."""

    number: int
    at: float
    connection: int
    device: str
    direction: Direction
    content: Node | str

    @property
    def text(self) -> str:
        """The stanza as XML on one line, or the note."""
        return self.content if isinstance(self.content, str) else render(self.content)

    def __str__(self) -> str:
        return line_of(self)


@dataclass(slots=True)
class PacketLog:
    """The newest packets, at most `size`; `sink` is given each as a line when it happens."""

    clock: Callable[[], float]
    size: int = KEPT_PACKETS
    sink: Callable[[str], None] | None = None
    _kept: deque[Packet] = field(default_factory=deque)
    _next: int = 1
    _connections: int = 0

    def watch(self, connection: Connection) -> None:
        """Log a new connection from now on."""
        self._connections += 1
        connection.number = self._connections
        connection.tap = self._take
        self._keep(connection, "note", "connected")

    def note(self, text: str, connection: Connection | None = None) -> None:
        """Log something that is not a stanza: a connection's end, a fault."""
        self._keep(connection, "note", text)

    def after(self, number: int) -> list[Packet]:
        """Return the kept packets numbered after a number, in order."""
        first = self._kept[0].number if self._kept else self._next
        return list(islice(self._kept, max(number + 1 - first, 0), None))

    def _take(self, connection: Connection, stanza: Node, *, sent: bool) -> None:
        self._keep(connection, "to-client" if sent else "from-client", stanza)

    def _keep(self, connection: Connection | None, direction: Direction, content: Node | str) -> None:
        number = connection.number if connection else 0
        packet = Packet(self._next, self.clock(), number, _device(connection), direction, content)
        self._next += 1
        if self.size:
            self._kept.append(packet)
            if len(self._kept) > self.size:
                self._kept.popleft()
        if self.sink is not None:
            self.sink(str(packet))


class Shown(Protocol):
    """A packet, here or as the control API shows it."""

    @property
    def at(self) -> float:
        """The time, in Unix seconds."""

    @property
    def connection(self) -> int:
        """The connection's number, or 0."""

    @property
    def device(self) -> str:
        """Who is logged in, as `phone:device`."""

    @property
    def direction(self) -> Direction:
        """Which way it went."""

    @property
    def text(self) -> str:
        """The stanza, or the note."""


def line_of(packet: Shown) -> str:
    """Write a packet on one line; the time is in UTC."""
    moment = datetime.fromtimestamp(packet.at, UTC).strftime("%H:%M:%S.%f")[:-3]
    who = f"#{packet.connection} {packet.device} " if packet.connection else ""
    return f"{moment} {who}{_ARROWS[packet.direction]} {packet.text}"


def render(stanza: Node) -> str:
    """Write a stanza as XML on one line; bytes as text if they are, otherwise as hexadecimal, shortened."""
    return "".join(_render(stanza))


def _render(stanza: Node) -> Iterator[str]:
    attrs = "".join(f' {name}="{_escape(str(value))}"' for name, value in stanza.attrs.items())
    if stanza.content is None:
        yield f"<{stanza.tag}{attrs}/>"
        return
    yield f"<{stanza.tag}{attrs}>"
    if isinstance(stanza.content, bytes):
        yield _shown(stanza.content)
    else:
        for child in stanza.content:
            yield from _render(child)
    yield f"</{stanza.tag}>"


def _shown(data: bytes) -> str:
    text = data.decode("ascii", "replace")
    if text.isprintable() and "\ufffd" not in text:
        return _escape(text)
    more = f"… ({len(data)} bytes)" if len(data) > _SHOWN_BYTES else ""
    return f"0x{data[:_SHOWN_BYTES].hex()}{more}"


def _escape(text: str) -> str:
    for raw, escaped in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"), ("\n", "&#10;")):
        text = text.replace(raw, escaped)
    return text


def _device(connection: Connection | None) -> str:
    if connection is None or connection.account is None or connection.device is None:
        return "-"
    return f"{connection.account.phone}:{connection.device.id}"
