"""The sans-IO companion over real TLS and WebSocket."""

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp import ClientSession, WSMsgType
from integration.simulator.clients import NeonizeClient

from oxy_simulator import outbox
from oxy_simulator.attachments import Image
from oxy_simulator.companion import (
    Acknowledged,
    CodesShown,
    Companion,
    Event,
    Linked,
    Notified,
    Online,
    Receipt,
    Received,
)
from oxy_simulator.companion_media import retry_answer
from oxy_simulator.companion_socket import HOST, CompanionSocket
from oxy_simulator.faults import FaultKind
from oxy_simulator.jid import Jid
from oxy_simulator.testing import Phone, WhatsApp

PATIENCE = 30.0

T = TypeVar("T", bound=Event)


class Client:
    """A companion that comes back whenever its connection ends, and what happened to it."""

    def __init__(self, whatsapp: WhatsApp) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        root = bytes.fromhex(whatsapp.noise_root_file.read_text().strip())
        self.companion = Companion(root, self.events.put_nowait, prekeys=30)
        self._socket = CompanionSocket(self.companion, whatsapp.proxy_url, whatsapp.ca_file)

    async def stay_connected(self) -> None:
        while True:
            await self._socket.run()

    async def start(self) -> None:
        self._running = asyncio.create_task(self.stay_connected())

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])

    def stall(self) -> None:
        self._socket.stall()

    async def expect(self, kind: type[T]) -> T:
        async with asyncio.timeout(PATIENCE):
            while not isinstance(event := await self.events.get(), kind):
                pass
        return event

    async def expect_text(self) -> Received:
        """Return the next message with a text; a new device also hears from its phone."""
        while not (received := await self.expect(Received)).message.conversation:
            pass
        return received


@asynccontextmanager
async def linked(whatsapp: WhatsApp, phone: Phone) -> AsyncIterator[Client]:
    """A companion of a phone, online."""
    client = Client(whatsapp)
    await client.start()
    try:
        await phone.link(qr=(await client.expect(CodesShown)).codes[0])
        await client.expect(Linked)
        await client.expect(Online)
        await client.expect(Received)  # the app state key
        await client.expect(Received)  # the end of a history without chats
        yield client
    finally:
        await client.stop()


async def test_it_links_talks_and_resumes(simulator: WhatsApp, bot: Phone, ana: Phone) -> None:
    async with linked(simulator, bot) as client:
        sent = await ana.send("oi", to=bot)
        received = await client.expect_text()
        assert (received.id, received.message.conversation) == (sent, "oi")
        client.companion.send_text(received.chat, "olá", "3EB001")
        assert (await ana.expect("olá", within=PATIENCE)).id == "3EB001"
        assert (await client.expect(Receipt)).id == "3EB001"

        await bot.fault(FaultKind.ABORT)
        await client.expect(Online)
        await ana.send("ainda aí?", to=bot)
        assert (await client.expect_text()).message.conversation == "ainda aí?"
        assert await simulator.settled(PATIENCE)


async def test_a_client_that_hangs_is_cut_and_gets_everything_when_it_is_back(
    simulator: WhatsApp, bot: Phone, ana: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_QUEUED", 1 << 20)
    text = "x" * 65_000
    async with linked(simulator, bot) as client:
        client.stall()
        count = 0
        while (await bot.view()).devices[0].online:  # the system's own buffers are filled first
            await ana.send(text, to=bot)
            count += 1
            assert count < 2000, "nobody cut it"
        await client.stop()
        monkeypatch.undo()  # what waited is sent at once
        assert (await bot.view()).devices[0].waiting >= count
        await client.start()
        for _ in range(count):
            assert (await client.expect_text()).message.conversation == text
        assert await simulator.settled(PATIENCE)


async def test_what_waited_may_be_more_than_a_connected_client_may_leave_unread(
    simulator: WhatsApp, bot: Phone, ana: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(simulator, bot) as client:
        await client.stop()
        texts = [f"{number} {'x' * 60_000}" for number in range(60)]
        for text in texts:
            await ana.send(text, to=bot)
        monkeypatch.setattr(outbox, "MAX_QUEUED", 1 << 20)
        monkeypatch.setattr(outbox, "MAX_WAITING", 1 << 18)
        await client.start()
        assert (await client.expect(Online)).waited >= len(texts)
        assert await simulator.settled(PATIENCE)
        (device,) = (await bot.view()).devices
        assert (device.online, device.waiting) == (True, 0)


async def test_an_expired_file_is_asked_for_and_downloaded_again(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    picture = os.urandom(100_001)
    async with linked(simulator, bot) as companion:
        sent = await ana.send(Image(data=picture), to=bot)
        while not (received := await companion.expect(Received)).message.HasField("image_message"):
            pass
        await client.expect("Message", id=sent)
        await simulator.api.media_fault("expired", status=410)
        for _ in range(2):
            await client.do("fetch", message_id=sent)
            assert "410" in (await client.expect("Sent"))["error"], "it is gone for good"
        key = received.message.image_message.media_key
        companion.companion.ask_for_file(received.chat, sent, key)
        while (notified := await companion.expect(Notified)).stanza.text("type") != "mediaretry":
            pass
        path = retry_answer(notified.stanza, key)
        assert path not in {None, received.message.image_message.direct_path}
        again = await client.ask("fetch", "Sent", message_id=sent, path=str(path))
        assert again["sha256"] == hashlib.sha256(picture).hexdigest()
        await simulator.api.media_fault("not-on-phone")
        companion.companion.ask_for_file(received.chat, sent, key)
        assert retry_answer((await companion.expect(Notified)).stanza, key) is None


async def test_a_ping_of_the_web_socket_is_answered(simulator: WhatsApp) -> None:
    context = ssl.create_default_context(cafile=simulator.ca_file)
    url = f"https://{HOST}/ws/chat"
    async with (
        ClientSession() as session,
        session.ws_connect(url, proxy=simulator.proxy_url, ssl=context, autoping=False) as socket,
    ):
        await socket.ping(b"alive?")
        answer = await socket.receive(PATIENCE)
        assert (answer.type, answer.data) == (WSMsgType.PONG, b"alive?")


async def test_what_a_client_wrote_and_a_fault_held_arrives_when_the_server_ends(tmp_path: Path) -> None:
    async with WhatsApp(state=tmp_path) as whatsapp:
        bot, ana = await whatsapp.phone("5511900000001"), await whatsapp.phone("5511911111111")
        await ana.send("oi", to=bot)
        async with linked(whatsapp, bot) as client:
            await bot.fault(FaultKind.DELAY, delay=3600, direction="outbound")
            client.companion.send_text(Jid(whatsapp.service.account(ana.number).lid_user, "lid"), "olá", "3EB001")
            await client.expect(Acknowledged)
            assert not await whatsapp.settled(0)
            assert await ana.inbox() == []
    async with WhatsApp(state=tmp_path) as whatsapp:
        assert [message.text for message in await (await whatsapp.phone("5511911111111")).inbox()] == ["olá"]
