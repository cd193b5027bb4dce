"""The WebSocket that clients speak to, once a proxy and TLS have let them through."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import WSMsgType, web

from oxy_simulator.connection import Connection, NoiseIdentity
from oxy_simulator.front import Front
from oxy_simulator.network import Network
from oxy_simulator.pace import Pace
from oxy_simulator.sessions import lost, open_connection, receive

SOCKET_PATH: Final = "/ws/chat"

_MAX_MESSAGE: Final = 1 << 25
_MAX_QUEUED: Final = 1 << 26
_CLOSE_SECONDS: Final = 2.0
# Clients drop stanzas that they have not handled yet when the socket closes, so a stream error is
# followed by a pause. Source: whatsmeow client.go, handlerQueueLoop.
_LINGER_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Closing:
    """Marks the place in an outgoing queue where the WebSocket is to be closed, after some seconds."""

    delay: float


class SocketOutbox:
    """A connection's outgoing queue, written to the WebSocket by `pump`."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self._queue: asyncio.Queue[bytes | _Closing] = asyncio.Queue()
        self._queued = 0
        self.pace = Pace()

    def write(self, frame: bytes) -> None:
        """Queue a frame; a client that reads nothing for too long is cut."""
        self._queued += len(frame)
        if self._queued > _MAX_QUEUED:
            log.warning("client_cut", reason=f"it has not read {_MAX_QUEUED} bytes that wait for it")
            self.abort()
            return
        self._queue.put_nowait(frame)

    def close(self, *, linger: bool) -> None:
        """Queue the end; on a standstill nothing queued would ever come."""
        if self.pace.stopped:
            self.abort()
        self._queue.put_nowait(_Closing(_LINGER_SECONDS if linger else 0.0))

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
            while not isinstance(item := await self._queue.get(), _Closing):
                if self.pace.inbound:
                    await asyncio.sleep(len(item) / self.pace.inbound)
                if not self.pace.stopped:
                    await socket.send_bytes(item)
                    self._queued -= len(item)
            await asyncio.sleep(item.delay)
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close()
        except (ConnectionError, TimeoutError):
            self.abort()


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
        connection = open_connection(self._network, outbox, self._identity)
        outbox.pace = connection.pace
        connection.pace.on_change.append(outbox.pace_changed)
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(outbox.pump(socket))
            try:
                await self._read(socket, connection, request.transport)
            finally:
                lost(self._network, connection)
                pump.cancel()
                if request.transport is not None:
                    self._front.closed(request.transport)
        return socket

    async def _read(
        self, socket: web.WebSocketResponse, connection: Connection, transport: asyncio.Transport | None
    ) -> None:
        settled = False
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                continue
            if connection.pace.outbound:
                await asyncio.sleep(len(message.data) / connection.pace.outbound)
            receive(self._network, connection, message.data)
            if connection.established and not settled and transport is not None:
                self._front.settle(transport)
                settled = True
