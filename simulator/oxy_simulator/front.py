"""The front door: every TCP connection from its first byte until its client has proved who it is.

Connections that do not get that far within a time are cut, and only so many may be on their way at
once, so that clients who dawdle harm nobody else. TLS starts here, whole or broken on purpose.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiohttp import web

from oxy_simulator.badtls import broken_context
from oxy_simulator.faultkind import TlsTrouble
from oxy_simulator.proxy_protocol import ProxyPolicy

HANDSHAKE_SECONDS: Final = 20.0
# Thousands of clients may come back in the same second, after a restart or a fault; each takes some 50 KiB with TLS.
MAX_ARRIVING: Final = 2048

_NO_TLS: Final = b"HTTP/1.1 400 Bad Request\r\n\r\n"
"""What servers say that speak no TLS."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Trouble:
    """What the next connections meet: a broken TLS or a proxy that turns them away.

    It ends after `left` times, or at `until` (Unix seconds of the server's clock).
    """

    what: TlsTrouble | ProxyPolicy
    left: int | None
    until: float | None
    taken: int = 0

    def ended(self, now: float) -> bool:
        """Whether it is over."""
        return self.left == 0 or (self.until is not None and now >= self.until)


@dataclass(slots=True)
class _Arriving:
    transport: asyncio.Transport
    deadline: asyncio.TimerHandle


