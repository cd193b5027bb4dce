"""The objects for Python tests, with a server in this process and with one elsewhere."""

import re
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from integration.simulator.clients import NewClient

from oxy_simulator.errors import PairingError, RequestError, UnreachableError
from oxy_simulator.testing import ViolationError, WhatsApp

PATIENCE = 30.0


@pytest.fixture(params=["in this process", "by its URL"])
async def wa(request: pytest.FixtureRequest) -> AsyncIterator[WhatsApp]:
    async with WhatsApp() as local:
        if request.param == "in this process":
            yield local
        else:
            async with WhatsApp(local.control_url) as remote:
                yield remote


async def test_a_phone_expects_by_text_pattern_kind_sender_and_chat(wa: WhatsApp) -> None:
    ana, bia, bot = [await wa.phone(f"+551191111111{digit}") for digit in range(3)]
    await ana.send("oi", to=bot)
    await bia.send("são 3 banhos", to=bot)
    await ana.send("tchau", to=bot)
    assert (await bot.expect("oi", within=PATIENCE)).sender == ana.number
    assert (await bot.expect(re.compile(r"\d banhos"), kind="text", within=PATIENCE)).sender == bia.number
    assert (await bot.expect(from_=ana, chat=ana, within=PATIENCE)).text == "tchau"


async def test_a_broken_expectation_says_what_came_instead(wa: WhatsApp) -> None:
    ana, bot = await wa.phone("+5511911111111"), await wa.phone("+5511900000001")
    sent = await ana.send("oi", to=bot)
    await ana.send("oi", to=bot, message_id=sent)
    with pytest.raises(AssertionError, match=r"expected 'olá' from 55.* got 5511911111111: 'oi', .*\(repeated id\)"):
        await bot.expect("olá", from_=ana, within=0.05)
    with pytest.raises(AssertionError, match=r"expected /olá/ kind image in chat .* and got nothing"):
        await ana.expect(re.compile("olá"), kind="image", chat=bot, within=0.05)


async def test_nothing_can_be_expected(wa: WhatsApp) -> None:
    ana, bot = await wa.phone("+5511911111111"), await wa.phone("+5511900000001")
    await bot.expect_nothing(within=0.05)
    await ana.send("oi", to=bot)
    with pytest.raises(AssertionError, match="expected nothing within 9 s and got 5511911111111: 'oi'"):
        await bot.expect_nothing(within=9)
    await bot.expect("oi", within=PATIENCE)
    await bot.expect_nothing(within=0.05)


async def test_messages_from_before_are_not_expected_again(wa: WhatsApp) -> None:
    ana, bot = await wa.phone("+5511911111111"), await wa.phone("+5511900000001")
    await ana.send("antes", to=bot)
    again = await wa.phone(bot.number)
    await ana.send("depois", to=bot)
    assert (await again.expect(within=PATIENCE)).text == "depois"
    assert [message.text for message in await again.inbox()] == ["antes", "depois"]


async def test_a_server_that_is_not_there_is_explained() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody can connect to it
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"no simulator answers at {url} .*oxy-simulator serve"):
            await WhatsApp(url).__aenter__()


async def test_another_server_is_no_simulator(wa: WhatsApp) -> None:
    application = web.Application()
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with pytest.raises(UnreachableError, match="is no control API"):
            await WhatsApp(f"http://127.0.0.1:{runner.addresses[0][1]}").__aenter__()
    finally:
        await runner.cleanup()
    async with WhatsApp(wa.control_url):
        pass


async def test_refusals_are_explained(wa: WhatsApp) -> None:
    bot = await wa.phone("+5511900000001")
    with pytest.raises(RequestError, match="add it first"):
        await bot.send("oi", to="+5511999990000")
    with pytest.raises(PairingError, match="ask the client for a new code"):
        await bot.link(code="ABCD-1234")
    with pytest.raises(RequestError, match="kind: must be"):
        await bot.fault("earthquake")
    with pytest.raises(RequestError, match="cuont: unknown field"):
        await bot.fault("corrupt", cuont=2)


async def test_every_message_of_a_real_client_has_a_life_line(wa: WhatsApp, new_client: NewClient) -> None:
    ana, bot = await wa.phone("+5511911111111"), await wa.phone("+5511900000001")
    client = await new_client(wa.client_environment)
    await bot.link(qr=(await client.expect("QR"))["text"])
    await client.expect("Connected")
    asked = await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    sent = await client.ask("send", "Sent", to=ana.number, text="olá")
    await ana.expect("olá", within=PATIENCE)
    assert await wa.settled(PATIENCE)
    (question,) = await wa.messages(from_=ana)
    assert (question.id, question.text) == (asked, "oi")
    assert {"sent", "relayed", "receipted", "answered"} <= set(question.stages)
    (answer,) = await wa.messages(to=ana)
    assert (answer.id, answer.text) == (sent["id"], "olá")
    assert await wa.messages(id=asked, direction="outbound") == []
    assert (await bot.view()).devices[0].online


async def test_a_violation_fails_the_block_that_saw_it() -> None:
    async with WhatsApp() as wa:
        wa.service.network.violation(None, "made-up", "earlier")
        wa.allow_violations("made-up")
        async with WhatsApp(wa.control_url):
            pass
        with pytest.raises(ViolationError, match=r"made-up \(no phone\): later"):
            async with WhatsApp(wa.control_url):
                wa.service.network.violation(None, "made-up", "later")
        async with WhatsApp(wa.control_url) as tolerant:
            tolerant.allow_violations("made-up")
            wa.service.network.violation(None, "made-up", "allowed")
