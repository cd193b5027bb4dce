"""The network shell of a companion: CONNECT through the simulator's proxy, TLS, and a bare WebSocket client.

A WebSocket library would do the same; this one joins what is written at once into one TLS record and masks with
zeros, so that a load process spends its time on messages.
"""

import asyncio
import base64
import os
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from oxy_simulator.companion import Companion
from oxy_simulator.errors import ProtocolError

HOST: Final = "web.whatsapp.com"

_READ_SIZE: Final = 1 << 18
_BINARY, _CLOSE, _PING, _PONG = 0x82, 0x88, 0x89, 0x8A
_MASKED: Final = 0x80
_NO_MASK: Final = bytes(4)
_LENGTH_7: Final = 126  # this and the sizes around it: RFC 6455, section 5.2
_LENGTH_16: Final = 1 << 16
_UPGRADE: Final = (
    "GET /ws/chat HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nOrigin: https://{host}\r\n\r\n"
)


class CompanionSocket:
    """Keeps one companion connected to a simulator until the server or the caller ends it."""

    def __init__(self, companion: Companion, proxy_url: str, ca_file: Path) -> None:
        self.companion = companion
        self._proxy = urlsplit(proxy_url)
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: list[bytes] = []

    async def run(self) -> None:
        """Connect and serve the companion until the connection ends.

        Raise ProtocolError if the server breaks the protocol, OSError if it cannot be reached.
        """
        reader, writer = await asyncio.open_connection(self._proxy.hostname, self._proxy.port, limit=_READ_SIZE)
        self._writer = writer
        try:
            await self._open(reader, writer)
            self.companion.connect(self._write)
            await self._serve(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writer = None
            self._waiting.clear()
            self.companion.disconnected()
            writer.transport.abort()

    def stall(self) -> None:
        """Read nothing more on this connection, as a client that hangs."""
        if self._writer is not None:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined] # typed as a write transport

    async def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        await _expect(reader, b"200")
        await writer.start_tls(self._context, server_hostname=HOST)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(_UPGRADE.format(host=HOST, key=key).encode())
        await _expect(reader, b"101")

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        while data := await reader.read(_READ_SIZE):
            buffer += data
            while (message := _take_message(buffer)) is not None:
                opcode, payload = message
                if opcode == _BINARY:
                    self.companion.receive(payload)
                elif opcode == _PING:
                    self._queue(_PONG, payload)
                elif opcode == _CLOSE:
                    return

    def _write(self, message: bytes) -> None:
        self._queue(_BINARY, message)

    def _queue(self, opcode: int, payload: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(_head(opcode, len(payload)) + payload)

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.write(b"".join(self._waiting))
        self._waiting.clear()


async def _expect(reader: asyncio.StreamReader, status: bytes) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if head.split(b" ", 2)[1] != status:
        msg = f"the server answered {head.splitlines()[0]!r} instead of {status.decode()}"
        raise ProtocolError(msg)


def _head(opcode: int, size: int) -> bytes:
    """Write the head of a client's message. Source: RFC 6455 section 5.2."""
    if size < _LENGTH_7:
        return bytes((opcode, _MASKED | size)) + _NO_MASK
    if size < _LENGTH_16:
        return bytes((opcode, _MASKED | 126)) + size.to_bytes(2, "big") + _NO_MASK
    return bytes((opcode, _MASKED | 127)) + size.to_bytes(8, "big") + _NO_MASK


def _take_message(buffer: bytearray) -> tuple[int, bytes] | None:
    """Cut a server's message, which is neither masked nor split, from a buffer, if one is complete."""
    if len(buffer) < 2:  # noqa: PLR2004 - the shortest head
        return None
    size, start = buffer[1], 2
    if size >= _LENGTH_7:
        start = 4 if size == _LENGTH_7 else 10
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[2:start], "big")
    if len(buffer) < start + size:
        return None
    opcode, payload = buffer[0], bytes(buffer[start : start + size])
    del buffer[: start + size]
    return opcode, payload
