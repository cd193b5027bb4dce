"""Listeners for clients: HTTP CONNECT and SOCKS5 proxies that end TLS themselves.

Clients reach the simulator as their proxy and ask it for web.whatsapp.com:443. After that the same
TCP connection continues with TLS and HTTP here; nothing is forwarded anywhere.
"""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote

import structlog

from oxy_simulator.errors import RequestError
from oxy_simulator.front import MAX_ARRIVING, Front, connection_key
from oxy_simulator.proxy_protocol import ProxyPolicy, ProxyTalk, Verdict, open_talk
from oxy_simulator.reasons import listening

log = structlog.get_logger(__name__)


class ProxyConnection(asyncio.Protocol):
    """One client's talk with a proxy, then handed over to TLS."""

    def __init__(self, front: Front, policy: ProxyPolicy) -> None:
        self._front = front
        self._policy = policy
        self._talk: ProxyTalk | None = None
        self._transport: asyncio.Transport | None = None
        self._key: object = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the talk, or cut at once while the network is down."""
        # Not checked at run time: the transports of other event loops (uvloop) are no subclasses of asyncio's.
        self._transport = transport = cast("asyncio.Transport", transport)
        self._key = connection_key(transport)
        trouble = self._front.proxy_trouble()
        policy = ProxyPolicy(self._policy.scheme, answer=trouble.answer, code=trouble.code) if trouble else self._policy
        self._talk = open_talk(policy)
        self._front.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection."""
        if self._transport is not None:
            self._front.closed(self._key)

    def data_received(self, data: bytes) -> None:
        """Feed the talk and do what it says."""
        if self._talk is None or self._transport is None:
            return
        step = self._talk.feed(data)
        if step.reply:
            self._transport.write(step.reply)
        if step.verdict is Verdict.WAIT:
            return
        self._talk = None
        if step.verdict is Verdict.SERVE:
            self._front.start_tls(self._transport, self._policy.tls)
        elif step.verdict is Verdict.HANG:
            self._front.settle(self._key)
        else:
            log.warning("proxy_refused", scheme=self._policy.scheme, reason=step.reason)
            self._transport.close()


@dataclass(frozen=True, slots=True)
class Listener:
    """A proxy that listens: its number, its policy and its port."""

    id: int
    policy: ProxyPolicy
    host: str
    port: int
    server: asyncio.Server

    @property
    def url(self) -> str:
        """The URL that a client takes, with user and password where they are wanted."""
        policy = self.policy
        login = (
            "" if policy.username is None else f"{quote(policy.username, safe='')}:{quote(policy.password, safe='')}@"
        )
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{policy.scheme}://{login}{host}:{self.port}"


@dataclass
class Proxies:
    """Every proxy that clients may use; the first is always there."""

    front: Front
    _listeners: dict[int, Listener] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def listen(self, policy: ProxyPolicy, host: str, port: int = 0, *, option: str = "'port'") -> Listener:
        """Start a proxy (port 0 takes a free one).

        Raise RequestError if it cannot listen there; `option` is what it says that another port is chosen with.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: ProxyConnection(self.front, policy), host, port, backlog=MAX_ARRIVING
            )
        except (OSError, ValueError) as error:
            raise RequestError(listening(host, port, error, option)) from error
        address: tuple[str, int] = server.sockets[0].getsockname()
        listener = Listener(next(self._numbers), policy, host, address[1], server)
        self._listeners[listener.id] = listener
        return listener

    def all(self) -> list[Listener]:
        """Return every proxy."""
        return list(self._listeners.values())

    def close(self, number: int) -> None:
        """Stop a proxy; what is connected stays. Raise RequestError if there is none of this number."""
        listener = self._listeners.pop(number, None)
        if listener is None:
            known = ", ".join(map(str, self._listeners)) or "none"
            msg = f"there is no proxy {number}; there are: {known} (GET /proxies)"
            raise RequestError(msg)
        listener.server.close()

    async def stop(self) -> None:
        """Stop all of them and cut what is connected."""
        for number in list(self._listeners):
            self.close(number)
        await self.front.stop()
