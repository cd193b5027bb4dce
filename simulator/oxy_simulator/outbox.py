"""A connection's outgoing queue, and how its frames become WebSocket messages."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from oxy_simulator.pace import Pace

MAX_QUEUED: Final = 1 << 26  # bytes that a client may leave unread
MAX_WAITING: Final = 1 << 20  # bytes from which on what is in no hurry waits until the client has read

_MAX_UNSENT: Final = 1 << 18
_UNSENT_SECONDS: Final = 0.01
_SLICE_SECONDS: Final = 0.05  # a slow connection passes what it can in this time, at once
_BINARY, _PONG = 0x82, 0x8A
_LENGTH_7: Final = 125  # RFC 6455, section 5.2
_CLOSE_SECONDS: Final = 2.0  # the simulator's own: for the other side's half of the close
# Clients drop stanzas that they have not handled yet when the socket closes, so a stream error is
# followed by a pause. Source: whatsmeow client.go, handlerQueueLoop.
_LINGER_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


class SocketOutbox:
    """What waits to be written to a client: it leaves together, in the event loop's next round.

    All of it in one TLS record: writing to aiohttp's WebSocket would make one, and a system call, for each message.
    """

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self.pace = Pace()
        self.on_room: Callable[[], None] = _nothing
        self._transport = transport
        self._waiting = bytearray()
        self._linger: float | None = None
        self._timer: asyncio.Handle | None = None
        self._drained = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether so much is unread that only live traffic is still added."""
        return len(self._waiting) >= MAX_WAITING

    def write(self, frame: bytes) -> None:
        """Queue a frame; a client that reads nothing for too long is cut."""
        self._queue(_BINARY, frame)

    def pong(self, payload: bytes) -> None:
        """Queue the answer to a ping: written past the queue it could land in the middle of a message."""
        self._queue(_PONG, payload)

    def _queue(self, opcode: int, payload: bytes) -> None:
        self._waiting += _message_head(opcode, len(payload))
        self._waiting += payload
        if len(self._waiting) > MAX_QUEUED:
            log.warning("client_cut", reason=f"it has not read {MAX_QUEUED} bytes that wait for it")
            self.abort()
        else:
            self._go_on()

    def close(self, *, linger: bool) -> None:
        """Queue the end; on a standstill nothing queued would ever come."""
        if self.pace.stopped:
            self.abort()
        self._linger = _LINGER_SECONDS if linger else 0.0
        self._go_on()

    def abort(self) -> None:
        """Cut the TCP connection."""
        if self._transport is not None:
            self._transport.abort()

    def pace_changed(self) -> None:
        """Stop reading when the connection came to a standstill."""
        if self.pace.stopped and self._transport is not None:
            self._transport.pause_reading()

    async def end(self, socket: web.WebSocketResponse) -> None:
        """Wait for the queue's end and close the WebSocket after it."""
        await self._drained.wait()
        await asyncio.sleep(self._linger or 0.0)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close()
        except (ConnectionError, TimeoutError):
            self.abort()

    def _go_on(self, delay: float = 0.0) -> None:
        """Pass the next slice after a delay, which on a slow connection is at least the time that it takes."""
        if self._timer is None:
            seconds = max(delay, self._slice / self.pace.inbound) if self.pace.inbound else delay
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._pass) if seconds else loop.call_soon(self._pass)

    @property
    def _slice(self) -> int:
        """How many bytes are passed at once."""
        rate, waiting = self.pace.inbound, len(self._waiting)
        return min(waiting, max(int(rate * _SLICE_SECONDS), 1)) if rate else waiting

    def _pass(self) -> None:
        """Write as much as the pace and the client's reading allow."""
        self._timer = None
        transport = self._transport
        if self.pace.stopped or transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MAX_UNSENT:
            self._go_on(_UNSENT_SECONDS)
            return
        size, was_full = self._slice, self.full
        transport.write(bytes(self._waiting[:size]))
        del self._waiting[:size]
        if self._waiting:
            self._go_on()
        elif self._linger is not None:
            self._drained.set()
        if was_full and not self.full:
            self.on_room()


def _nothing() -> None:
    """Tell nobody."""


def _message_head(opcode: int, size: int) -> bytes:
    """Write the head of a server's message. Source: RFC 6455 section 5.2."""
    if size <= _LENGTH_7:
        return bytes((opcode, size))
    if size < 1 << 16:
        return bytes((opcode, 126)) + size.to_bytes(2, "big")
    return bytes((opcode, 127)) + size.to_bytes(8, "big")
