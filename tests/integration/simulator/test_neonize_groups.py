"""Groups, status posts and newsletters as a real neonize sees them."""

import pytest
from integration.simulator.clients import PATIENCE, NeonizeClient

from oxy_simulator.attachments import Image
from oxy_simulator.client import SimulatorClient
from oxy_simulator.contents import Card, Contact, Location, Poll, Reaction
from oxy_simulator.errors import RequestError
from oxy_simulator.testing import Phone, WhatsApp


async def test_group_messages_both_ways(simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    bia = await simulator.phone("+5511922222222", "Bia")
    async with SimulatorClient(simulator.control_url) as api:
        group = await api.create_group(ana.number, "Família", [bot.number])
        await client.expect("JoinedGroup")
        await ana.act("group-message", group=group.id, text="oi, grupo")
        message = await client.expect("Message", text="oi, grupo")
        assert (message["chat"], message["sender"]) == (group.id, simulator.service.account(ana.number).lid_user)
        await client.ask("send", "Sent", to=f"{group.id}@g.us", text="olá, grupo")
        await client.expect("Receipt")
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


async def test_the_client_changes_its_groups_or_is_told_why_not(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    bia = await simulator.phone("+5511922222222", "Bia")
    lid = f"{simulator.service.account(bia.number).lid_user}@lid"
    group = await simulator.api.create_group(ana.number, "Família", [bot.number])
    jid = f"{group.id}@g.us"
    await client.expect("JoinedGroup")
    await client.ask("ask", "Answer", query="rename", jid=jid, name="Família Silva")
    assert (await client.expect("GroupInfoEvent"))["facts"]["Name"]["Name"] == "Família Silva"
    await client.do("ask", query="rename", jid=jid, name="x" * 26)
    assert "406" in (await client.expect("Answer"))["error"]
    await client.ask("ask", "Answer", query="members", jid=jid, jids=lid, change="add")
    assert (await client.expect("GroupInfoEvent"))["facts"]["Join"][0]["User"] == lid.partition("@")[0]
    again = await client.ask("ask", "Answer", query="members", jid=jid, jids=lid, change="add")
    assert again["facts"]["participants"][0]["Error"] == 409
    await client.do("ask", query="members", jid=jid, jids=lid, change="remove")
    assert "403" in (await client.expect("Answer"))["error"]
    await client.ask("ask", "Answer", query="leave", jid=jid)
    await client.expect("GroupInfoEvent")
    await client.do("send", to=jid, text="ainda aqui?")
    assert (await client.expect("Sent"))["error"]
    assert simulator.service.network.state.groups[group.id].members == ["5511911111111", "5511922222222"]
    await client.do("ask", query="members", jid=jid, jids=lid, change="promote")
    assert "501" in (await client.expect("Answer"))["error"]
    simulator.allow_violations("unknown-iq", "unknown-recipient")


async def test_members_come_and_go_and_everyone_reads_on(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    bia = await simulator.phone("+5511922222222", "Bia")
    group = await simulator.api.create_group(ana.number, "Família", [bot.number, bia.number])
    jid, account = f"{group.id}@g.us", simulator.service.account(ana.number)
    await client.expect("JoinedGroup")
    keys = set()
    for index, change in enumerate([{}, {"remove": [bia.number]}, {"add": [bia.number]}, {"remove": [bia.number]}]):
        if change:
            await simulator.api.change_members(group.id, **change)
            await client.expect("GroupInfoEvent")
        await ana.act("group-message", group=group.id, text=f"{index}")
        await client.expect("Message", text=f"{index}")
        keys.add(account.sender_keys[jid].id)
        await client.do("send", to=jid, text=f"resposta {index}")
        await client.expect("Receipt")
        await ana.expect(f"resposta {index}", within=PATIENCE)
    assert len(keys) == 3, "each removal changes the key"
    assert [message.text for message in await bia.inbox()] == ["0", "resposta 0", "2", "resposta 2"]
    assert await simulator.settled(PATIENCE)


async def test_kinds_in_a_group_both_ways(simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    group = await simulator.api.create_group(ana.number, "Família", [bot.number])
    jid = f"{group.id}@g.us"
    await client.expect("JoinedGroup")
    kinds = {
        "imageMessage": Image(file=await ana.attach("image", b"gato"), caption="meu gato"),
        "pollCreationMessageV3": Poll(name="Quando?", options=("Hoje", "Amanhã"), selectable=1),
        "locationMessage": Location(latitude=-23.5, longitude=-46.6),
        "contactMessage": Contact(contact=Card(name="Bia", phone="+5511922222222")),
    }
    for field, content in kinds.items():
        await ana.act("group-message", group=group.id, message=content)
        while field not in (message := await client.expect("Message", chat=group.id))["fields"]:
            pass
        assert (message["group"], message["chat_server"]) == (True, "g.us")
    await client.ask("poll", "Sent", to=jid, name="Onde?", options="Aqui|Lá")
    assert (await ana.expect("Onde?", within=PATIENCE)).kind == "poll"
    await client.do("react", message_id=message["id"], emoji="👍")
    assert (await ana.expect(within=PATIENCE)).kind == "reaction"
    await client.do("send", to=jid, text="às dez")
    own = await ana.expect("às dez", within=PATIENCE)
    await client.do("edit", to=jid, message_id=own.id, text="às onze")
    assert (await ana.expect(within=PATIENCE)).kind == "edit"
    await client.do("revoke", to=jid, message_id=own.id)
    assert (await ana.expect(within=PATIENCE)).kind == "revoke"
    with pytest.raises(RequestError, match="leave out 'target'"):
        await ana.act("group-message", group=group.id, message=Reaction(target=message["id"], emoji="👍"))
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
