"""Network connections that can be cut: a TCP proxy between two parts of the system.

The other end is asked for on each new connection, so that a link may lead to another server after a failover.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_CHUNK: Final = 1 << 16


class Cut(StrEnum):
    """How a link is broken."""

    REFUSE = "refuse"
    """Connections break, and new ones are refused, as when the other machine is down."""
    FREEZE = "freeze"
    """Nothing passes in either direction and no connection breaks, as when a cable is out."""
    DEAFEN = "deafen"
    """Requests arrive, answers do not."""


@dataclass(eq=False)
class Link:
    """A TCP port that leads to another, unless it is cut."""

    upstream: Callable[[], int]
    """The port on this machine that it leads to now."""
    port: int = 0
    _held: socket.socket | None = None
    """Bound to the port and never listening: while the link is cut, nobody else gets the port, and all are refused."""
    _server: asyncio.Server | None = None
    _pairs: set[asyncio.Task[None]] = field(default_factory=set)
    _forth: asyncio.Event = field(default_factory=asyncio.Event)
    _back: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Listen, on the same port as before unless it was closed."""
        self._forth.set()
        self._back.set()
        if self._held is None:
            self._held = _bound(0)
            self.port = self._held.getsockname()[1]
        self._server = await asyncio.start_server(self._carry, sock=_bound(self.port))

    async def cut(self, how: Cut) -> None:
        """Break it."""
        if how is Cut.REFUSE:
            await self._refuse()
        else:
            self._back.clear()
        if how is Cut.FREEZE:
            self._forth.clear()

    async def mend(self, how: Cut) -> None:
        """Let it work again. Connections that were deaf break: what they would have told is lost."""
        if how is Cut.FREEZE:
            self._forth.set()
            self._back.set()
        elif how is Cut.DEAFEN:
            await self._hang_up()
            self._back.set()
        elif self._server is None:
            await self.open()

    async def close(self) -> None:
        """Break all connections, and give the port up."""
        await self._refuse()
        held, self._held = self._held, None
        if held is not None:
            held.close()

    async def _refuse(self) -> None:
        """Break all connections and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self._hang_up()

    async def _hang_up(self) -> None:
        pairs = list(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)
        await asyncio.sleep(0)  # in which asyncio closes their sockets

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = asyncio.current_task()
        assert pair is not None
        self._pairs.add(pair)
        try:
            with contextlib.suppress(OSError):
                await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # hung up on purpose: nobody waits for this task but `_hang_up`
        finally:
            self._pairs.discard(pair)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy both ways until one side ends."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.upstream())
        ways = [
            asyncio.create_task(_copy(reader, there_writer, self._forth)),
            asyncio.create_task(_copy(there_reader, writer, self._back)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there_writer.transport.abort()


def _bound(port: int) -> socket.socket:
    """Return a socket with a port of this machine, 0: any that is free; another such socket may have it, too."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passable: asyncio.Event) -> None:
    while data := await reader.read(_CHUNK):
        await passable.wait()
        writer.write(data)
        await writer.drain()


@contextlib.asynccontextmanager
async def links_between(ends: dict[str, Callable[[], int]]) -> AsyncIterator[dict[str, Link]]:
    """Open a link to each of the ports, by name."""
    links = {name: Link(upstream) for name, upstream in ends.items()}
    try:
        for link in links.values():
            await link.open()
        yield links
    finally:
        for link in links.values():
            await link.close()
