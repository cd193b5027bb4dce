"""Real neonize reads the history and the mappings that its own phone shares."""

import asyncio

from integration.simulator.clients import PATIENCE, NewClient

from oxy_simulator.testing import Phone, WhatsApp


async def test_a_newly_linked_client_gets_the_history_that_the_phone_shares(
    simulator: WhatsApp, bot: Phone, ana: Phone, new_client: NewClient
) -> None:
    ids = [await ana.send(text, to=bot) for text in ("um", "dois")]
    await bot.act("history", share="recent")
    client = await new_client(simulator.client_environment)
    await bot.link(qr=(await client.expect("QR"))["text"])
    history = (await client.expect("HistorySync"))["facts"]["Data"]
    (chat,) = history["conversations"]
    lid = simulator.service.account(ana.number).lid_user
    assert (chat["ID"], [entry["message"]["key"]["ID"] for entry in chat["messages"]]) == (f"{lid}@lid", ids[::-1])
    names = (await client.expect("HistorySync"))["facts"]["Data"]
    assert names["pushnames"] == [{"ID": f"{lid}@lid", "pushname": "Ana"}]
    assert client.texts() == []
    assert await simulator.settled(PATIENCE)


async def test_a_client_learns_lids_from_its_phone(
    simulator: WhatsApp, bot: Phone, ana: Phone, new_client: NewClient
) -> None:
    await ana.send("oi", to=bot)
    client = await new_client(simulator.client_environment)
    await bot.link(qr=(await client.expect("QR"))["text"])
    await client.expect("Connected")
    assert (await client.ask("ask", "Answer", query="lid", phone=ana.number))["lid"] == ""
    await bot.act("lid-mapping")
    assert await simulator.settled(PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while not (answer := await client.ask("ask", "Answer", query="lid", phone=ana.number))["lid"]:
            pass
    assert answer["lid"] == simulator.service.account(ana.number).lid_user
