"""Messages of every kind, from the customer and from the business's own phone, through neonize, journal and bus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, get_args

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from integration.tenant.scene import BUSINESS, CUSTOMER, PATIENCE, Scene, send_request, until
from unit.tenant.wire import MESSAGES

from oxy_core.content import Cards, ChatType, MessageSource
from oxy_core.envelopes import MessageSeen
from oxy_core.files import FileArrived, FileFailed
from oxy_core.identity import Jid
from oxy_core.instance.settings import InboundSettings
from oxy_core.message_kinds import MessageKind
from oxy_core.outbound import PollContent
from oxy_core.report_bodies import NumberChanged, ReceiptKind, ReceiptsSeen
from oxy_simulator.attachments import Audio, Document, Image, Sticker, Video, Voice
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
from oxy_simulator.jid import Jid as SimulatedJid
from oxy_simulator.kdf import hkdf
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
from oxy_simulator.sending import send_raw
from oxy_simulator.testing import Phone

B = TypeVar("B")

PICTURE = b"\xff\xd8\xff\xe0" + bytes(600)
BUTTON = Button(id="b1", text="Banho")


@dataclass(frozen=True)
class Said:
    """What was said, and what is to be reported of it."""

    content: AnyContent | Callable[[str], AnyContent]
    """One that is about an earlier message takes its id."""
    kind: MessageKind
    text: str | None = None
    details: dict[str, object] = field(default_factory=dict)
    """Fields of the details."""
    other: dict[str, object] = field(default_factory=dict)
    """Fields of the message."""
    about: int | None = None
    """Which of those said before it is about, counted from its end."""


def said_by_anyone() -> list[Said]:
    """Return what both sides say."""
    place = Location(latitude=-23.5, longitude=-46.6, name="Casa", address="Rua A, 1")
    moving = LiveLocation(latitude=-23.5, longitude=-46.6, caption="a caminho", sequence=3)
    cards = (Card(name="Bia", phone="5511922222222"), Card(name="Caio", phone="5511933333333"))
    return [
        Said(Text(text="oi"), MessageKind.TEXT, "oi"),
        Said(lambda it: Text(text="sim", quote=it), MessageKind.TEXT, "sim", other={"quoted_id": "TARGET"}, about=1),
        Said(Text(text="@5511922222222 veja", mentions=("5511922222222",)), MessageKind.TEXT, "@5511922222222 veja"),
        Said(
            Text(text="https://a.example", preview=LinkPreview(url="https://a.example", title="A")),
            MessageKind.TEXT,
            "https://a.example",
        ),
        Said(
            Text(text="some", ephemeral=86_400, forwarded=True),
            MessageKind.TEXT,
            "some",
            other={"ephemeral_seconds": 86_400, "forwarded": True},
        ),
        Said(Image(data=PICTURE, mimetype="image/jpeg", caption="o Rex"), MessageKind.IMAGE, "o Rex"),
        Said(Image(data=PICTURE, view_once="v1"), MessageKind.IMAGE, other={"view_once": True}),
        Said(Video(data=PICTURE, view_once="v2"), MessageKind.VIDEO, other={"view_once": True}),
        Said(Voice(data=PICTURE, view_once="v2-extension"), MessageKind.VOICE_NOTE, other={"view_once": True}),
        Said(Video(data=PICTURE, seconds=3, caption="corre"), MessageKind.VIDEO, "corre"),
        Said(Video(data=PICTURE, gif=True), MessageKind.GIF),
        Said(Audio(data=PICTURE, seconds=4), MessageKind.AUDIO),
        Said(Voice(data=PICTURE, seconds=5), MessageKind.VOICE_NOTE),
        Said(Sticker(data=PICTURE), MessageKind.STICKER),
        Said(Document(data=PICTURE, file_name="exame.pdf", caption="o exame"), MessageKind.DOCUMENT, "o exame"),
        Said(place, MessageKind.LOCATION, "Casa", {"latitude": -23.5, "address": "Rua A, 1"}),
        Said(moving, MessageKind.LIVE_LOCATION, "a caminho", {"longitude": -46.6, "sequence": 3}),
        Said(Contact(contact=cards[0]), MessageKind.CONTACT, "Bia", {"total": 1}),
        Said(Contacts(contacts=cards), MessageKind.CONTACTS, "Bia, Caio", {"total": 2}),
        Said(Poll(name="Quando?", options=("hoje", "depois"), selectable=1), MessageKind.POLL, "Quando?"),
        Said(
            lambda it: Vote(target=it, options=("depois",)),
            MessageKind.VOTE,
            "depois",
            {"resolved": True, "options": ("depois",)},
            about=1,
        ),
        Said(Event(name="Vacina", start=1_900_000_000, place="Loja"), MessageKind.EVENT, "Vacina", {"place": "Loja"}),
        Said(
            lambda it: EventResponse(target=it, response="maybe"),
            MessageKind.EVENT_REPLY,
            details={"response": "maybe"},
            about=1,
        ),
        Said(Text(text="errad"), MessageKind.TEXT, "errad"),
        Said(lambda it: Reaction(target=it, emoji="👍"), MessageKind.REACTION, "👍", {"emoji": "👍"}, about=1),
        Said(lambda it: Edit(target=it, text="certo"), MessageKind.EDIT, "certo", about=2),
        Said(lambda it: Revoke(target=it), MessageKind.REVOKE, about=3),
        Said(Buttons(text="Qual?", buttons=(BUTTON,), footer="pé"), MessageKind.BUTTONS, "Qual?", {"footer": "pé"}),
        Said(lambda it: ButtonReply(target=it, id="b1"), MessageKind.BUTTON_REPLY, "Banho", {"id": "b1"}, about=1),
        Said(
            ListMenu(text="Qual?", button="Ver", sections=(Section(title="S", rows=(Row(id="r", title="Tosa"),)),)),
            MessageKind.LIST,
            "Qual?",
            {"button": "Ver", "total": 1},
        ),
        Said(lambda it: ListReply(target=it, id="r"), MessageKind.LIST_REPLY, "Tosa", {"id": "r"}, about=1),
        Said(Template(text="Confirma?", buttons=(BUTTON,)), MessageKind.TEMPLATE, "Confirma?", {"total": 1}),
        Said(lambda it: TemplateReply(target=it, id="b1"), MessageKind.TEMPLATE_REPLY, "Banho", {"id": "b1"}, about=1),
        Said(Interactive(text="Escolha", buttons=(FlowButton(name="flow"),)), MessageKind.INTERACTIVE, "Escolha"),
        Said(
            lambda it: InteractiveReply(target=it, name="flow", params='{"a": 1}'),
            MessageKind.INTERACTIVE_REPLY,
            "flow",
            {"parameters": '{"a": 1}'},
            about=1,
        ),
        Said(Unknown(field=9_999, data=b"\x08\x01"), MessageKind.UNKNOWN, details={"name": "field_9999"}),
    ]


async def say(sender: Phone, to: Phone, script: Sequence[Said]) -> list[str]:
    """Send everything in order and return the ids."""
    ids: list[str] = []
    for said in script:
        content = said.content if said.about is None else said.content(ids[-said.about])  # type: ignore[operator]
        ids.append(await sender.send(content, to))  # type: ignore[arg-type]
    return ids


def check(message: MessageSeen, said: Said, ids: Sequence[str], number: int) -> None:
    """Compare a report with what was said."""
    assert (message.whatsapp_id, message.kind, message.text) == (ids[number], said.kind, said.text), said
    target = None if said.about is None else ids[number - said.about]
    for name, value in said.other.items():
        assert getattr(message, name) == (target if value == "TARGET" else value), name
    for name, value in said.details.items():
        assert getattr(message.details, name) == value, name
    if said.about is not None and message.details is not None:
        found = message.details.target  # type: ignore[union-attr]
        assert found is not None
        assert found.whatsapp_id == target


async def messages(scene: Scene, count: int) -> list[MessageSeen]:
    async def enough() -> list[MessageSeen] | None:
        found = await scene.bus.messages()
        return found if len(found) >= count else None

    return await until(enough, what=f"{count} messages on the stream")


def test_the_script_has_every_kind_of_the_simulator() -> None:
    contents = [one.content("A") if one.about else one.content for one in said_by_anyone()]  # type: ignore[operator]
    assert {content.kind for content in contents} == set(get_args(ContentKind))


async def test_every_kind_is_reported_as_it_was_said_by_either_side(scene: Scene) -> None:
    await scene.pair()
    script = said_by_anyone()
    ids = await say(scene.customer, scene.business, script)
    theirs = await messages(scene, len(script))
    for number, (message, said) in enumerate(zip(theirs, script, strict=True)):
        check(message, said, ids, number)
        assert (message.source, message.from_me, message.offline) == (MessageSource.CONTACT, False, False)
    own_ids = await say(scene.business, scene.customer, script)
    own = (await messages(scene, 2 * len(script)))[len(script) :]
    for number, (message, said) in enumerate(zip(own, script, strict=True)):
        check(message, said, own_ids, number)
        assert (message.source, message.from_me) == (MessageSource.PHONE, True)
    assert {message.chat for message in (*theirs, *own)} == {theirs[0].chat}
    assert [message.chat_sequence for message in (*theirs, *own)] == list(range(1, 2 * len(script) + 1))
    await check_parts(scene, theirs)


async def check_parts(scene: Scene, theirs: Sequence[MessageSeen]) -> None:
    """Check what few kinds have."""
    by_text = {message.text: message for message in theirs}
    quoting = by_text["sim"].quote
    assert quoting is not None
    assert (quoting.text, quoting.kind, quoting.from_me) == ("oi", MessageKind.TEXT, False)
    assert by_text["@5511922222222 veja"].mentions == (Jid.of_phone("+5511922222222"),)
    preview = by_text["https://a.example"].preview
    assert preview is not None
    assert (preview.url, preview.title) == ("https://a.example", "A")
    cards = by_text["Bia, Caio"].details
    assert isinstance(cards, Cards)
    assert [(card.name, card.numbers[0].number) for card in cards.cards] == [
        ("Bia", "+5511922222222"),
        ("Caio", "+5511933333333"),
    ]
    picture, document = by_text["o Rex"].file, by_text["o exame"].file
    assert picture is not None
    assert document is not None
    assert (picture.mime, picture.size, document.name) == ("image/jpeg", len(PICTURE), "exame.pdf")
    offered = {message.file.id for message in theirs if message.file is not None}
    bodies = [report.body for report in await scene.bus.stored()]
    settled = {body.media_id for body in bodies if isinstance(body, FileArrived | FileFailed)}
    assert len(offered) == len({message.whatsapp_id for message in theirs if message.file is not None})
    assert settled <= {message.file.id for message in await scene.bus.messages() if message.file is not None}


async def reported(scene: Scene, wanted: type[B], count: int = 1) -> list[B]:
    async def enough() -> list[B] | None:
        found = [report.body for report in await scene.bus.stored() if isinstance(report.body, wanted)]
        return found if len(found) >= count else None

    return await until(enough, what=f"{count} reports of {wanted.__name__}")


async def test_what_is_no_message_of_the_chat_is_reported_too(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    group = (await scene.simulator.api.create_group(BUSINESS, "Tutores", [CUSTOMER])).id
    await scene.customer.act("group-message", group=group, text="alguém?")
    await scene.business.act("newsletter", newsletter="120363000001", text="novidade")
    await scene.customer.send("e eu", scene.business)
    assert [message.text for message in await messages(scene, 2)] == ["oi", "e eu"]
    await until(lambda: is_left_out(scene, "group"), what="a message of a group, counted")
    await until(lambda: is_left_out(scene, "newsletter"), what="a message of a newsletter, counted")
    scene.runtime.write_settings(inbound=InboundSettings(groups=True, statuses=True))
    await scene.customer.act("call", to=BUSINESS, video=True)
    await messages(scene, 3)
    poll = send_request(chat, None, content=PollContent(question="Quando?", options=("hoje", "depois")))
    await scene.bus.request(poll)
    asked = await scene.customer.expect("Quando?", within=PATIENCE)
    await scene.result(poll)  # a vote that comes before it cannot be opened
    await scene.customer.send(Vote(target=asked.id, options=("hoje",)), scene.business)
    await scene.customer.act("mark", chat=BUSINESS)
    _, _, call, vote = await messages(scene, 4)
    assert (call.kind, call.chat, getattr(call.details, "video", None)) == (MessageKind.MISSED_CALL, chat, True)
    assert (vote.kind, vote.text) == (MessageKind.VOTE, "hoje")
    receipts = await reported(scene, ReceiptsSeen, 2)
    assert {receipt.request_ids for receipt in receipts} == {(poll.id,)}
    assert [receipt.kind for receipt in receipts] == [ReceiptKind.DELIVERED, ReceiptKind.READ]
    await scene.simulator.phone("+5511944444444", "Ana nova")
    await scene.customer.act("change-number", contact="+5511944444444")
    [change] = await reported(scene, NumberChanged)
    assert (change.old.phone, change.new.phone) == (CUSTOMER, "+5511944444444")
    await until(lambda: "settings_changed" in scene.runtime.log, what="the new settings")
    await scene.customer.act("group-message", group=group, text="agora sim")
    told = (await messages(scene, 5))[-1]
    assert (told.text, told.chat_type, told.chat.user) == ("agora sim", ChatType.GROUP, group.partition("@")[0])
    assert told.sender in {chat, Jid.of_phone(CUSTOMER)}
    # The first message of a sender in a group brings the keys of all his messages there, under its own id.
    other = (await scene.simulator.api.create_group(BUSINESS, "Passeios", [CUSTOMER])).id
    await scene.customer.act("group-message", group=other, text="primeira")
    assert (await messages(scene, 6))[-1].text == "primeira"
    # As WhatsApp's apps edit: sealed with the secret of the message, and by whichever address they go by.
    secret, network = b"s" * 32, scene.simulator.service.network
    customer, business = (network.account(phone.number) for phone in (scene.customer, scene.business))
    said = MESSAGES.Message(conversation="às 15h", messageContextInfo={"messageSecret": secret})
    send_raw(network, customer, business, said.SerializeToString(), "SAID")
    send_raw(network, customer, business, sealed_edit(secret, "SAID", customer.lid, "às 16h"), "EDIT")
    edit = (await messages(scene, 8))[-1]
    assert (edit.kind, edit.text) == (MessageKind.EDIT, "às 16h")


def sealed_edit(secret: bytes, target: str, sender: SimulatedJid, text: str) -> bytes:
    """Return an edit as WhatsApp's apps send it."""
    key = hkdf(secret, None, f"{target}{sender.bare}{sender.bare}Message Edit".encode(), 32)
    sealed = AESGCM(key).encrypt(b"i" * 12, MESSAGES.Message(conversation=text).SerializeToString(), None)
    edit = {"targetMessageKey": {"ID": target, "fromMe": True}, "encPayload": sealed, "encIV": b"i" * 12}
    return bytes(MESSAGES.Message(secretEncryptedMessage={**edit, "secretEncType": 2}).SerializeToString())


async def is_left_out(scene: Scene, chat_type: str) -> bool:
    line = f'oxy_tenant_messages_left_out_total{{chat_type="{chat_type}",kind="text"}}'
    return await scene.runtime.metric(line) == 1


async def test_a_message_that_waited_says_so_and_is_not_from_before_the_pairing(scene: Scene) -> None:
    await scene.pair()
    await scene.chat()
    await scene.runtime.kill()
    await scene.customer.send("ainda aí?", scene.business)
    await scene.runtime.start()
    first, waited = await messages(scene, 2)
    assert (first.offline, waited.offline, waited.text) == (False, True, "ainda aí?")
    assert not waited.before_pairing
