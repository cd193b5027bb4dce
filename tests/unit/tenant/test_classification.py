import hmac
from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from nacl.bindings import crypto_aead_aes256gcm_encrypt

from oxy_core.content import ChatType, Edit, MessageSource, Target
from oxy_core.identity import Jid
from oxy_core.instance.settings import InboundSettings
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_TEXT
from oxy_tenant.content.bounds import CUT
from oxy_tenant.content.classification import classify
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, LeftOutMessage, Received, SecretUse
from oxy_tenant.content.sealing import Answerable, left_sealed, opened
from oxy_tenant.links.neonize.arrivals import arrival_of, undecryptable_arrival
from oxy_tenant.links.neonize.library import load_messages
from oxy_tenant.own_account import OwnAccount

ENVELOPES, MESSAGES = load_messages()
OWN = OwnAccount(frozenset({"5511900000001", "999"}))
DIRECT_ONLY = InboundSettings()
MOMENT = 1_772_366_400
SECRET = b"s" * 32


def jid(text: object) -> Message:
    user, _, server = str(text).rpartition("@")
    name, _, device = user.partition(":")
    return ENVELOPES.JID(User=name, Server=server, Device=int(device or 0), RawAgent=0, Integrator=0, IsEmpty=not text)


def event(chat: str = "111@lid", *, edited: bool = False, **fields: object) -> Message:
    """Return neonize's message event; fields of the source, the info and the message by name."""
    source = ENVELOPES.MessageSource(
        Chat=jid(chat),
        Sender=jid(fields.pop("sender", chat)),
        IsFromMe=fields.pop("from_me", False),
        IsGroup=fields.pop("group", False),
        AddressingMode=1,
        SenderAlt=jid(fields.pop("sender_alt", "")),
        RecipientAlt=jid(fields.pop("recipient_alt", "")),
        BroadcastListOwner=jid(""),
    )
    info = ENVELOPES.MessageInfo(
        MessageSource=source,
        ID="3A1",
        ServerID=0,
        Type="text",
        Pushname=fields.pop("name", "Ana"),
        Timestamp=fields.pop("timestamp", MOMENT),
        Category=fields.pop("category", ""),
        Multicast=False,
        MediaType="",
        Edit="",
    )
    return ENVELOPES.Message(Info=info, Message=MESSAGES.Message(**fields), IsEdit=edited)


def classify_message(message: Message, settings: InboundSettings = DIRECT_ONLY) -> Received:
    return classify(arrival_of(message, live=True), OWN, settings)


def received(**fields: object) -> IncomingMessage:
    message = classify_message(event(**fields))
    assert isinstance(message, IncomingMessage)
    return message


def test_a_plain_text() -> None:
    message = received(conversation="oi", sender="111:0@lid", sender_alt="5511911111111:3@s.whatsapp.net")
    assert (message.kind, message.text, message.push_name) == (MessageKind.TEXT, "oi", "Ana")
    assert (message.chat, message.chat_alias) == (Jid.parse("111@lid"), Jid.parse("5511911111111@s.whatsapp.net"))
    assert message.sender == message.chat
    assert message.sent_at == datetime.fromtimestamp(MOMENT, UTC)


def test_milliseconds_are_distinguished_from_seconds() -> None:
    assert received(conversation="oi", timestamp=MOMENT * 1000).sent_at == datetime.fromtimestamp(MOMENT, UTC)


def test_a_text_with_a_quote_and_a_secret() -> None:
    extended = MESSAGES.ExtendedTextMessage(text="Rex", contextInfo=MESSAGES.ContextInfo(stanzaID="3EB0"))
    context = MESSAGES.MessageContextInfo(messageSecret=b"s" * 32)
    message = received(extendedTextMessage=extended, messageContextInfo=context)
    assert (message.text, message.quoted_id, message.secret) == ("Rex", "3EB0", b"s" * 32)


def test_a_chat_addressed_by_phone_number_gets_its_known_lid() -> None:
    message = received(chat="5511911111111@s.whatsapp.net", sender_alt="111@lid", conversation="oi")
    assert (message.chat, message.chat_alias) == (Jid.parse("111@lid"), Jid.parse("5511911111111@s.whatsapp.net"))


