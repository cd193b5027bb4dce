"""Kinds of messages and files through the control API, between phones alone."""

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from oxy_simulator.attachments import Document, Image
from oxy_simulator.client import SimulatorClient
from oxy_simulator.contents import Edit, Poll, Vote
from oxy_simulator.errors import RequestError
from oxy_simulator.testing import Phone, WhatsApp

DATA = os.urandom(300_000)


@pytest.fixture
async def api(simulator: WhatsApp, bot: Phone, ana: Phone) -> AsyncIterator[SimulatorClient]:
    async with SimulatorClient(simulator.control_url) as client:
        yield client


async def post(simulator: WhatsApp, path: str, body: object) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.post(simulator.control_url + path, json=body) as response:
        return response.status, await response.json()


async def test_a_message_of_any_kind_is_sent_as_json(simulator: WhatsApp, bot: Phone, ana: Phone) -> None:
    path = f"/phones/{ana.number}/send"
    message = {"kind": "poll", "name": "Quando?", "options": ["Hoje", "Amanhã"], "selectable": 1}
    status, sent = await post(simulator, path, {"to": bot.number, "message": message})
    assert status == 200
    (entry,) = await bot.inbox()
    assert (entry.id, entry.content) == (sent["id"], Poll(name="Quando?", options=("Hoje", "Amanhã"), selectable=1))
    image = {"kind": "image", "data": base64.b64encode(DATA).decode(), "caption": "gato"}
    status, sent = await post(simulator, path, {"to": bot.number, "message": image})
    assert status == 200
    assert await bot.file(sent["id"]) == DATA


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "give exactly one of 'text' and 'message'"),
        ({"text": "oi", "message": {"kind": "text", "text": "oi"}}, "give exactly one of 'text' and 'message'"),
        ({"message": {"kind": "text", "text": "oi"}, "quote": "3A"}, "put it into the message"),
        ({"message": {"kind": "text", "texto": "oi"}}, "message.text.texto: unknown field"),
        ({"message": {"kind": "poll", "name": "?", "options": ["a"]}}, "message.poll.options: must have at least 2"),
        ({"message": {"kind": "reaction", "target": "3A", "emoji": "👍"}}, "there is no message 3A in the chat"),
        ({"message": {"kind": "image", "file": "3A"}}, "has no file 3A; take an id that POST"),
    ],
)
async def test_a_wrong_message_is_explained(
    simulator: WhatsApp, bot: Phone, ana: Phone, body: dict[str, object], complaint: str
) -> None:
    status, answer = await post(simulator, f"/phones/{ana.number}/send", {"to": bot.number, **body})
    assert status == 400
    assert complaint in answer["error"]
    assert await bot.inbox() == []


async def test_the_state_of_a_message_is_told(api: SimulatorClient, bot: Phone, ana: Phone) -> None:
    sent = await ana.send("oi", to=bot)
    assert (await bot.inbox())[0].state is None
    await api.say(ana.number, bot.number, Edit(target=sent, text="olá"))
    first, second = await bot.inbox()
    assert first.state is not None
    assert (first.text, first.state.text, second.kind, second.target_id) == ("oi", "olá", "edit", sent)
    poll = await ana.send(Poll(name="?", options=("a", "b")), to=bot)
    await bot.send(Vote(target=poll, options=("b",)), to=ana)
    assert (await api.message(ana.number, poll)).tally == {"a": [], "b": [bot.number]}
    with pytest.raises(RequestError, match="has no message 3A"):
        await api.message(ana.number, "3A")


async def test_a_file_is_streamed_and_read_back(api: SimulatorClient, bot: Phone, ana: Phone, tmp_path: Path) -> None:
    path = tmp_path / "exame.pdf"
    path.write_bytes(DATA)
    file = await api.attach(ana.number, "document", path)
    sent = await ana.send(Document(file=file, file_name="exame.pdf", caption="veja"), to=bot)
    assert await api.file(bot.number, sent) == DATA
    again = await ana.send(Document(file=file), to=bot)
    assert await api.file(bot.number, again) == DATA
    with pytest.raises(RequestError, match="there are no files of kind 'smoke'"):
        await api.attach(ana.number, "smoke", b"x")
    with pytest.raises(RequestError, match="larger than 1048576 bytes"):
        await api.attach(ana.number, "sticker", bytes((1 << 20) + 1))
    text = await ana.send("oi", to=bot)
    with pytest.raises(RequestError, match="with a file"):
        await api.file(bot.number, text)


async def test_what_is_wrong_with_a_file_is_told(api: SimulatorClient, bot: Phone, ana: Phone) -> None:
    await api.media_fault("wrong-mac")
    sent = await ana.send(Image(data=DATA), to=bot)
    with pytest.raises(RequestError, match="authentication code"):
        await api.file(bot.number, sent)


async def test_files_and_states_survive_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    async with WhatsApp(state=folder) as first:
        bot, ana = await first.phone("+5511900000001"), await first.phone("+5511911111111")
        sent = await ana.send(Image(data=DATA, caption="gato"), to=bot)
        poll = await ana.send(Poll(name="?", options=("a", "b")), to=bot)
        await bot.send(Vote(target=poll, options=("a",)), to=ana)
        entries = await bot.inbox()
    async with WhatsApp(state=folder) as second:
        bot, ana = await second.phone("+5511900000001"), await second.phone("+5511911111111")
        assert [entry.content for entry in await bot.inbox()] == [entry.content for entry in entries]
        assert await bot.file(sent) == DATA
        await ana.send(Vote(target=poll, options=("b",)), to=bot)
        assert (await ana.message(poll)).tally == {"a": [bot.number], "b": [ana.number]}
