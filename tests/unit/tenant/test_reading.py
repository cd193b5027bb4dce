"""Kinds of messages that the simulator does not send, and odd forms of those that it does."""

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from unit.tenant.wire import MESSAGES, data, named

from oxy_core.content import (
    MAX_CARDS,
    MAX_CHOICES,
    MAX_MENTIONS,
    MAX_NUMBERS,
    Cards,
    Edit,
    Menu,
    PlaceholderReason,
    Poll,
    Target,
)
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.reading.body import Body, Perspective
from oxy_tenant.content.reading.message import READERS, SILENT, ReadMessage, read_message
from oxy_tenant.content.reading.vcards import read_card
from oxy_tenant.own_account import OwnAccount

OWN = OwnAccount(frozenset({"5511900000001", "999"}))
CONTACT = Perspective(from_me=False)
KEY = {"ID": "T", "fromMe": True}
THEIRS = Target(whatsapp_id="T", from_me=False)


def read(**fields: object) -> ReadMessage:
    found = read_message(MESSAGES.Message(**fields), CONTACT, OWN)
    assert found is not None
    return found


def wrapped(wrapper: str, **fields: object) -> dict[str, object]:
    return {wrapper: MESSAGES.FutureProofMessage(message=MESSAGES.Message(**fields))}


KINDS: list[tuple[str, dict[str, object], MessageKind, str, dict[str, object]]] = [
    ("ptvMessage", {"seconds": 4}, MessageKind.VIDEO_NOTE, "", {}),
    (
        "stickerPackMessage",
        {"name": "Gatos", "publisher": "Bia"},
        MessageKind.STICKER_PACK,
        "Gatos",
        {"publisher": "Bia"},
    ),
    ("albumMessage", {"expectedImageCount": 3}, MessageKind.ALBUM, "", {"images": 3}),
    (
        "orderMessage",
        {"orderID": "O", "itemCount": 2, "message": "quero", "totalAmount1000": 60_000, "totalCurrencyCode": "BRL"},
        MessageKind.ORDER,
        "quero",
        {"order_id": "O", "items": 2, "amount": 60_000, "currency": "BRL"},
    ),
    (
        "productMessage",
        {"product": {"productID": "P", "title": "Ração", "priceAmount1000": 9_900}, "businessOwnerJID": "1@lid"},
        MessageKind.PRODUCT,
        "Ração",
        {"product_id": "P", "amount": 9_900},
    ),
    ("productMessage", {"catalog": {"title": "Tudo"}}, MessageKind.CATALOG, "Tudo", {"title": "Tudo"}),
    ("listMessage", {"title": "Tudo", "productListInfo": {}}, MessageKind.CATALOG, "Tudo", {"title": "Tudo"}),
    (
        "requestPaymentMessage",
        {"amount": {"value": 1_050, "offset": 100, "currencyCode": "BRL"}, "noteMessage": {"conversation": "banho"}},
        MessageKind.PAYMENT,
        "banho",
        {"action": "requested", "amount": 10_500, "currency": "BRL"},
    ),
    ("sendPaymentMessage", {"requestMessageKey": KEY}, MessageKind.PAYMENT, "", {"action": "sent", "target": THEIRS}),
    ("declinePaymentRequestMessage", {"key": KEY}, MessageKind.PAYMENT, "", {"action": "declined"}),
    ("paymentInviteMessage", {}, MessageKind.PAYMENT, "", {"action": "invited"}),
    (
        "groupInviteMessage",
        {"groupJID": "120@g.us", "groupName": "Tutores", "inviteCode": "X"},
        MessageKind.INVITE,
        "Tutores",
        {"to": "group", "code": "X"},
    ),
    ("newsletterAdminInviteMessage", {"newsletterName": "N"}, MessageKind.INVITE, "N", {"to": "newsletter"}),
    ("bcallMessage", {"caption": "entra"}, MessageKind.INVITE, "entra", {"to": "call"}),
    ("pollCreationMessageV2", {"name": "Q", "options": [{"optionName": "a"}]}, MessageKind.POLL, "Q", {"total": 1}),
    ("scheduledCallCreationMessage", {"title": "Consulta"}, MessageKind.EVENT, "Consulta", {}),
    ("pinInChatMessage", {"key": KEY, "type": 1}, MessageKind.NOTICE, "", {"name": "pinned", "target": THEIRS}),
    ("keepInChatMessage", {"key": KEY, "keepType": 2}, MessageKind.NOTICE, "", {"name": "unkept"}),
    ("protocolMessage", {"type": 3, "ephemeralExpiration": 60}, MessageKind.NOTICE, "", {"seconds": 60}),
    ("protocolMessage", {"type": 0, "key": KEY}, MessageKind.REVOKE, "", {"target": THEIRS}),
    ("callLogMesssage", {"callOutcome": 1, "isVideo": True}, MessageKind.MISSED_CALL, "", {"video": True}),
    ("callLogMesssage", {"callOutcome": 0, "durationSecs": 9}, MessageKind.NOTICE, "", {"name": "call", "seconds": 9}),
    ("requestPhoneNumberMessage", {}, MessageKind.NOTICE, "", {"name": "phone_number_requested"}),
    ("statusNotificationMessage", {}, MessageKind.NOTICE, "", {"name": "status_shared"}),
    ("pollAddOptionMessage", {}, MessageKind.NOTICE, "", {"name": "poll_option_added"}),
    ("secretEncryptedMessage", {"targetMessageKey": KEY}, MessageKind.NOTICE, "", {"name": "sealed_edit"}),
    ("pollResultSnapshotMessage", {"name": "Q"}, MessageKind.UNKNOWN, "", {"name": "pollResultSnapshotMessage"}),
    ("encReactionMessage", {}, MessageKind.UNKNOWN, "", {"name": "encReactionMessage"}),
]