def test_a_chat_addressed_by_phone_number_only() -> None:
    message = received(chat="5511911111111@s.whatsapp.net", conversation="oi")
    assert (message.chat, message.chat_alias) == (Jid.parse("5511911111111@s.whatsapp.net"), None)


def test_an_own_message_from_the_phone() -> None:
    inner = MESSAGES.DeviceSentMessage(message=MESSAGES.Message(conversation="já respondo"))
    message = received(
        sender="999:0@lid", from_me=True, recipient_alt="5511911111111@s.whatsapp.net", deviceSentMessage=inner
    )
    assert (message.from_me, message.self_chat, message.text) == (True, False, "já respondo")
    assert (message.sender, message.chat_alias) == (Jid.parse("999@lid"), Jid.parse("5511911111111@s.whatsapp.net"))


@pytest.mark.parametrize("chat", ["999@lid", "5511900000001@s.whatsapp.net"])
def test_the_message_yourself_chat(chat: str) -> None:
    assert received(chat=chat, from_me=True, conversation="resumo").self_chat


@pytest.mark.parametrize(
    "content",
    [
        {"protocolMessage": MESSAGES.ProtocolMessage(type=6)},
        {"protocolMessage": MESSAGES.ProtocolMessage()},
        {"senderKeyDistributionMessage": MESSAGES.SenderKeyDistributionMessage()},
        {"messageContextInfo": MESSAGES.MessageContextInfo(messageSecret=b"s" * 32)},
        {"conversation": ""},
        {"extendedTextMessage": MESSAGES.ExtendedTextMessage()},
        {},
    ],
)
def test_bookkeeping_is_ignored_but_recorded(content: dict[str, object]) -> None:
    message = classify_message(event(**content))
    assert message == IgnoredMessage("3A1", Jid.parse("111@lid"), from_me=False)


def test_the_keys_that_come_before_a_message_of_a_group_do_not_take_its_id() -> None:
    keys = {"senderKeyDistributionMessage": MESSAGES.SenderKeyDistributionMessage()}
    everything = InboundSettings(groups=True, statuses=True)
    for chat, facts, chat_type in CHATS:
        assert classify_message(event(chat=chat, **facts, **keys), everything) == LeftOutMessage(chat_type, None)


CHATS = [
    ("120363@g.us", {"group": True, "sender": "111@lid"}, ChatType.GROUP),
    ("status@broadcast", {"sender": "111@lid"}, ChatType.STATUS),
    ("55119@broadcast", {"sender": "111@lid"}, ChatType.BROADCAST),
    ("120@newsletter", {}, ChatType.NEWSLETTER),
]


@pytest.mark.parametrize(("chat", "fields", "chat_type"), CHATS)
def test_messages_outside_direct_chats_are_kept_by_setting_with_who_wrote_them(
    chat: str, fields: dict[str, object], chat_type: ChatType
) -> None:
    message = event(chat, conversation="oi", **fields)
    assert classify_message(message) == LeftOutMessage(chat_type, MessageKind.TEXT)
    kept = classify_message(event(chat, conversation="oi", **fields), InboundSettings(groups=True, statuses=True))
    assert isinstance(kept, IncomingMessage)
    assert (kept.chat, kept.chat_type) == (Jid.parse(chat), chat_type)
    assert kept.sender == Jid.parse(str(fields.get("sender", chat)))


@pytest.mark.parametrize(
    ("chat", "fields"), [("13135550002@bot", {}), ("999@lid", {"category": "peer", "from_me": True})]
)
def test_bots_and_traffic_between_own_devices_are_left_out(chat: str, fields: dict[str, object]) -> None:
    everything = InboundSettings(groups=True, statuses=True)
    assert isinstance(classify_message(event(chat, conversation="oi", **fields), everything), LeftOutMessage)


