"""Every kind of message: what a phone writes, a phone reads, and what it does to earlier messages."""

import hashlib
from dataclasses import dataclass
from typing import get_args

import pytest
from pydantic import TypeAdapter
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import sending
from oxy_simulator.accounts import Account, InboxMessage
from oxy_simulator.attachments import Image
from oxy_simulator.chats import EDIT_SECONDS, REVOKE_SECONDS
from oxy_simulator.contents import (
    AnyContent,
    Card,
    Contact,
    Contacts,
    ContentKind,
    Edit,
    Event,
    EventResponse,
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
from oxy_simulator.errors import RequestError
from oxy_simulator.menus import (
    Button,
    ButtonReply,
    Buttons,
    FlowButton,
    Interactive,
    InteractiveReply,
    ListMenu,
    ListReply,
    Row,
    Section,
    Template,
    TemplateReply,
)
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.proto.message_pb2 import Message, ProtocolMessage
from oxy_simulator.wire import write_unknown

ADAPTER: TypeAdapter[AnyContent] = TypeAdapter(AnyContent)
BUTTONS = (Button(id="sim", text="Sim"), Button(id="nao", text="Não"))
SECTIONS = (Section(title="Banho", rows=(Row(id="p", title="Pequeno", description="R$ 50"),)),)
PLACE = Location(latitude=-23.5, longitude=-46.625, name="Clínica", address="Rua A, 1", url="https://exemplo.br")

STANDALONE: list[AnyContent] = [
    Text(text="oi"),
    Text(
        text="veja https://exemplo.br",
        preview=LinkPreview(url="https://exemplo.br", title="Exemplo", description="Um site", thumbnail=b"\xff\xd8"),
        mentions=("5511900000001",),
        forwarded=True,
        ephemeral=86400,
    ),
    Contact(contact=Card(name="Bia", vcard="BEGIN:VCARD\nEND:VCARD")),
    Contacts(contacts=(Card(name="Bia", vcard="V1"), Card(name="Caio", vcard="V2"))),
    PLACE,
    LiveLocation(latitude=-23.5, longitude=-46.625, caption="chegando", accuracy=20, sequence=3),
    Poll(name="Quando?", options=("Hoje", "Amanhã"), selectable=1),
    Poll(name="Quais?", options=("Banho", "Tosa", "Vacina"), ephemeral=604800),
    Event(name="Consulta", start=1_900_000_000, end=1_900_003_600, description="Rex", place="Clínica", cancelled=True),
    Buttons(text="Confirma?", buttons=BUTTONS, footer="Clínica"),
    ListMenu(text="Serviços", button="Ver", sections=SECTIONS, title="Tabela", footer="2026"),
    Interactive(text="Pague", buttons=(FlowButton(name="cta_url", params='{"url":"x"}'),), title="Pix", footer="-"),
    Template(text="Olá", buttons=BUTTONS, title="Bem-vindo", footer="Clínica"),
    Unknown(field=4999, data=b"o que vier"),
]


def say(world: World, sender: Account, to: Account, content: AnyContent) -> str:
    return sending.say(world.network, sender, to, content)


def last(account: Account) -> InboxMessage:
    return account.inbox[-1]


@pytest.mark.parametrize("content", STANDALONE, ids=lambda content: content.kind)
def test_what_one_phone_says_another_reads(world: World, content: AnyContent) -> None:
    sent = say(world, world.ana, world.bot, content)
    entry = last(world.bot)
    assert (entry.id, entry.kind) == (sent, content.kind)
    assert entry.content == (None if content == Text(text="oi") else content)
    assert ADAPTER.validate_json(ADAPTER.dump_json(content)) == content


@pytest.mark.parametrize("content", STANDALONE, ids=lambda content: content.kind)
def test_what_a_phone_says_reaches_own_devices_wrapped(world: World, client: MemoryClient, content: AnyContent) -> None:
    say(world, world.bot, world.ana, content)
    (stanza,) = client.received()
    message = client.read(stanza)
    assert message.device_sent_message.destination_jid == str(world.ana.lid)
    assert message.message_context_info == message.device_sent_message.message.message_context_info


@dataclass(frozen=True)
class Outside:
    """What a stanza must say about its content."""

    type: str
    media: str | None = None
    edit: str | None = None
    poll: str | None = None
    hidden: bool = False


def outside(stanza: Node) -> Outside:
    enc, meta = stanza.require("enc"), stanza.find("meta")
    return Outside(
        stanza.text("type"),
        enc.text("mediatype", "") or None,
        stanza.text("edit", "") or None,
        meta.text("polltype") if meta else None,
        enc.text("decrypt-fail", "") == "hide",
    )


def test_stanzas_are_labelled_as_whatsmeow_does(world: World, client: MemoryClient) -> None:
    target = say(world, world.ana, world.bot, Text(text="oi"))
    poll = say(world, world.ana, world.bot, Poll(name="?", options=("a", "b")))
    said: list[AnyContent] = [
        Reaction(target=target, emoji="👍"),
        Reaction(target=target, emoji=""),
        Edit(target=target, text="olá"),
        Revoke(target=target),
        Vote(target=poll, options=("a",)),
        STANDALONE[1],
        Contact(contact=Card(name="Bia", phone="+5511922222222")),
        STANDALONE[10],
    ]
    for content in said:
        say(world, world.ana, world.bot, content)
    assert [outside(stanza) for stanza in client.received()] == [
        Outside("text"),
        Outside("poll", poll="creation"),
        Outside("reaction", hidden=True),
        Outside("reaction", edit="7", hidden=True),
        Outside("text", edit="1", hidden=True),
        Outside("text", edit="7", hidden=True),
        Outside("poll", poll="vote", hidden=True),
        Outside("media", media="url"),
        Outside("media", media="vcard"),
        Outside("media", media="list"),
    ]


def test_reactions_are_counted_replaced_and_taken_back(world: World) -> None:
    sent = say(world, world.ana, world.bot, Text(text="oi"))
    say(world, world.bot, world.ana, Reaction(target=sent, emoji="👍"))
    say(world, world.ana, world.bot, Reaction(target=sent, emoji="😂"))
    say(world, world.bot, world.ana, Reaction(target=sent, emoji="❤️"))
    for account, chat in ((world.ana, world.bot), (world.bot, world.ana)):
        known = account.chats.require(chat.phone, sent)
        assert known.reactions == {world.bot.phone: "❤️", world.ana.phone: "😂"}
    assert (last(world.ana).kind, last(world.ana).target_id, last(world.ana).text) == ("reaction", sent, "❤️")
    say(world, world.bot, world.ana, Reaction(target=sent, emoji=""))
    assert world.ana.chats.require(world.bot.phone, sent).reactions == {world.ana.phone: "😂"}


def test_an_edit_changes_the_text_on_both_phones_within_its_time(world: World) -> None:
    sent = say(world, world.ana, world.bot, Text(text="oi"))
    world.clock.now += EDIT_SECONDS
    say(world, world.ana, world.bot, Edit(target=sent, text="olá"))
    assert world.bot.chats.require(world.ana.phone, sent).text == "olá"
    assert world.ana.chats.require(world.bot.phone, sent).edited_at == world.clock.now
    world.clock.now += 1
    with pytest.raises(RequestError, match="1201 s old; it can be edited for 1200 s"):
        say(world, world.ana, world.bot, Edit(target=sent, text="tarde"))
    assert world.bot.chats.require(world.ana.phone, sent).text == "olá"


def test_a_deleted_message_is_empty_and_final(world: World) -> None:
    sent = say(world, world.ana, world.bot, Text(text="oi"))
    late = say(world, world.ana, world.bot, Text(text="fica"))
    say(world, world.ana, world.bot, Revoke(target=sent))
    known = world.bot.chats.require(world.ana.phone, sent)
    assert (known.text, known.revoked_at) == ("", world.clock.now)
    with pytest.raises(RequestError, match="was deleted"):
        say(world, world.bot, world.ana, Reaction(target=sent, emoji="👍"))
    world.clock.now += REVOKE_SECONDS + 1
    with pytest.raises(RequestError, match="can be deleted for"):
        say(world, world.ana, world.bot, Revoke(target=late))


def test_votes_are_tallied_changed_and_taken_back(world: World) -> None:
    poll = say(world, world.ana, world.bot, Poll(name="?", options=("a", "b", "c"), selectable=2))
    say(world, world.bot, world.ana, Vote(target=poll, options=("a", "b")))
    say(world, world.ana, world.bot, Vote(target=poll, options=("b",)))
    for account, chat in ((world.ana, world.bot), (world.bot, world.ana)):
        tally = account.chats.require(chat.phone, poll).tally
        assert tally == {"a": [world.bot.phone], "b": [world.bot.phone, world.ana.phone], "c": []}
    assert (last(world.ana).kind, last(world.ana).target_id, last(world.ana).text) == ("vote", poll, "a, b")
    say(world, world.bot, world.ana, Vote(target=poll, options=()))
    assert world.ana.chats.require(world.bot.phone, poll).tally == {"a": [], "b": [world.ana.phone], "c": []}


def test_a_vote_goes_out_hashed_and_sealed(world: World, client: MemoryClient) -> None:
    world.ana.addressing = "pn"
    poll = say(world, world.bot, world.ana, Poll(name="?", options=("a", "b")))
    client.received()
    say(world, world.ana, world.bot, Vote(target=poll, options=("b",)))
    (stanza,) = client.received()
    update = client.read(stanza).poll_update_message
    assert (update.poll_creation_message_key.id, update.poll_creation_message_key.from_me) == (poll, False)
    assert update.poll_creation_message_key.remote_jid == str(world.bot.pn)
    assert hashlib.sha256(b"b").digest() not in update.SerializeToString()
    assert last(world.bot).text == "b"


def test_events_and_menus_are_answered(world: World) -> None:
    event = say(world, world.bot, world.ana, Event(name="Consulta", start=1_900_000_000))
    say(world, world.ana, world.bot, EventResponse(target=event, response="maybe"))
    assert world.bot.chats.require(world.ana.phone, event).tally["maybe"] == [world.ana.phone]
    buttons = say(world, world.bot, world.ana, Buttons(text="?", buttons=BUTTONS))
    say(world, world.ana, world.bot, ButtonReply(target=buttons, id="sim"))
    assert last(world.bot).content == ButtonReply(target=buttons, id="sim", text="Sim")
    menu = say(world, world.bot, world.ana, ListMenu(text="?", button="Ver", sections=SECTIONS))
    say(world, world.ana, world.bot, ListReply(target=menu, id="p"))
    assert last(world.bot).content == ListReply(target=menu, id="p", text="Pequeno")
    template = say(world, world.bot, world.ana, Template(text="?", buttons=BUTTONS))
    say(world, world.ana, world.bot, TemplateReply(target=template, id="nao"))
    assert last(world.bot).text == "Não"
    flow = say(world, world.bot, world.ana, Interactive(text="?"))
    reply = InteractiveReply(target=flow, name="pago", params='{"ok":1}', text="Pago")
    say(world, world.ana, world.bot, reply)
    assert last(world.bot).content == reply


@pytest.mark.parametrize("kind", ["vote", "edit", "revoke", "quote", "reply", "choice", "many", "preview", "file"])
def test_a_phone_refuses(world: World, kind: str) -> None:
    foreign = say(world, world.bot, world.ana, Text(text="oi"))
    poll = say(world, world.bot, world.ana, Poll(name="?", options=("a", "b"), selectable=1))
    wrong: dict[str, tuple[AnyContent, str]] = {
        "vote": (Vote(target=foreign, options=("a",)), "cannot be answered by a vote"),
        "edit": (Edit(target=foreign, text="x"), "cannot be edited by"),
        "revoke": (Revoke(target=foreign), "cannot be deleted for everyone by"),
        "quote": (Text(text="x", quote="3A"), "no message 3A .* take an id from its inbox"),
        "reply": (ButtonReply(target=poll, id="a"), "cannot be answered by a button-reply"),
        "choice": (Vote(target=poll, options=("c",)), "not among the choices"),
        "many": (Vote(target=poll, options=("a", "b")), "which allows 1"),
        "preview": (Text(text="x", preview=LinkPreview(url="https://a.br", title="A")), "does not stand in the text"),
        "file": (Image(), "needs a file"),
    }
    content, complaint = wrong[kind]
    before = len(world.bot.inbox)
    with pytest.raises(RequestError, match=complaint):
        say(world, world.ana, world.bot, content)
    assert len(world.bot.inbox) == before


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"kind": "text", "text": ""}, "at least 1 character"),
        ({"kind": "poll", "name": "?", "options": ["a"]}, "at least 2 items"),
        ({"kind": "poll", "name": "?", "options": [str(n) for n in range(13)]}, "at most 12 items"),
        ({"kind": "poll", "name": "?", "options": ["a", "a"]}, "must differ"),
        ({"kind": "poll", "name": "?", "options": ["a", "b"], "selectable": 3}, "there are 2 options"),
        ({"kind": "reaction", "target": "3A", "emoji": "ok"}, "is no emoji"),
        ({"kind": "location", "latitude": 91, "longitude": 0}, "less than or equal to 90"),
        ({"kind": "buttons", "text": "?", "buttons": [{"id": str(n), "text": "x"} for n in range(4)]}, "at most 3"),
        ({"kind": "contact", "contact": {"name": "Bia"}}, "needs 'phone' or 'vcard'"),
        ({"kind": "image", "data": "AAAA", "file": "x"}, "not both"),
        ({"kind": "smoke-signal"}, "does not match any of the expected tags"),
    ],
)
def test_content_that_no_phone_can_make_is_refused(body: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ADAPTER.validate_python(body)


def write(client: MemoryClient, to: Account, message: Message, **attrs: str) -> None:
    """Send a message of a linked device to an account's phone alone."""
    client.received()
    participant = node("to", {"jid": to.lid}, [client.encrypt(to, message)])
    stanza: Attrs = {"to": to.lid, "id": "3EB001", "type": "text", **attrs}
    client.send(node("message", stanza, [node("participants", content=[participant])]))


def rules(world: World) -> list[str]:
    found = [violation.rule for violation in world.network.state.violations]
    world.network.state.violations.clear()
    return found


def test_what_a_client_may_not_send_is_recorded(world: World, client: MemoryClient) -> None:
    sent = say(world, world.ana, world.bot, Text(text="oi"))
    revoke = Message()
    revoke.protocol_message.type = ProtocolMessage.REVOKE
    revoke.protocol_message.key.id = sent
    revoke.protocol_message.key.from_me = False
    write(client, world.ana, revoke, edit="7")
    assert rules(world) == ["foreign-target"]
    revoke.protocol_message.key.from_me = True
    write(client, world.ana, revoke, edit="7", id="3EB002")
    assert rules(world) == ["wrong-key"]
    reaction = Message()
    reaction.reaction_message.key.id = "3A00"
    reaction.reaction_message.text = "👍"
    write(client, world.ana, reaction, type="reaction", id="3EB003")
    assert rules(world) == ["unknown-target"]
    write(client, world.ana, Message(conversation=""), id="3EB004")
    assert rules(world) == ["bad-content"]
    poll = Message()
    poll.poll_creation_message.name = "?"
    write(client, world.ana, poll, type="poll", id="3EB005")
    assert rules(world) == ["no-secret"]
    own = Message()
    own.device_sent_message.message.conversation = "oi"
    write(client, world.ana, own, id="3EB006")
    assert rules(world) == ["own-copy"]
    assert world.ana.chats.require(world.bot.phone, sent).revoked_at is None


def test_labels_that_do_not_fit_the_content_are_recorded(world: World, client: MemoryClient) -> None:
    sent = say(world, world.ana, world.bot, Text(text="oi"))
    write(client, world.ana, Message(conversation="oi"), edit="1")
    assert rules(world) == ["wrong-edit"]
    reaction = Message()
    reaction.reaction_message.key.id = sent
    reaction.reaction_message.text = "👍"
    write(client, world.ana, reaction, id="3EB002", type="media")
    assert rules(world) == ["wrong-type"]
    for number, kind in enumerate(("reaction", "text")):  # Baileys 6 calls everything a text
        write(client, world.ana, reaction, id=f"3EB003{number}", type=kind)
    pinned = Message()
    write_unknown(pinned, 63, b"")
    write(client, world.ana, pinned, id="3EB004", edit="2")
    assert rules(world) == []


def test_a_repeated_message_acts_once(world: World, client: MemoryClient) -> None:
    poll = say(world, world.ana, world.bot, Poll(name="?", options=("a", "b")))
    vote = sending.say(world.network, world.bot, world.ana, Vote(target=poll, options=("a",)))
    sending.say(world.network, world.bot, world.ana, Vote(target=poll, options=("b",)), vote)
    assert last(world.ana).duplicate
    assert world.ana.chats.require(world.bot.phone, poll).tally["a"] == [world.bot.phone]


def test_settings_of_a_chat_are_no_content(world: World, client: MemoryClient) -> None:
    setting = Message()
    setting.protocol_message.type = ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE
    write(client, world.ana, setting)
    assert (last(world.ana).kind, last(world.ana).content) == ("protocol", None)


def test_the_kinds_have_their_names_in_one_place() -> None:
    (union, _) = get_args(AnyContent)
    assert list(get_args(ContentKind)) == [model.model_fields["kind"].default for model in get_args(union)]
