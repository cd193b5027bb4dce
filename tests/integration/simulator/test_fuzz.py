"""Bytes that no client sends, at every stage of a connection: it is closed, and nobody else notices."""

import asyncio
import contextlib
import os
import random
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from integration.simulator.clients import PATIENCE
from unit.simulator.memory import BOT, WEB

from oxy_simulator.accounts import Device, SignedPreKey
from oxy_simulator.codec import decode, encode
from oxy_simulator.curve import KeyPair
from oxy_simulator.frames import CONNECTION_HEADER, FrameBuffer, pack_frame
from oxy_simulator.node import node
from oxy_simulator.noise import CipherStream, ClientHandshake
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.testing import WhatsApp

HOST = "web.whatsapp.com"
CONNECT = f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode()
SEED = random.randrange(1 << 32)
ROUNDS = 40
VERSION = 1023223821  # a web client that is new enough


@pytest.fixture
def chance() -> random.Random:
    print(f"seed {SEED}")  # noqa: T201 - shown when the test fails
    return random.Random(SEED)


@dataclass
class WireClient:
    """A client over the whole way: proxy, TLS, WebSocket, Noise."""

    socket: aiohttp.ClientWebSocketResponse
    receiving: CipherStream | None = None
    sending: CipherStream | None = None

    async def frame(self, buffer: FrameBuffer) -> bytes:
        async with asyncio.timeout(PATIENCE):
            (frame,) = buffer.feed(await self.socket.receive_bytes())
        return frame

    async def send(self, plaintext: bytes) -> None:
        assert self.sending is not None
        await self.socket.send_bytes(pack_frame(self.sending.encrypt(plaintext)))

    async def ended(self) -> None:
        """Wait until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while not self.socket.closed:
                    await self.socket.receive()


@contextlib.asynccontextmanager
async def web_socket(simulator: WhatsApp) -> AsyncIterator[WireClient]:
    context = ssl.create_default_context(cafile=simulator.ca_file)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"wss://{HOST}/ws/chat", proxy=simulator.proxy_url, ssl=context) as socket,
    ):
        yield WireClient(socket)


def link(simulator: WhatsApp, key: KeyPair, device: int = 1) -> None:
    """Make a linked device without linking it."""
    prekey, identity = SignedPreKey(1, bytes(32), bytes(64)), KeyPair.generate().public
    simulator.service.account(BOT).devices[device] = Device(device, key.public, identity, 1, prekey)


async def log_in(simulator: WhatsApp, client: WireClient, key: KeyPair, device: int = 1) -> None:
    buffer = FrameBuffer()
    buffer.feed(CONNECTION_HEADER)
    root = bytes.fromhex(simulator.noise_root_file.read_text())
    handshake = ClientHandshake(key, root, KeyPair.generate())
    await client.socket.send_bytes(CONNECTION_HEADER + pack_frame(handshake.hello()))
    version = ClientPayload.UserAgent.AppVersion(primary=2, secondary=3000, tertiary=VERSION)
    payload = ClientPayload(
        username=int(BOT), device=device, user_agent=ClientPayload.UserAgent(platform=WEB, app_version=version)
    )
    finish, client.receiving, client.sending = handshake.finish(await client.frame(buffer), payload)
    await client.socket.send_bytes(pack_frame(finish))
    success = decode(client.receiving.decrypt(await client.frame(buffer)))
    assert success.tag == "success"


@contextlib.asynccontextmanager
async def unharmed(simulator: WhatsApp) -> AsyncIterator[None]:
    """Keep a logged-in client through the block; it must be served afterwards, and nobody else connected."""
    await simulator.phone(BOT)
    key = KeyPair.generate()
    link(simulator, key)
    async with web_socket(simulator) as bystander:
        await log_in(simulator, bystander, key)
        yield
        ping = node("iq", {"to": "s.whatsapp.net", "id": "1", "xmlns": "w:p", "type": "get"})
        await bystander.send(encode(ping))
        buffer = FrameBuffer()
        buffer.feed(CONNECTION_HEADER)
        assert bystander.receiving is not None
        answer = decode(bystander.receiving.decrypt(await bystander.frame(buffer)))
        assert (answer.tag, answer.text("type")) == ("iq", "result")
    front = simulator.service.proxies.front
    async with asyncio.timeout(PATIENCE):
        while front.arriving or front.settled:  # noqa: ASYNC110 - connections end without telling anybody
            await asyncio.sleep(0.02)
    assert "simulator-error" not in {violation.rule for violation in await simulator.violations()}
    simulator.allow_violations("broken-stream", "unknown-stanza", "bad-stanza", "unknown-iq", "not-logged-in")


async def raw(simulator: WhatsApp, *chunks: bytes) -> bytes:
    """Send bytes to the proxy's port and return everything that comes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.service.proxy_port)
    received = b""
    with contextlib.suppress(ConnectionError):
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            if chunk is CONNECT:
                received += await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            received += await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return received


async def test_any_bytes_at_the_port_and_for_tls(simulator: WhatsApp, chance: random.Random) -> None:
    async with unharmed(simulator):
        for _ in range(ROUNDS):
            junk = chance.randbytes(chance.randrange(1, 2000))
            assert b"200" not in await raw(simulator, junk)
            assert b"403" in await raw(simulator, junk.replace(b"\r", b"") + b"\r\n\r\n")
            await raw(simulator, CONNECT, junk)
            await raw(simulator, CONNECT, b"\x16\x03\x01" + junk)


