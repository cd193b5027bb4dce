"""Every kind of message between phones and the real, unmodified neonize."""

import base64
import hashlib

import pytest
from integration.simulator.clients import NeonizeClient

from oxy_simulator.contents import (
    AnyContent,
    Card,
    Contact,
    Contacts,
    Edit,
    Event,
    LinkPreview,
    LiveLocation,
    Location,
    Poll,
    Reaction,
    Revoke,
    Text,
    Unknown,
    Vote,
)
from oxy_simulator.menus import Button, ButtonReply, Buttons, Interactive, ListMenu, ListReply, Row, Section, Template
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.replies import MessageState
from oxy_simulator.testing import Phone, WhatsApp
from oxy_simulator.wire import write_unknown

PATIENCE = 30.0
BUTTONS = (Button(id="sim", text="Sim"), Button(id="nao", text="Não"))
SECTIONS = (Section(title="Banho", rows=(Row(id="p", title="Pequeno"),)),)

FROM_PHONE: list[tuple[AnyContent, str]] = [
    (Text(text="veja", mentions=("5511900000001",), forwarded=True), "extendedTextMessage"),
    (
        Text(text="https://exemplo.br", preview=LinkPreview(url="https://exemplo.br", title="Exemplo")),
        "extendedTextMessage",
    ),
    (Contact(contact=Card(name="Bia", phone="+5511922222222")), "contactMessage"),
    (Contacts(contacts=(Card(name="Bia", vcard="V1"), Card(name="Caio", vcard="V2"))), "contactsArrayMessage"),
    (Location(latitude=-23.5, longitude=-46.6, name="Clínica"), "locationMessage"),
    (LiveLocation(latitude=-23.5, longitude=-46.6, caption="chegando"), "liveLocationMessage"),
    (Poll(name="Quando?", options=("Hoje", "Amanhã"), selectable=1), "pollCreationMessageV3"),
    (Event(name="Consulta", start=1_900_000_000), "eventMessage"),
    (Buttons(text="Confirma?", buttons=BUTTONS), "buttonsMessage"),
    (ListMenu(text="Serviços", button="Ver", sections=SECTIONS), "listMessage"),
    (Interactive(text="Pague"), "interactiveMessage"),
    (Template(text="Olá", buttons=BUTTONS), "templateMessage"),
]


def encoded(message: Message) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def decoded(raw: str) -> Message:
    return Message.FromString(base64.b64decode(raw))


async def state_of(phone: Phone, message_id: str, kind: str) -> MessageState:
    """Return how a message stands once something of a kind has come about it."""
    act = await phone.expect(kind=kind, within=PATIENCE)
    assert act.target_id == message_id
    return await phone.message(message_id)


