"""The WebSocket that clients speak to, once a proxy and TLS have let them through."""

import asyncio
from typing import Final

import structlog
from aiohttp import WebSocketError, WSMsgType, web

from oxy_simulator.badtls import impostor
from oxy_simulator.connection import Connection, NoiseIdentity
from oxy_simulator.front import Front, connection_key
from oxy_simulator.network import Network
from oxy_simulator.outbox import SocketOutbox
from oxy_simulator.sessions import lost, open_connection, receive, refuse, resume

SOCKET_PATH: Final = "/ws/chat"  # whatsmeow `socket/constants.go`, URL

_MAX_MESSAGE: Final = 1 << 25  # the simulator's own: a frame of any size, and one too large to be told so
_CLOSE_SECONDS: Final = 2.0
# Each step of the handshake takes the way to the real server and back. Some clients depend on it: Baileys 6 derives the
# keys of the transport in the background, and takes what comes before they are there for no stanza at all.
# Source: Baileys 6.7.24 `lib/Utils/noise-handler.js`, finishInit.
_DISTANCE_SECONDS: Final = 0.03

log = structlog.get_logger(__name__)


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
        socket = web.WebSocketResponse(
            max_msg_size=_MAX_MESSAGE, compress=False, autoping=False, timeout=_CLOSE_SECONDS
        )
        await socket.prepare(request)
        outbox = SocketOutbox(request.transport)
        key = None if request.transport is None else connection_key(request.transport)
        identity = impostor(self._identity) if self._front.is_impostor(key) else self._identity
        connection = open_connection(self._network, outbox, identity)
        outbox.pace = connection.pace
        outbox.on_room = lambda: resume(self._network, connection)
        connection.pace.on_change.append(outbox.pace_changed)
        async with asyncio.TaskGroup() as tasks:
            end = tasks.create_task(outbox.end(socket))
            try:
                await self._read(socket, outbox, connection, key)
            finally:
                lost(self._network, connection)
                end.cancel()
                self._front.closed(key)
        return socket

    async def _read(
        self, socket: web.WebSocketResponse, outbox: SocketOutbox, connection: Connection, key: object
    ) -> None:
        settled = False
        async for message in socket:
            if message.type is WSMsgType.TEXT or isinstance(message.data, WebSocketError):
                refuse(self._network, connection, f"a WebSocket message of type {message.type.name}: {message.data!r}")
            if message.type is WSMsgType.PING:
                outbox.pong(message.data)
            if message.type is not WSMsgType.BINARY:
                continue
            if connection.pace.outbound:
                await asyncio.sleep(len(message.data) / connection.pace.outbound)
            if not connection.established:
                await asyncio.sleep(_DISTANCE_SECONDS)
            receive(self._network, connection, message.data)
            if connection.established and not settled:
                self._front.settle(key)
                settled = True