async def test_any_bytes_for_http(simulator: WhatsApp, chance: random.Random) -> None:
    context = ssl.create_default_context(cafile=simulator.ca_file)
    async with unharmed(simulator):
        simulator.service.proxies.front.handshake_seconds = 5.0  # what looks like a request's start waits for more
        for number in range(ROUNDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", simulator.service.proxy_port)
            writer.write(CONNECT)
            await reader.readuntil(b"\r\n\r\n")
            await writer.start_tls(context, server_hostname=HOST)
            start = b"GET /ws/chat HTTP/1.1\r\n" if number % 2 else b""
            writer.write(start + chance.randbytes(chance.randrange(1, 500)) + b"\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(PATIENCE):
                    assert b" 101 " not in await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


async def test_any_bytes_for_the_web_socket(simulator: WhatsApp, chance: random.Random) -> None:
    context = ssl.create_default_context(cafile=simulator.ca_file)
    upgrade = (
        f"GET /ws/chat HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with unharmed(simulator):
        simulator.service.proxies.front.handshake_seconds = 3.0  # what looks like the start of a frame waits for more
        for _ in range(ROUNDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", simulator.service.proxy_port)
            writer.write(CONNECT)
            await reader.readuntil(b"\r\n\r\n")
            await writer.start_tls(context, server_hostname=HOST)
            writer.write(upgrade.encode())
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            # An unmasked frame, reserved bits or an unknown kind of frame: each is an error by RFC 6455.
            writer.write(bytes((chance.choice((0x82, 0xF2, 0x8F, 0x03)), 10)) + chance.randbytes(200))
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(PATIENCE):
                    await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


async def test_text_is_no_frame(simulator: WhatsApp) -> None:
    async with unharmed(simulator):
        async with web_socket(simulator) as client:
            await client.socket.send_str("oi")
            await client.ended()
        assert [violation.rule for violation in await simulator.violations()] == ["broken-stream"]


async def test_any_bytes_for_the_handshake(simulator: WhatsApp, chance: random.Random) -> None:
    async with unharmed(simulator):
        for number in range(ROUNDS):
            async with web_socket(simulator) as client:
                junk = chance.randbytes(chance.randrange(4, 500))
                first = junk if number % 3 == 0 else CONNECTION_HEADER + pack_frame(junk)
                if number % 3 == 1:
                    first = CONNECTION_HEADER + b"\xff\xff\xff" + junk  # announces 16 MiB before it is known
                await client.socket.send_bytes(first)
                await client.ended()
            if number % 3 == 2:
                async with web_socket(simulator) as client:
                    hello = ClientHandshake(KeyPair.generate(), bytes(32), KeyPair.generate()).hello()
                    await client.socket.send_bytes(CONNECTION_HEADER + pack_frame(hello))
                    await client.socket.receive_bytes()
                    await client.socket.send_bytes(pack_frame(junk))
                    await client.ended()


async def test_any_bytes_after_the_login(simulator: WhatsApp, chance: random.Random) -> None:
    async with unharmed(simulator):
        key = KeyPair.generate()
        link(simulator, key, device=2)
        for number in range(ROUNDS):
            async with web_socket(simulator) as client:
                await log_in(simulator, client, key, device=2)
                junk = chance.randbytes(chance.randrange(1, 300))
                if number % 2:
                    await client.send(bytes((chance.choice((0, 2)),)) + junk)
                else:
                    await client.socket.send_bytes(pack_frame(junk))
                await client.ended()


async def test_slow_lorises_are_cut_after_a_time(simulator: WhatsApp) -> None:
    front = simulator.service.proxies.front
    async with unharmed(simulator):
        front.handshake_seconds = 1.0
        lorises = [await asyncio.open_connection("127.0.0.1", simulator.service.proxy_port) for _ in range(50)]
        for number, (_, writer) in enumerate(lorises):
            writer.write(CONNECT if number % 2 else b"CONNECT web.what")
        async with asyncio.timeout(PATIENCE):
            for reader, writer in lorises:
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                    await reader.read()
        for _, writer in lorises:
            writer.close()


async def test_ten_thousand_half_open_connections_leave_room_for_clients(simulator: WhatsApp) -> None:
    front, loop = simulator.service.proxies.front, asyncio.get_running_loop()
    address = ("127.0.0.1", simulator.service.proxy_port)
    batch, batches, kept_open = 100, 100, 8
    limit = front.max_arriving = 512
    async with unharmed(simulator):
        peak, opened = 0, deque[socket.socket]()
        for _ in range(batches):
            fresh = [socket.socket() for _ in range(batch)]
            for each in fresh:
                each.settimeout(0)
            await asyncio.gather(*(loop.sock_connect(each, address) for each in fresh))
            opened += fresh
            peak = max(peak, front.arriving)
            while len(opened) > batch * kept_open:
                opened.popleft().close()
        assert limit - batch < peak <= limit
        async with web_socket(simulator) as client:
            await client.socket.send_bytes(os.urandom(8))
            await client.ended()
        for each in opened:
            each.close()
