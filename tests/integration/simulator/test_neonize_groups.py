"""Groups, status posts and newsletters as a real neonize sees them."""

from integration.simulator.clients import PATIENCE, NeonizeClient

from oxy_simulator.client import SimulatorClient
from oxy_simulator.testing import Phone, WhatsApp


async def test_group_messages_both_ways(simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    bia = await simulator.phone("+5511922222222", "Bia")
    async with SimulatorClient(simulator.control_url) as api:
        group = await api.create_group(ana.number, "Família", [bot.number])
        await client.expect("JoinedGroup")
        await ana.act("group-message", group=group.id, text="oi, grupo")
        message = await client.expect("Message", text="oi, grupo")
        assert (message["chat"], message["sender"]) == (group.id, simulator.service.account(ana.number).lid_user)
        await client.do("send", to=f"{group.id}@g.us", text="olá, grupo")
        await client.expect("Receipt")  # which may come before the answer to the command
        await ana.expect("olá, grupo", within=PATIENCE)
        await api.change_members(group.id, add=[bia.number])
        await client.expect("GroupInfoEvent")
        await client.ask("send", "Sent", to=f"{group.id}@g.us", text="oi, Bia")
        await bia.expect("oi, Bia", within=PATIENCE)
        await bia.act("group-message", group=group.id, text="oi, gente")
        await client.expect("Message", text="oi, gente")
        joined = await client.ask("ask", "Answer", query="groups")
        assert len(joined["facts"]["Group"][0]["Participants"]) == 3
    assert await simulator.settled(PATIENCE)


async def test_a_status_post_and_a_newsletter_are_told_from_chats(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    await ana.act("status", text="promoção")
    assert (await client.expect("Message", text="promoção"))["chat"] == "status"
    await bot.act("newsletter", newsletter="120363144038483540", text="novidades")
    assert (await client.expect("Message", text="novidades"))["chat"] == "120363144038483540"
    assert await simulator.settled(PATIENCE)
