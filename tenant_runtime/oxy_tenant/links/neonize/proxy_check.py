"""Asks whether the proxy answers, because the library cannot be asked while it waits for that.

whatsmeow holds the lock of its connection as long as it dials (client.go, connect): a minute for an HTTP proxy that
takes the connection and says nothing (Go, net/http/transport.go, dialConn), and for ever for such a SOCKS proxy.
Meanwhile its session can neither say what it waits for, nor be closed.
"""

import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import structlog

from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant.links.neonize.proxy_errors import PROXY_TIMED_OUT, PROXY_UNREACHABLE, ProxyFailure
from oxy_tenant.links.neonize.tunnel import try_proxy

PATIENCE_SECONDS: Final = 15.0
"""How long a proxy may take to connect us. What is left of the time for a login is enough for one that takes as long
again."""

_WHATSAPP: Final = "web.whatsapp.com"

_RESOLVE_SECONDS: Final = 2.0

_DESCRIPTORS: Final = Path("/proc/self/fd")

log = structlog.get_logger()


async def silence_of(proxy: ProxyUrl, seconds: float = PATIENCE_SECONDS) -> ProxyFailure | None:
    """Return that the proxy does not answer in time, with how far it came; None: it answers, be it with a refusal.

    What an answer means, the library says better: it meets the same one.
    """
    reached = asyncio.Event()
    try:
        async with asyncio.timeout(seconds) as limit:
            await try_proxy(proxy, _WHATSAPP, reached)
    except (OSError, EOFError, asyncio.LimitOverrunError):  # a TimeoutError is an OSError
        if not limit.expired():
            return None
    else:
        return None
    if reached.is_set():
        return ProxyFailure(PROXY_TIMED_OUT, f"no answer to our request within {seconds:.0f} seconds")
    return ProxyFailure(PROXY_UNREACHABLE, f"no connection within {seconds:.0f} seconds")


async def cut_connections(proxy: ProxyUrl) -> None:
    """End all of this process's connections to the proxy, so that the library notices that it waits in vain."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
    except OSError as error:
        log.warning("proxy_not_resolved", error=type(error).__name__)
        return
    ends: set[tuple[object, ...]] = {address[:2] for *_, address in found}
    cut = sum(_cut(descriptor, ends) for descriptor in _sockets())
    log.warning("proxy_connections_cut", connections=cut)


def _sockets() -> Iterator[int]:
    for entry in os.listdir(_DESCRIPTORS):  # noqa: PTH208 names are enough, and the list is one of a moment
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(entry)).st_mode):
                yield int(entry)


def _cut(descriptor: int, ends: set[tuple[object, ...]]) -> bool:
    """Shut a socket down if it leads to one of `ends`; its owner still closes it. Returns whether it did."""
    with suppress(OSError), closing(socket.socket(fileno=os.dup(descriptor))) as connection:
        peer = connection.getpeername()
        if isinstance(peer, tuple) and peer[:2] in ends:
            connection.shutdown(socket.SHUT_RDWR)
            return True
    return False
