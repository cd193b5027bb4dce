"""A TCP proxy before NATS that can report an error to the client as the server would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class BusProxy:
    """Passes everything on in both directions."""

    target: int
    port: int = 0
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    def report(self, error: str) -> None:
        """Send an error to every client; nats-py closes for good after most of them."""
        for client in self.clients:
            client.write(f"-ERR '{error}'\r\n".encode())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.clients.append(writer)
        with contextlib.suppress(OSError):
            await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def running_bus_proxy(target: int) -> AsyncIterator[BusProxy]:
    proxy = BusProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for client in proxy.clients:
            client.close()
