"""What waits for a client leaves at the pace that the connection has, in bytes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from oxy_simulator.outbox import MAX_WAITING, SocketOutbox

HEAD = 4  # of a message of 126 bytes to 64 KiB


@dataclass
class Line:
    """An outbox and the far end of its connection."""

    outbox: SocketOutbox
    reader: asyncio.StreamReader

    async def passed_in(self, seconds: float) -> int:
        """Count the bytes that come within some time."""
        count = 0
        try:
            async with asyncio.timeout(seconds):
                while data := await self.reader.read(1 << 16):
                    count += len(data)
        except TimeoutError:
            pass
        return count


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    here, there = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
    reader, writer = await asyncio.open_connection(sock=there)
    yield Line(SocketOutbox(transport), reader)
    transport.abort()
    writer.close()


async def test_what_is_written_at_once_leaves_at_once(line: Line) -> None:
    for size in (1, 125, 126, 65_535, 65_536):
        line.outbox.write(b"x" * size)
    expected = b"".join(
        head + b"x" * size
        for head, size in (
            (b"\x82\x01", 1),
            (b"\x82\x7d", 125),
            (b"\x82\x7e\x00\x7e", 126),
            (b"\x82\x7e\xff\xff", 65_535),
            (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65_536),
        )
    )
    assert await line.reader.readexactly(len(expected)) == expected


async def test_one_large_message_is_paced_by_its_bytes(line: Line) -> None:
    line.outbox.pace.slow(10_000, "inbound")
    started = now()
    line.outbox.write(b"x" * 8_000)
    await line.reader.readexactly(1)
    early = 1 + await line.passed_in(0.4)
    assert early <= (now() - started) * 10_000 + 1_000, "a slice at a time, and never faster than 10,000 bytes a second"
    await line.reader.readexactly(8_000 + HEAD - early)
    assert now() - started > (8_000 + HEAD) / 10_000 * 0.8


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_pong_waits_for_the_end_of_a_message(line: Line) -> None:
    line.outbox.pace.slow(20_000, "inbound")
    line.outbox.write(b"x" * 3_000)
    await line.reader.readexactly(1)
    line.outbox.pong(b"alive")
    assert await line.reader.readuntil(b"alive") == b"\x7e\x0b\xb8" + b"x" * 3_000 + b"\x8a\x05alive"


async def test_even_a_byte_a_second_is_kept_to(line: Line) -> None:
    line.outbox.pace.slow(1, None)
    started = now()
    line.outbox.write(b"hello")
    await line.reader.readexactly(2)
    assert now() - started > 0.9


async def test_there_is_room_again_when_the_client_has_read(line: Line) -> None:
    told = asyncio.Event()
    line.outbox.on_room = told.set
    line.outbox.write(b"x" * MAX_WAITING)
    assert line.outbox.full
    assert not told.is_set()
    await line.reader.readexactly(MAX_WAITING)
    await asyncio.wait_for(told.wait(), 60)
    assert not line.outbox.full


async def test_nothing_passes_a_standstill(line: Line) -> None:
    line.outbox.pace.stop()
    line.outbox.write(b"hello")
    assert await line.passed_in(0.2) == 0
