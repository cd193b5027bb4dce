"""The network shell: an HTTP CONNECT proxy that ends TLS itself and serves the WebSocket.

Clients reach the simulator as their proxy and ask it for web.whatsapp.com:443. After CONNECT the
same TCP connection continues with TLS and HTTP here; nothing is forwarded anywhere.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import WSMsgType, web

from oxy_simulator.connection import NoiseIdentity
from oxy_simulator.network import Network
from oxy_simulator.sessions import lost, open_connection, receive

CLIENT_HOSTS: Final = (".whatsapp.com", ".whatsapp.net")
SOCKET_PATH: Final = "/ws/chat"

_MAX_REQUEST: Final = 8192
_MAX_MESSAGE: Final = 1 << 25
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

    def write(self, frame: bytes) -> None:
        """Queue a frame."""
        self._queue.put_nowait(frame)

    def close(self, *, linger: bool) -> None:
        """Queue the end."""
        self._queue.put_nowait(_Closing(_LINGER_SECONDS if linger else 0.0))

    def abort(self) -> None:
        """Cut the TCP connection."""
        if self._transport is not None:
            self._transport.abort()

    async def pump(self, socket: web.WebSocketResponse) -> None:
        """Write the queue until its end or until the link fails."""
        try:
            while not isinstance(item := await self._queue.get(), _Closing):
                await socket.send_bytes(item)
            await asyncio.sleep(item.delay)
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close()
        except (ConnectionError, TimeoutError):
            self.abort()


class WebSocketEndpoint:
    """The HTTP application with its one WebSocket."""

    def __init__(self, network: Network, identity: NoiseIdentity) -> None:
        self._network = network
        self._identity = identity
        self.application = web.Application()
        self.application.router.add_get(SOCKET_PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        # Compression is off because whatsmeow does not negotiate it.
        socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE, compress=False, autoping=True, timeout=_CLOSE_SECONDS)
        await socket.prepare(request)
        outbox = SocketOutbox(request.transport)
        connection = open_connection(self._network, outbox, self._identity)
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(outbox.pump(socket))
            try:
                async for message in socket:
                    if message.type is WSMsgType.BINARY:
                        receive(self._network, connection, message.data)
            finally:
                lost(self._network, connection)
                pump.cancel()
        return socket


class ConnectProtocol(asyncio.Protocol):
    """Reads one CONNECT request, then hands the TCP connection over to TLS and HTTP."""

    def __init__(self, proxy: "ConnectProxy") -> None:
        self._proxy = proxy
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept, or cut at once while the network is down."""
        if not isinstance(transport, asyncio.Transport):
            msg = "the proxy needs a stream transport"
            raise TypeError(msg)
        self._transport = transport
        self._proxy.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection."""
        if self._transport is not None:
            self._proxy.closed(self._transport)

    def data_received(self, data: bytes) -> None:
        """Collect the request's head and answer it."""
        self._received += data
        if self._transport is None or b"\r\n\r\n" not in self._received:
            if len(self._received) > _MAX_REQUEST and self._transport is not None:
                self._transport.abort()
            return
        self._answer(self._transport, self._received.split(b"\r\n", 1)[0].decode("latin-1"))

    def _answer(self, transport: asyncio.Transport, request_line: str) -> None:
        method, _, rest = request_line.partition(" ")
        host = rest.partition(" ")[0].rpartition(":")[0]
        if method != "CONNECT" or not host.endswith(CLIENT_HOSTS):
            log.warning("proxy_refused", request=request_line)
            transport.write(b"HTTP/1.1 403 Forbidden\r\n\r\nonly CONNECT to WhatsApp is served here\n")
            transport.close()
            return
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._proxy.start_tls(transport)


class ConnectProxy:
    """Listens for clients; `down` makes it cut every connection, old and new."""

    def __init__(self, runner: web.AppRunner, context: ssl.SSLContext) -> None:
        self._runner = runner
        self._context = context
        self._transports: set[asyncio.Transport] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._down = False

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port (a free one if 0 was asked)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ConnectProtocol(self), host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
        for transport in list(self._transports):
            transport.abort()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def set_down(self, *, down: bool) -> None:
        """Go down (cut and refuse everything) or come back."""
        self._down = down
        if down:
            for transport in list(self._transports):
                transport.abort()

    def opened(self, transport: asyncio.Transport) -> None:
        """Take note of a new TCP connection; those that went over to TLS end without telling us."""
        self._transports = {known for known in self._transports if not known.is_closing()}
        self._transports.add(transport)
        if self._down:
            transport.abort()

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a TCP connection."""
        self._transports.discard(transport)

    def start_tls(self, transport: asyncio.Transport) -> None:
        """Continue with TLS on an accepted connection."""
        task = asyncio.create_task(self._hand_over(transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, transport: asyncio.Transport) -> None:
        server = self._runner.server
        if server is None:
            transport.abort()
            return
        handler = server()
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(transport, handler, self._context, server_side=True)
        except OSError as error:
            log.info("tls_failed", reason=str(error))
            self.closed(transport)
            return
        if secure is None or self._down:
            transport.abort()
            return
        handler.connection_made(secure)
