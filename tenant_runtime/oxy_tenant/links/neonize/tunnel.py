"""A connection of our own to one of WhatsApp's servers, by the way that the library takes: its proxy, or none."""

import asyncio
import ssl
from base64 import b64encode
from functools import cache
from typing import Final
from urllib.parse import unquote_to_bytes

from oxy_core.instance.proxy_url import ProxyUrl

HTTPS_PORT: Final = 443

_ESTABLISHED: Final = b"2"
"""First digit of the status with which a proxy has connected us. Source: RFC 9110, section 9.3.6."""

# SOCKS5. Source: RFC 1928 and, for user and password, RFC 1929.
_VERSION: Final = 5
_LOGIN_VERSION: Final = 1
_NO_LOGIN: Final = 0
_LOGIN: Final = 2
_CONNECT: Final = b"\x05\x01\x00\x03"
"""Connect to a host by its name, which the proxy resolves."""
_ADDRESS_BYTES: Final = {1: 4, 4: 16}
"""Of the bound address in the answer, by its type; type 3 begins with its length."""
_NAME: Final = 3

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_tunnel(proxy: ProxyUrl | None, host: str) -> Streams:
    """Return an encrypted connection to port 443 of `host`, which is one of WhatsApp's names.

    Raises OSError, among others if the proxy refuses, EOFError or asyncio.LimitOverrunError.
    """
    if proxy is None:
        return await asyncio.open_connection(host, HTTPS_PORT, ssl=_trust())
    outer = _trust() if proxy.scheme == "https" else None
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port, ssl=outer)
    try:
        ask = _ask_socks if proxy.scheme == "socks5" else _ask_http
        await ask(proxy, host, reader, writer)
        await writer.start_tls(_trust(), server_hostname=host)
    except BaseException:
        writer.close()
        raise
    return reader, writer


async def try_proxy(proxy: ProxyUrl, host: str, reached: asyncio.Event) -> None:
    """Have the proxy connect to port 443 of `host`, and hang up; sets `reached` once the proxy takes connections.

    Raises as `open_tunnel` does.
    """
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        reached.set()
        if proxy.scheme == "https":
            await writer.start_tls(_trust(), server_hostname=proxy.host)
        ask = _ask_socks if proxy.scheme == "socks5" else _ask_http
        await ask(proxy, host, reader, writer)
    finally:
        writer.close()


@cache
def _trust() -> ssl.SSLContext:
    """Return whom the system trusts, or ``SSL_CERT_FILE`` names, as the library does."""
    return ssl.create_default_context()


async def _ask_http(proxy: ProxyUrl, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    target = f"{host}:{HTTPS_PORT}".encode()
    login = b""
    if proxy.user is not None:
        plain = unquote_to_bytes(proxy.user) + b":" + unquote_to_bytes(proxy.password)
        login = b"Proxy-Authorization: Basic " + b64encode(plain) + b"\r\n"
    writer.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (target, target, login))
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.partition(b" ")[2]
    if not status.startswith(_ESTABLISHED):
        raise _refusal()


async def _ask_socks(proxy: ProxyUrl, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    method = _NO_LOGIN if proxy.user is None else _LOGIN
    writer.write(bytes((_VERSION, 1, method)))
    if await reader.readexactly(2) != bytes((_VERSION, method)):
        raise _refusal()
    if proxy.user is not None:
        user, password = unquote_to_bytes(proxy.user), unquote_to_bytes(proxy.password)
        writer.write(bytes((_LOGIN_VERSION, len(user))) + user + bytes((len(password),)) + password)
        if (await reader.readexactly(2))[1]:
            raise _refusal()
    name = host.encode()
    writer.write(_CONNECT + bytes((len(name),)) + name + HTTPS_PORT.to_bytes(2))
    _, reply, _, kind = await reader.readexactly(4)
    if reply:
        raise _refusal()
    rest = (await reader.readexactly(1))[0] if kind == _NAME else _ADDRESS_BYTES.get(kind, 0)
    await reader.readexactly(rest + 2)


def _refusal() -> OSError:
    return ConnectionRefusedError("the proxy refuses")
