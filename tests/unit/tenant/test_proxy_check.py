"""A proxy that does not answer is told apart from one that does, and what waits for it is cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from oxy_core.instance.proxy_url import ProxyUrl
from oxy_dev.servers import free_port
from oxy_tenant.links.neonize.proxy_check import cut_connections, silence_of
from oxy_tenant.links.neonize.proxy_errors import PROXY_TIMED_OUT, ProxyFailure

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[int]:
    """Serve each client with `talk`, then hang up; yields the port."""

    talks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with suppress(OSError):
            await talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()
        await asyncio.wait([task for task in talks if task])


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take whatever comes, until the client hangs up."""
    while await reader.read(4096):
        pass


def saying(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        await writer.drain()

    return talk


async def patiently(proxy: ProxyUrl) -> ProxyFailure | None:
    """Return how the proxy keeps silent once it has been reached, however busy the machine is."""
    for seconds in (0.2, 2, 20):
        failure = await silence_of(proxy, seconds)
        if failure is None or failure.reason == PROXY_TIMED_OUT:
            return failure
    message = "it was not reached within 20 seconds"
    raise AssertionError(message)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_that_takes_connections_and_says_nothing_is_named(scheme: str) -> None:
    async with server(silent) as port:
        failure = await patiently(ProxyUrl.parse(f"{scheme}://loja:hush-hush@127.0.0.1:{port}"))
    assert failure is not None
    assert failure.reason == PROXY_TIMED_OUT
    assert failure.detail.startswith("no answer to our request within ")


@pytest.mark.parametrize(
    ("scheme", "talk"),
    [
        ("http", saying(b"HTTP/1.1 200 Connection established\r\n\r\n")),
        ("http", saying(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")),
        ("http", saying(b"")),
        ("http", saying(b"x" * 100_000)),
        ("https", saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("socks5", saying(b"\x05\xff")),
        ("socks5", saying(b"\x05")),
    ],
)
async def test_what_a_proxy_answers_is_left_to_the_library_to_name(scheme: str, talk: Talk) -> None:
    async with server(talk) as port:
        assert await silence_of(ProxyUrl.parse(f"{scheme}://127.0.0.1:{port}"), 60) is None


async def test_a_port_where_nobody_listens_is_left_to_the_library_to_name() -> None:
    assert await silence_of(ProxyUrl.parse(f"http://127.0.0.1:{free_port()}"), 60) is None


async def test_the_connections_to_a_proxy_are_cut_and_no_others() -> None:
    async with server(silent) as port, server(silent) as other:
        waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        kept, writer = await asyncio.open_connection("127.0.0.1", other)
        await cut_connections(ProxyUrl.parse(f"socks5://localhost:{port}"))
        for reader, _ in waiting:
            assert await reader.read(1) == b""
        assert not kept.at_eof()
        for _, open_writer in (*waiting, (kept, writer)):
            open_writer.close()