@dataclass
class Front:
    """All TCP connections; `down` makes it cut every one, old and new."""

    context: ssl.SSLContext
    clock: Callable[[], float] = time.time
    runner: web.AppRunner | None = None
    handshake_seconds: float = HANDSHAKE_SECONDS
    max_arriving: int = MAX_ARRIVING
    _troubles: list[Trouble] = field(default_factory=list)
    _arriving: dict[object, _Arriving] = field(default_factory=dict)
    _settled: dict[object, asyncio.Transport] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _down: bool = False
    _impostors: set[object] = field(default_factory=set)
    _crowded: int = 0
    _told_at: float = 0.0

    @property
    def down(self) -> bool:
        """Whether everything is cut and refused."""
        return self._down

    @property
    def arriving(self) -> int:
        """How many connections have not proved who they are yet."""
        return len(self._arriving)

    @property
    def settled(self) -> int:
        """How many connections are open whose clients proved who they are."""
        return len(self._settled)

    def set_down(self, *, down: bool) -> None:
        """Go down (cut and refuse everything) or come back."""
        self._down = down
        if down:
            self.cut()

    def cut(self) -> None:
        """Cut every connection."""
        for transport in [*(arriving.transport for arriving in self._arriving.values()), *self._settled.values()]:
            transport.abort()
        for arriving in self._arriving.values():
            arriving.deadline.cancel()
        self._arriving.clear()
        self._settled.clear()

    async def stop(self) -> None:
        """Cut everything and wait until nothing runs any more."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def trouble(self, what: TlsTrouble | ProxyPolicy, count: int | None, duration: float | None) -> None:
        """Let the next connections meet trouble: `count` of them, or all for some seconds."""
        left = count if count is not None or duration is not None else 1
        self._troubles.append(Trouble(what, left, None if duration is None else self.clock() + duration))

    def troubles(self) -> list[Trouble]:
        """Return what still holds, the oldest first."""
        self._troubles = [trouble for trouble in self._troubles if not trouble.ended(self.clock())]
        return list(self._troubles)

    def clear_troubles(self) -> int:
        """End all trouble; return how much there was."""
        count = len(self.troubles())
        self._troubles.clear()
        return count

    def proxy_trouble(self) -> ProxyPolicy | None:
        """Return how a proxy must turn away the connection at hand, if it must."""
        found = self._take(lambda trouble: isinstance(trouble.what, ProxyPolicy))
        return found.what if found is not None and isinstance(found.what, ProxyPolicy) else None

    def opened(self, transport: asyncio.Transport) -> None:
        """Take note of a new TCP connection; the oldest newcomer makes room if there are too many."""
        if self._down:
            transport.abort()
            return
        if len(self._arriving) >= self.max_arriving:
            self._make_room()
        key = connection_key(transport)
        deadline = asyncio.get_running_loop().call_later(self.handshake_seconds, self._too_late, key)
        self._arriving[key] = _Arriving(transport, deadline)

    def settle(self, key: object) -> None:
        """Take note that the client of a connection proved who it is (or is kept waiting on purpose)."""
        arriving = self._arriving.pop(key, None)
        if arriving is not None:
            arriving.deadline.cancel()
            self._settled[key] = arriving.transport

    def is_impostor(self, key: object) -> bool:
        """Whether the server is to fail to prove who it is on this connection."""
        return key in self._impostors

    def closed(self, key: object) -> None:
        """Forget a TCP connection."""
        self._impostors.discard(key)
        self._settled.pop(key, None)
        arriving = self._arriving.pop(key, None)
        if arriving is not None:
            arriving.deadline.cancel()

    def start_tls(self, transport: asyncio.Transport, usual: TlsTrouble | None = None) -> None:
        """Continue with TLS on a connection whose proxy has let it pass; `usual`: how that fails at this proxy."""
        found = self._take(lambda trouble: isinstance(trouble.what, str))
        trouble = found.what if found is not None and isinstance(found.what, str) else usual
        if trouble == "cut":
            # The end comes in order; what the client still says is read and ignored until it goes or takes too long.
            transport.write_eof()
        elif trouble == "plain":
            transport.set_protocol(_PlainServer(self, transport))
            transport.resume_reading()
        elif trouble == "hang":
            self.settle(connection_key(transport))
        else:
            if trouble == "impostor":
                self._impostors.add(connection_key(transport))
            context = self.context if trouble in {None, "impostor"} else broken_context(trouble)
            task = asyncio.create_task(self._hand_over(transport, context))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        server = self.runner.server if self.runner else None
        if server is None:
            transport.abort()
            return
        handler = server()
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(
                transport, handler, context, server_side=True, ssl_handshake_timeout=self.handshake_seconds
            )
        except OSError as error:
            log.info("tls_failed", reason=str(error))
            self.closed(connection_key(transport))
            return
        if secure is None or self._down:
            transport.abort()
            return
        handler.connection_made(secure)

    def _take(self, fits: Callable[[Trouble], bool]) -> Trouble | None:
        found = next((trouble for trouble in self.troubles() if fits(trouble)), None)
        if found is not None:
            found.taken += 1
            if found.left is not None:
                found.left -= 1
        return found

    def _make_room(self) -> None:
        """Cut the oldest newcomer, and say so once a second."""
        self._crowded += 1
        now = time.monotonic()
        if now >= self._told_at + 1.0:
            log.warning(
                "newcomers_cut", count=self._crowded, reason=f"more than {self.max_arriving} are on their way at once"
            )
            self._crowded, self._told_at = 0, now
        self._cut_newcomer(next(iter(self._arriving)))

    def _too_late(self, key: object) -> None:
        if key in self._arriving:
            log.info("newcomer_cut", reason=f"no login within {self.handshake_seconds:.0f} s")
            self._cut_newcomer(key)

    def _cut_newcomer(self, key: object) -> None:
        arriving = self._arriving.pop(key)
        arriving.deadline.cancel()
        arriving.transport.abort()


class _PlainServer(asyncio.Protocol):
    """Answers a client that begins with TLS as a server does that speaks none, once it has begun."""

    def __init__(self, front: Front, transport: asyncio.Transport) -> None:
        self._front = front
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        self._transport.write(_NO_TLS)
        self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._front.closed(connection_key(self._transport))


def connection_key(transport: asyncio.BaseTransport) -> object:
    """Name a connection, before and after TLS, by its two addresses; a lost connection has none any more."""
    return transport.get_extra_info("sockname"), transport.get_extra_info("peername")
