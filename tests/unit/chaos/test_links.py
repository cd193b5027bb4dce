"""A link carries both ways until it is cut, and again after it was mended."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from chaos.links import Cut, Link


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Link, list[bytes]]]:
    """A link to a server that notes each line and sends it back."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            heard.append(line)
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    link = Link(lambda: server.sockets[0].getsockname()[1])
    await link.open()
    try:
        yield link, heard
    finally:
        await link.close()
        server.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> bytes:
    writer.write(line)
    async with asyncio.timeout(60):
        return await reader.readline()


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the other side has ended the connection."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_it_carries_both_ways() -> None:
    async with echoing() as (link, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ask(reader, writer, b"one\n") == b"one\n"
        writer.close()


async def test_refused_it_breaks_and_mended_it_has_the_same_port() -> None:
    async with echoing() as (link, _):
        port = link.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await link.cut(Cut.REFUSE)
        await ended(reader, writer)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await link.mend(Cut.REFUSE)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(reader, writer, b"two\n") == b"two\n"
        writer.close()


async def test_frozen_it_delivers_when_it_is_mended() -> None:
    async with echoing() as (link, heard):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ask(reader, writer, b"one\n") == b"one\n"
        await link.cut(Cut.FREEZE)
        answer = asyncio.create_task(ask(reader, writer, b"two\n"))
        await asyncio.sleep(0.1)
        assert heard == [b"one\n"]
        await link.mend(Cut.FREEZE)
        assert await answer == b"two\n"
        writer.close()


async def test_deafened_it_delivers_and_loses_the_answer() -> None:
    async with echoing() as (link, heard):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        await link.cut(Cut.DEAFEN)
        writer.write(b"one\n")
        async with asyncio.timeout(60):
            while not heard:  # noqa: ASYNC110 the other side rings no event
                await asyncio.sleep(0.01)
        await link.mend(Cut.DEAFEN)
        await ended(reader, writer)
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ask(reader, writer, b"two\n") == b"two\n"
        assert heard == [b"one\n", b"two\n"]
        writer.close()


async def test_nobody_else_gets_the_port_of_a_link_that_refuses() -> None:
    async with echoing() as (link, _):
        await link.cut(Cut.REFUSE)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", link.port))
        await link.mend(Cut.REFUSE)
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ask(reader, writer, b"one\n") == b"one\n"
        writer.close()