@pytest.mark.parametrize(("part", "fields", "kind", "text", "details"), KINDS, ids=[row[0] for row in KINDS])
def test_a_kind_is_read(
    part: str, fields: dict[str, object], kind: MessageKind, text: str, details: dict[str, object]
) -> None:
    body = read(**{part: fields}).body
    assert (body.kind, body.text) == (kind, text)
    assert {name: getattr(body.details, name) for name in details} == details


def test_every_field_of_the_protocol_is_read_unknown_by_name_or_bookkeeping() -> None:
    names = {field.name for field in MESSAGES.Message.DESCRIPTOR.fields}
    assert set(READERS) | SILENT <= names
    for name in sorted(names):
        message = MESSAGES.Message()
        field = MESSAGES.Message.DESCRIPTOR.fields_by_name[name]
        if field.message_type is not None:
            getattr(message, name).SetInParent()
        else:
            setattr(message, name, "oi")
        found = read_message(message, CONTACT, OWN)
        assert name not in SILENT or found is None
        assert found is None or found.body.kind in MessageKind


@pytest.mark.parametrize(
    ("wrapper", "flag"),
    [
        ("ephemeralMessage", "ephemeral_seconds"),
        ("viewOnceMessage", "view_once"),
        ("viewOnceMessageV2", "view_once"),
        ("viewOnceMessageV2Extension", "view_once"),
        ("documentWithCaptionMessage", None),
        ("botInvokeMessage", None),
        ("lottieStickerMessage", None),
        ("groupMentionedMessage", None),
        ("associatedChildMessage", None),
        ("spoilerMessage", None),
    ],
)
def test_wrappers_come_off_in_any_order(wrapper: str, flag: str | None) -> None:
    inner = wrapped(wrapper, imageMessage=MESSAGES.ImageMessage(caption="olha"))
    sent = {"deviceSentMessage": MESSAGES.DeviceSentMessage(message=MESSAGES.Message(**inner))}
    for fields in (inner, sent, wrapped("ephemeralMessage", **inner), wrapped(wrapper, **wrapped(wrapper, **inner))):
        found = read(**fields)
        assert (found.body.kind, found.body.text) == (MessageKind.IMAGE, "olha")
        assert flag is None or getattr(found, flag) in {True, 0}