@pytest.mark.parametrize(
    ("chat", "sender"),
    [
        ("111@lid", "867051314767696@bot"),
        ("111@lid", "13135550002@s.whatsapp.net"),
        ("13135550002@s.whatsapp.net", "13135550002@s.whatsapp.net"),
        ("0@s.whatsapp.net", "0@s.whatsapp.net"),
    ],
)
def test_what_a_machine_of_whatsapp_writes_in_a_chat_is_not_the_customers(chat: str, sender: str) -> None:
    message = classify_message(event(chat, sender=sender, conversation="Posso ajudar?"))
    assert message == IgnoredMessage("3A1", Jid.parse(chat), from_me=False)


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, MessageSource.CONTACT),
        ({"from_me": True, "sender": "999@lid"}, MessageSource.PHONE),
        ({"from_me": True, "sender": "999:7@lid"}, MessageSource.COMPANION),
    ],
)
def test_a_message_says_which_device_wrote_it(fields: dict[str, object], source: MessageSource) -> None:
    assert received(conversation="oi", **fields).source is source


def test_a_text_beyond_the_limit_is_cut() -> None:
    assert received(conversation="x" * (MAX_TEXT + 5)).text == "x" * (MAX_TEXT - 1) + CUT


def test_a_nameless_sender_has_no_name() -> None:
    assert received(conversation="oi", name="-").push_name is None


def test_an_undecryptable_message_keeps_its_id() -> None:
    undecryptable = ENVELOPES.UndecryptableMessage(Info=event().Info, IsUnavailable=False, DecryptFailMode=1)
    message = classify(undecryptable_arrival(undecryptable, live=True), OWN, DIRECT_ONLY)
    assert isinstance(message, IncomingMessage)
    assert (message.whatsapp_id, message.kind, message.text) == ("3A1", MessageKind.UNDECRYPTABLE, None)
    # A reaction, a vote or an edit: nobody misses a message.
    hidden = ENVELOPES.UndecryptableMessage(Info=event().Info, IsUnavailable=False, DecryptFailMode=2)
    assert isinstance(classify(undecryptable_arrival(hidden, live=True), OWN, DIRECT_ONLY), LeftOutMessage)


def sealed_edit(use: SecretUse, kind: int, plain: Message) -> IncomingMessage:
    """Return an edit of a customer's message with the secret `SECRET`, as WhatsApp's apps seal it."""
    info = f"TARGET111@lid111@lid{use.value}".encode()
    key = hmac.digest(hmac.digest(bytes(32), SECRET, "sha256"), info + b"\x01", "sha256")
    payload = crypto_aead_aes256gcm_encrypt(plain.SerializeToString(), None, b"i" * 12, key)
    part = {"targetMessageKey": {"ID": "TARGET", "fromMe": True}, "secretEncType": kind}
    sealed = MESSAGES.SecretEncryptedMessage(**part, encPayload=payload, encIV=b"i" * 12)
    return received(secretEncryptedMessage=sealed)


@pytest.mark.parametrize(
    "plain",
    [
        {"conversation": "às 16h"},
        {"protocolMessage": {"type": 14, "key": {"ID": "X"}, "editedMessage": {"conversation": "às 16h"}}},
        {"editedMessage": {"message": {"extendedTextMessage": {"text": "às 16h"}}}},
    ],
)
def test_an_edit_is_opened_with_the_secret_of_the_message_that_it_names(plain: dict[str, object]) -> None:
    message = sealed_edit(SecretUse.MESSAGE_EDIT, 2, MESSAGES.Message(**plain))
    assert (message.kind, message.text) == (MessageKind.EDIT, None)
    edited = opened(message, Answerable(SECRET))
    target = Target(whatsapp_id="TARGET", from_me=False)
    assert (edited.kind, edited.text, edited.details) == (MessageKind.EDIT, "às 16h", Edit(target=target))
    assert edited.sealed is None


def test_an_edit_that_cannot_be_opened_or_read_replaces_no_text() -> None:
    message = sealed_edit(SecretUse.MESSAGE_EDIT, 2, MESSAGES.Message(conversation="às 16h"))
    empty = sealed_edit(SecretUse.MESSAGE_EDIT, 2, MESSAGES.Message())
    other_use = sealed_edit(SecretUse.EVENT_EDIT, 2, MESSAGES.Message(conversation="às 16h"))
    for edit, secret in ((message, b"?" * 32), (empty, SECRET), (other_use, SECRET)):
        notice = left_sealed(opened(edit, Answerable(secret)))
        assert (notice.kind, notice.text, notice.sealed) == (MessageKind.NOTICE, None, None)
