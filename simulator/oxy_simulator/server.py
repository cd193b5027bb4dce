"""The WebSocket that clients speak to, once a proxy and TLS have let them through."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import WebSocketError, WSMsgType, web

from oxy_simulator.connection import Connection, NoiseIdentity
from oxy_simulator.front import Front, connection_key
from oxy_simulator.network import Network
from oxy_simulator.pace import Pace
from oxy_simulator.sessions import lost, open_connection, receive, refuse, resume

SOCKET_PATH: Final = "/ws/chat"
MAX_QUEUED: Final = 1 << 26  # bytes that a client may leave unread
MAX_WAITING: Final = 1 << 20  # bytes from which on what is in no hurry waits until the client has read

_MAX_MESSAGE: Final = 1 << 25
_MAX_UNSENT: Final = 1 << 18
_UNSENT_SECONDS: Final = 0.01
_BINARY: Final = 0x82
_LENGTH_7: Final = 125
_CLOSE_SECONDS: Final = 2.0
# Clients drop stanzas that they have not handled yet when the socket closes, so a stream error is
# followed by a pause. Source: whatsmeow client.go, handlerQueueLoop.
_LINGER_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


class SocketOutbox:
    """A connection's outgoing queue, written to the WebSocket by `pump`."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self._frames: list[bytes] = []
        self._queued = 0
        self._linger: float | None = None
        self._wake = asyncio.Event()
        self.pace = Pace()
        self.on_room: Callable[[], None] = _nothing

    @property
    def full(self) -> bool:
        """Whether so much is unread that only live traffic is still added."""
        return self._queued >= MAX_WAITING

    def write(self, frame: bytes) -> None:
        """Queue a frame; a client that reads nothing for too long is cut."""
        self._queued += len(frame)
        if self._queued > MAX_QUEUED:
            log.warning("client_cut", reason=f"it has not read {MAX_QUEUED} bytes that wait for it")
            self.abort()
            return
        self._frames.append(frame)
        self._wake.set()

    def close(self, *, linger: bool) -> None:
        """Queue the end; on a standstill nothing queued would ever come."""
        if self.pace.stopped:
            self.abort()
        self._linger = _LINGER_SECONDS if linger else 0.0
        self._wake.set()

    def abort(self) -> None:
        """Cut the TCP connection."""
        if self._transport is not None:
            self._transport.abort()

    def pace_changed(self) -> None:
        """Stop reading when the connection came to a standstill."""
        if self.pace.stopped and self._transport is not None:
            self._transport.pause_reading()

    async def pump(self, socket: web.WebSocketResponse) -> None:
        """Write the queue until its end or until the link fails."""
        try:
            while self._frames or self._linger is None:
                if not self._frames:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                at_once = 1 if self.pace.inbound else len(self._frames)
                frames, self._frames = self._frames[:at_once], self._frames[at_once:]
                await self._pass(frames)
            await asyncio.sleep(self._linger)
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close()
        except (ConnectionError, TimeoutError):
            self.abort()

    async def _pass(self, frames: list[bytes]) -> None:
        """Write frames, each as one WebSocket message, as fast as the pace and the client's reading allow."""
        size = sum(map(len, frames))
        if self.pace.inbound:
            await asyncio.sleep(size / self.pace.inbound)
        transport = self._transport
        if self.pace.stopped or transport is None or transport.is_closing():
            return
        # All in one TLS record: writing to the WebSocket would make one, and a system call, for each.
        transport.write(b"".join(part for frame in frames for part in (_message_head(len(frame)), frame)))
        while not transport.is_closing() and transport.get_write_buffer_size() > _MAX_UNSENT:  # noqa: ASYNC110 - it rings no event
            await asyncio.sleep(_UNSENT_SECONDS)
        was_full = self.full
        self._queued -= size
        if was_full and not self.full:
            self.on_room()


def _nothing() -> None:
    """Tell nobody."""


def _message_head(size: int) -> bytes:
    """Write the head of a server's binary message. Source: RFC 6455 section 5.2."""
    if size <= _LENGTH_7:
        return bytes((_BINARY, size))
    if size < 1 << 16:
        return bytes((_BINARY, 126)) + size.to_bytes(2, "big")
    return bytes((_BINARY, 127)) + size.to_bytes(8, "big")


class WebSocketEndpoint:
    """The HTTP application with its one WebSocket."""

    def __init__(self, network: Network, identity: NoiseIdentity, front: Front) -> None:
        self._network = network
        self._identity = identity
        self._front = front
        self.application = web.Application()
        self.application.router.add_get(SOCKET_PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        # Compression is off because whatsmeow does not negotiate it.
        socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE, compress=False, autoping=True, timeout=_CLOSE_SECONDS)
        await socket.prepare(request)
        outbox = SocketOutbox(request.transport)
        key = None if request.transport is None else connection_key(request.transport)
        connection = open_connection(self._network, outbox, self._identity)
        outbox.pace = connection.pace
        outbox.on_room = lambda: resume(self._network, connection)
        connection.pace.on_change.append(outbox.pace_changed)
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(outbox.pump(socket))
            try:
                await self._read(socket, connection, key)
            finally:
                lost(self._network, connection)
                pump.cancel()
                self._front.closed(key)
        return socket

    async def _read(self, socket: web.WebSocketResponse, connection: Connection, key: object) -> None:
        settled = False
        async for message in socket:
            if message.type is WSMsgType.TEXT or isinstance(message.data, WebSocketError):
                refuse(self._network, connection, f"a WebSocket message of type {message.type.name}: {message.data!r}")
            if message.type is not WSMsgType.BINARY:
                continue
            if connection.pace.outbound:
                await asyncio.sleep(len(message.data) / connection.pace.outbound)
            receive(self._network, connection, message.data)
            if connection.established and not settled:
                self._front.settle(key)
                settled = True