@pytest.mark.parametrize("association", [5, 10, 12, 19])
def test_what_repeats_an_earlier_picture_is_no_message_of_its_own(association: int) -> None:
    fields = wrapped("associatedChildMessage", imageMessage=MESSAGES.ImageMessage(caption="o Rex"))
    parent = {"messageAssociation": {"associationType": association, "parentMessageKey": KEY}}
    assert read_message(MESSAGES.Message(**fields, messageContextInfo=parent), CONTACT, OWN) is None
    assert read(**fields).body.kind is MessageKind.IMAGE
    part_of_album = {"messageAssociation": {"associationType": 1, "parentMessageKey": KEY}}
    image = MESSAGES.ImageMessage()
    assert read(imageMessage=image, messageContextInfo=part_of_album).body.kind is MessageKind.IMAGE


@pytest.mark.parametrize("empty", [{"conversation": ""}, {"extendedTextMessage": {"text": ""}}])
def test_an_empty_text_hides_nothing_that_stands_beside_it(empty: dict[str, object]) -> None:
    found = read(**empty, imageMessage=MESSAGES.ImageMessage(caption="olha"))
    assert (found.body.kind, found.body.text) == (MessageKind.IMAGE, "olha")


def test_a_secret_is_found_at_any_depth() -> None:
    context = MESSAGES.MessageContextInfo(messageSecret=b"s" * 32)
    assert read(conversation="oi", messageContextInfo=context).secret == b"s" * 32
    inner = wrapped("ephemeralMessage", conversation="oi", messageContextInfo=context)
    assert read(**inner).secret == b"s" * 32


def edit(inner: Message) -> ReadMessage:
    return read(protocolMessage={"type": 14, "key": KEY, "editedMessage": inner})


@pytest.mark.parametrize(
    ("inner", "kind", "text"),
    [
        ({"conversation": "novo"}, MessageKind.TEXT, "novo"),
        ({"imageMessage": {"caption": "nova"}}, MessageKind.IMAGE, "nova"),
        ({"eventMessage": {"name": "Vacina"}}, MessageKind.EVENT, "Vacina"),
        ({"protocolMessage": {"type": 14}}, MessageKind.TEXT, ""),
        ({}, MessageKind.TEXT, ""),
    ],
)
def test_an_edit_has_the_new_text_and_the_kind_of_what_it_changes(
    inner: dict[str, object], kind: MessageKind, text: str
) -> None:
    body = edit(MESSAGES.Message(**inner)).body
    assert (body.kind, body.text, body.details) == (MessageKind.EDIT, text, Edit(target=THEIRS, kind=kind))


def test_lists_without_end_are_cut_and_say_how_long_they_were() -> None:
    options = [{"optionName": f"{number}"} for number in range(10_000)]
    poll = read(pollCreationMessage={"name": "Q", "options": options}).body
    assert isinstance(poll.details, Poll)
    assert (len(poll.details.options), poll.details.total, poll.reason) == (
        MAX_CHOICES,
        10_000,
        PlaceholderReason.TOO_LARGE,
    )
    contacts = read(contactsArrayMessage={"contacts": [{"displayName": "A"}] * 10_000}).body.details
    assert isinstance(contacts, Cards)
    assert (len(contacts.cards), contacts.total) == (MAX_CARDS, 10_000)
    rows = [{"title": "r", "rowID": f"{number}"} for number in range(10_000)]
    menu = read(listMessage={"sections": [{"rows": rows}] * 3}).body.details
    assert isinstance(menu, Menu)
    assert (len(menu.choices), menu.total) == (MAX_CHOICES, 30_000)
    context = {"mentionedJID": [f"{number}@lid" for number in range(10_000)]}
    assert len(read(extendedTextMessage={"text": "oi", "contextInfo": context}).mentions) == MAX_MENTIONS