async def test_the_client_understands_every_kind(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    for content, field in FROM_PHONE:
        sent = await ana.send(content, to=bot)
        event = await client.expect("Message", id=sent)
        assert field in event["fields"]
        (line,) = await simulator.messages(id=sent)
        assert (line.kind, line.direction) == (content.kind, "inbound")
    disappearing = await ana.send(Text(text="some", ephemeral=86400), to=bot)
    event = await client.expect("Message", id=disappearing)
    assert (event["text"], event["ephemeral"]) == ("some", True)
    future = await ana.send(Unknown(field=4999, data=b"o que vier"), to=bot)
    event = await client.expect("Message", id=future)
    assert b"o que vier" in base64.b64decode(event["raw"])
    assert await simulator.settled(PATIENCE)


async def test_acts_of_a_phone_reach_the_client(bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    sent = await ana.send("oi", to=bot)
    await client.expect("Message", id=sent)
    await ana.send(Reaction(target=sent, emoji="👍"), to=bot)
    event = await client.expect("Message", fields=["messageContextInfo", "reactionMessage"])
    key = decoded(event["raw"]).reaction_message.key
    assert (key.id, key.from_me) == (sent, True)
    await ana.send(Edit(target=sent, text="olá"), to=bot)
    event = await client.expect("Message", edit=True)
    edited = decoded(event["raw"]).protocol_message
    assert (edited.key.id, edited.edited_message.conversation) == (sent, "olá")
    await ana.send(Revoke(target=sent), to=bot)
    event = await client.expect("Message", edit=False)
    assert decoded(event["raw"]).protocol_message.key.id == sent


async def test_acts_of_the_client_change_what_phones_show(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    sent = await ana.send("oi", to=bot)
    await client.expect("Message", id=sent)
    await client.ask("react", "Sent", message_id=sent, emoji="👍")
    assert (await state_of(ana, sent, "reaction")).reactions == {bot.number: "👍"}
    assert (await bot.message(sent)).reactions == {bot.number: "👍"}
    await client.ask("react", "Sent", message_id=sent, emoji="")
    assert (await state_of(ana, sent, "reaction")).reactions == {}
    own = (await client.ask("send", "Sent", to=ana.number, text="resposta"))["id"]
    await client.ask("edit", "Sent", to=ana.number, message_id=own, text="resposta certa")
    assert (await state_of(ana, own, "edit")).text == "resposta certa"
    await ana.send(Reaction(target=own, emoji="❤️"), to=bot)
    await client.ask("revoke", "Sent", to=ana.number, message_id=own)
    state = await state_of(ana, own, "revoke")
    assert (state.text, state.reactions, state.revoked_at is None) == ("", {}, False)
    assert await simulator.violations() == []


async def test_what_the_client_may_not_do_is_recorded(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    simulator.allow_violations("unknown-target", "bad-content")
    await client.ask("edit", "Sent", to=ana.number, message_id="3EB000", text="x")
    await client.ask("poll", "Sent", to=ana.number, name="?", options="uma só")
    await ana.expect(kind="poll", within=PATIENCE)
    assert [violation.rule for violation in await simulator.violations()] == ["unknown-target", "bad-content"]


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_polls_are_voted_on_both_ways(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient, addressing: str
) -> None:
    bia = await simulator.phone("+5511922222222", "Bia", addressing="lid" if addressing == "lid" else "pn")
    asked = await bia.send(Poll(name="Quando?", options=("Hoje", "Amanhã"), selectable=1), to=bot)
    await client.expect("Message", id=asked)
    await client.ask("vote", "Sent", message_id=asked, option="Amanhã")
    assert (await state_of(bia, asked, "vote")).tally == {"Hoje": [], "Amanhã": [bot.number]}
    own = (await client.ask("poll", "Sent", to=bia.number, name="Qual?", options="Banho|Tosa"))["id"]
    poll = await bia.expect(kind="poll", within=PATIENCE)
    assert poll.content == Poll(name="Qual?", options=("Banho", "Tosa"), selectable=1)
    vote = await bia.send(Vote(target=own, options=("Tosa",)), to=bot)
    await client.expect("Message", id=vote)
    taken = await client.ask("decrypt", "Sent", message_id=vote)
    assert taken["hashes"] == [hashlib.sha256(b"Tosa").hexdigest()]
    assert (await bot.message(own)).tally == {"Banho": [], "Tosa": [bia.number]}


async def test_what_the_client_sends_is_shown_as_content(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await client.ask("contact", "Sent", to=ana.number, name="Bia", number="5511922222222")
    contact = await ana.expect(kind="contact", within=PATIENCE)
    assert (contact.text, "5511922222222" in str(contact.content)) == ("Bia", True)

    location = Message()
    location.location_message.degrees_latitude, location.location_message.degrees_longitude = -23.5, -46.6
    menu = Message()
    menu.list_message.description, menu.list_message.button_text = "Serviços", "Ver"
    menu.list_message.sections.add(title="Banho").rows.add(title="Pequeno", row_id="p")
    buttons = Message()
    buttons.buttons_message.content_text = "Confirma?"
    buttons.buttons_message.buttons.add(button_id="sim").button_text.display_text = "Sim"
    future = Message()
    write_unknown(future, 4999, b"o que vier")
    wrapped = Message()
    wrapped.ephemeral_message.message.extended_text_message.text = "some"
    wrapped.ephemeral_message.message.extended_text_message.context_info.expiration = 86400
    expected: list[tuple[Message, AnyContent]] = [
        (location, Location(latitude=-23.5, longitude=-46.6)),
        (menu, ListMenu(text="Serviços", button="Ver", sections=SECTIONS)),
        (buttons, Buttons(text="Confirma?", buttons=BUTTONS[:1])),
        (future, Unknown(field=4999, data=b"o que vier")),
        (wrapped, Text(text="some", ephemeral=86400)),
    ]
    ids = []
    for message, content in expected:
        ids.append((await client.ask("say", "Sent", to=ana.number, raw=encoded(message)))["id"])
        assert (await ana.expect(kind=content.kind, within=PATIENCE)).content == content
    listed = await ana.send(ListReply(target=ids[1], id="p"), to=bot)
    pressed = await ana.send(ButtonReply(target=ids[2], id="sim"), to=bot)
    reply = decoded((await client.expect("Message", id=listed))["raw"]).list_response_message
    assert (reply.single_select_reply.selected_row_id, reply.context_info.stanza_id) == ("p", ids[1])
    answer = decoded((await client.expect("Message", id=pressed))["raw"]).buttons_response_message
    assert (answer.selected_button_id, answer.selected_display_text) == ("sim", "Sim")
    assert (await bot.message(ids[2])).tally == {"sim": [ana.number]}
