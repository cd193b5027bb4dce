"""A proxy's talk with a client, on the transports of any event loop."""

import asyncio
import ssl
from typing import cast

from oxy_simulator.front import Front
from oxy_simulator.proxies import Listener, ProxyConnection
from oxy_simulator.proxy_protocol import ProxyPolicy, parse_listener


class ForeignTransport:
    """A transport as uvloop has them: none of asyncio's classes, but the same methods."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str) -> str:
        return name

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


async def test_a_transport_need_not_be_asyncios() -> None:
    transport = ForeignTransport()
    front = Front(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    connection = ProxyConnection(front, ProxyPolicy())
    connection.connection_made(cast("asyncio.Transport", transport))
    assert front.arriving == 1
    connection.data_received(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 403")
    assert transport.closed
    connection.connection_lost(None)
    assert front.arriving == 0


def test_the_url_of_a_proxy_says_what_its_policy_says() -> None:
    policy = ProxyPolicy("socks5", "shop@home", "p/ss:w#rd%")
    listener = Listener(1, policy, "127.0.0.1", 1080, cast("asyncio.Server", None))
    assert parse_listener(listener.url) == (policy, "127.0.0.1", 1080)