@pytest.mark.parametrize("degrees", [float("nan"), float("inf"), 91.0, -1e300])
def test_a_place_that_is_nowhere_keeps_its_name(degrees: float) -> None:
    body = read(locationMessage={"degreesLatitude": degrees, "name": "Casa"}).body
    assert (body.kind, body.text, body.details, body.reason) == (
        MessageKind.LOCATION,
        "Casa",
        None,
        PlaceholderReason.UNREADABLE,
    )


def test_a_file_without_a_key_is_offered_without_a_pointer() -> None:
    whole = {"directPath": "/v/1", "mediaKey": b"k" * 32, "fileSHA256": b"h" * 32, "fileEncSHA256": b"e" * 32}
    file = read(documentMessage={**whole, "fileName": "../../etc/exame.pdf", "fileLength": 9}).body.file
    assert file is not None
    assert file.pointer is not None
    assert (file.name, file.size, file.sha256) == ("exame.pdf", 9, (b"h" * 32).hex())
    for change in ({"mediaKey": b"k"}, {"directPath": "v/1"}, {"directPath": "/v/1#"}, {"fileEncSHA256": b""}):
        broken = read(imageMessage={**whole, **change}).body.file
        assert broken is not None
        assert broken.pointer is None


def test_a_vcard_gives_names_numbers_and_accounts() -> None:
    vcard = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;Bia;;;\r\nFN:Bia Silva\r\nORG:Flor\\, Ltda.;\r\n"
        "item1.TEL;type=CELL;waid=5511922222222:+55 11 92222-\r\n 2222\r\nTEL:190\r\nEMAIL:b@flor.example\r\nEND:VCARD"
    )
    card = read_card("", vcard)
    assert (card.name, card.organization, card.email) == ("Bia Silva", "Flor, Ltda.", "b@flor.example")
    first, second = card.numbers
    assert (first.number, str(first.account)) == ("+55 11 92222-2222", "5511922222222@s.whatsapp.net")
    assert (second.number, second.account) == ("190", None)
    assert read_card(b"\xff", b"\xff" * 100_000).name == "\N{REPLACEMENT CHARACTER}"


def test_a_vcard_is_read_only_as_far_as_one_of_a_person_goes() -> None:
    card = read_card("", "FN:Bia\n" + "TEL:190\n" * 5_000 + "ORG:Flor")
    assert (card.name, len(card.numbers), card.organization) == ("Bia", MAX_NUMBERS, None)


def test_an_event_has_its_times() -> None:
    details = read(eventMessage={"name": "V", "startTime": 1_900_000_000}).body.details
    assert getattr(details, "starts_at", None) == datetime.fromtimestamp(1_900_000_000, UTC)


def test_a_field_that_no_version_knows_is_named_by_its_number() -> None:
    message = MESSAGES.Message.FromString(data(9_999, b"?"))
    found = read_message(message, CONTACT, OWN)
    assert found is not None
    assert (found.body.kind, getattr(found.body.details, "name", None)) == (MessageKind.UNKNOWN, "field_9999")


def test_a_quote_says_who_is_quoted() -> None:
    context = {"stanzaID": "Q", "participant": "999@lid", "quotedMessage": {"imageMessage": {"caption": "olha"}}}
    quote = read(extendedTextMessage={"text": "sim", "contextInfo": context}).quote
    assert quote is not None
    assert (quote.whatsapp_id, quote.from_me, quote.kind, quote.text) == ("Q", True, MessageKind.IMAGE, "olha")


def test_strings_that_are_not_utf8_are_read() -> None:
    message = MESSAGES.Message.FromString(
        named(MESSAGES.Message, "imageMessage", named(MESSAGES.ImageMessage, "caption", b"\xff\x00"))
    )
    found = read_message(message, CONTACT, OWN)
    assert found is not None
    assert isinstance(found.body, Body)
