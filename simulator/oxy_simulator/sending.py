"""What phones write: to contacts, to their own linked devices, and again to who could not decrypt it."""

import secrets
from dataclasses import replace
from typing import Final, NamedTuple

import structlog

from oxy_simulator.accounts import Account, Device, SentMessage
from oxy_simulator.attachments import Attachment
from oxy_simulator.chats import MediaFacts
from oxy_simulator.codec import decode, encode
from oxy_simulator.composing import Draft, compose
from oxy_simulator.content import Content
from oxy_simulator.errors import ContentError, RequestError
from oxy_simulator.inbox import Telling, recall, tell
from oxy_simulator.jid import Jid
from oxy_simulator.labels import Labels, label
from oxy_simulator.ledger import line_key, mark, unmark
from oxy_simulator.mediadesk import MediaArrival
from oxy_simulator.msgsecret import SECRET_SIZE
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.prekeys import phone_bundle_nodes
from oxy_simulator.proto.message_pb2 import Message, ProtocolMessage
from oxy_simulator.reading import Reading
from oxy_simulator.signal import Encrypted, PreKeyBundle, Session, pad

MAX_RETRIES: Final = 5  # Baileys `src/Defaults/index.ts`, maxMsgRetryCount

_ID_BYTES: Final = 9  # whatsmeow `send.go`, GenerateMessageID

log = structlog.get_logger(__name__)


class _Copy(NamedTuple):
    """A message on its way to one device: its stanza without content, plaintext and life line."""

    header: Node
    plaintext: bytes
    labels: Labels
    line: str | None = None
    retries: int = 0


def new_message_id() -> str:
    """Make an id as iPhones do: `3A` and 18 hexadecimal digits."""
    return "3A" + secrets.token_hex(_ID_BYTES).upper()


def text_message(text: str) -> Message:
    """Build a plain text as a phone does, with its message secret."""
    message = Message(conversation=text)
    message.message_context_info.message_secret = secrets.token_bytes(SECRET_SIZE)
    return message


def say(network: Network, sender: Account, to: Account, content: Content, message_id: str | None = None) -> str:
    """Let a phone say something and return the message's id; raise RequestError if phones do not allow it."""
    try:
        message = compose(content, Draft(sender, to, network.clock(), file_of(sender, content)))
        return send_message(network, sender, to, message, message_id or new_message_id())
    except ContentError as error:
        msg = f"{sender.phone} cannot send this: {error}"
        raise RequestError(msg) from error


def file_of(sender: Account, content: Content) -> MediaFacts | None:
    """Return the file that goes with content, None if none does; raise RequestError if the phone has no such file."""
    if not isinstance(content, Attachment) or content.file is None:
        return None
    facts = sender.files.get(content.file)
    if facts is None:
        msg = f"{sender.phone} has no file {content.file}; take an id that POST /phones/{{phone}}/media answered"
        raise RequestError(msg)
    return replace(facts, mimetype=content.mimetype or facts.mimetype)


def send_message(network: Network, sender: Account, to: Account, message: Message, message_id: str) -> str:
    """Encrypt a message for every device that must have it, send it and return its id.

    A phone's chat with its own number is "message yourself". Who blocked the sender gets nothing. Raise
    ContentError if it is about a message that it cannot be about; then nothing is sent.
    """
    telling = Telling(message_id, sender, to, sender, network.clock())
    reading = recall(telling, message)
    network.retention.known(sender, to, message_id)
    labels, reaches = label(message), to is not sender and sender.phone not in to.profile.blocked
    for device in list(to.devices.values()) if reaches else []:
        key = _open_line(network, to, device, message_id, chat=sender, sender=sender, reading=reading)
        if reading.media is not None:
            network.media.wait_for_download(reading.media.direct_path, key)
        copy = _Copy(_header_to_contact(network, sender, message_id, labels), message.SerializeToString(), labels, key)
        _send_copy(network, sender, to, device, copy)
    for device in list(sender.devices.values()):
        key = _open_line(network, sender, device, message_id, chat=to, sender=sender, reading=reading)
        header = _header_to_own_device(network, sender, to, message_id, labels)
        _send_copy(network, sender, sender, device, _Copy(header, _device_sent(to, message), labels, key))
    if reaches:
        tell(network, Telling(message_id, to, sender, sender, network.clock()), message)
        if reading.media is not None:
            network.media.arrived(MediaArrival(to.phone, sender.phone, message_id))
    network.changed(sender)
    return message_id


def send_raw(network: Network, sender: Account, to: Account, plaintext: bytes, message_id: str) -> None:
    """Let a client of the sender's own making send any bytes, which need not be a message, under any id.

    Only the recipient's linked devices get them: no phone shows them, and no life line is kept.
    """
    for device in list(to.devices.values()):
        labels = Labels("text")
        _send_copy(
            network,
            sender,
            to,
            device,
            _Copy(_header_to_contact(network, sender, message_id, labels), plaintext, labels),
        )


def share_app_state(network: Network, account: Account, device: Device) -> None:
    """Let the phone give a device the app state key, so that it learns the push name."""
    device.app_state_shared = True
    now = network.clock()
    if not account.app_state.collections:
        account.app_state.set_push_name(account.name, int(now * 1000))
    message = Message()
    message.protocol_message.type = ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
    key = message.protocol_message.app_state_sync_key_share.keys.add()
    key.key_id.key_id = account.app_state.key_id
    key.key_data.key_data = account.app_state.key
    key.key_data.timestamp = int(now * 1000)
    key.key_data.fingerprint.raw_id = 1
    key.key_data.fingerprint.current_index = 0
    send_to_own_device(network, account, device, message.SerializeToString())


def send_to_own_device(network: Network, account: Account, device: Device, plaintext: bytes) -> None:
    """Let a phone say something to one of its own linked devices that belongs to no chat."""
    attrs: Attrs = {
        "from": account.lid,
        "id": new_message_id(),
        "type": "text",
        "category": "peer",
        "t": int(network.clock()),
    }
    _send_copy(network, account, account, device, _Copy(node("message", attrs), plaintext, Labels("text")))


def resend(network: Network, phone: Account, device_owner: Account, device: Device, receipt: Node) -> None:
    """Answer a device's retry receipt: encrypt the message again in a fresh session."""
    address = device_owner.device_lid(device.id)
    sent = phone.sent.get(sent_key(receipt.text("id"), address))
    line = network.state.ledger.find(sent.line) if sent else None
    if sent is None or sent.retries >= MAX_RETRIES:
        log.warning("retry_refused", message=receipt.text("id"), known=sent is not None)
        mark(line, "abandoned", network.clock())
        return
    sent.retries += 1
    mark(line, "retried", network.clock(), latest=True)
    unmark(line, "abandoned")
    bundle = _bundle_in_receipt(receipt, device) or device.take_bundle()
    phone.session(str(address)).promote(Session.initiate(phone.keys, bundle))
    copy = _Copy(decode(sent.header), sent.plaintext, _labels_of(sent.plaintext), sent.line, sent.retries)
    _encrypt_and_post(network, phone, device_owner, device, copy)


def _device_sent(to: Account, message: Message) -> bytes:
    """Wrap a message for the sender's own other devices."""
    wrapped = Message(message_context_info=message.message_context_info)
    wrapped.device_sent_message.destination_jid = str(to.lid)
    wrapped.device_sent_message.message.CopyFrom(message)
    return wrapped.SerializeToString()


def retry_content(network: Network, phone: Account, message_id: str, count: int) -> list[Node]:
    """Return what a phone's retry receipt holds: its count and a fresh bundle of the phone's keys."""
    retry = node("retry", {"count": count, "id": message_id, "t": int(network.clock()), "v": 1})
    registration = node("registration", content=phone.keys.registration_id.to_bytes(4, "big"))
    return [retry, registration, node("keys", content=phone_bundle_nodes(phone))]


def _bundle_in_receipt(receipt: Node, device: Device) -> PreKeyBundle | None:
    keys = receipt.find("keys")
    if keys is None:
        return None
    signed, prekey = keys.require("skey"), keys.find("key")
    return PreKeyBundle(
        device.registration_id,
        keys.require("identity").data,
        int.from_bytes(signed.require("id").data, "big"),
        signed.require("value").data,
        int.from_bytes(prekey.require("id").data, "big") if prekey else None,
        prekey.require("value").data if prekey else None,
    )


def _header_to_contact(network: Network, sender: Account, message_id: str, labels: Labels) -> Node:
    by_lid = sender.addressing == "lid"
    return node(
        "message",
        {
            "from": sender.lid if by_lid else sender.pn,
            "sender_pn" if by_lid else "sender_lid": sender.pn if by_lid else sender.lid,
            "id": message_id,
            "type": labels.type,
            "t": int(network.clock()),
            "notify": sender.name,
            "edit": labels.edit or None,
        },
    )


def _header_to_own_device(network: Network, sender: Account, to: Account, message_id: str, labels: Labels) -> Node:
    return node(
        "message",
        {
            "from": sender.lid,
            "recipient": to.lid,
            "peer_recipient_pn": to.pn,
            "id": message_id,
            "type": labels.type,
            "t": int(network.clock()),
            "notify": sender.name,
            "edit": labels.edit or None,
        },
    )


def _open_line(  # noqa: PLR0913 - a line's facts, all by name
    network: Network,
    account: Account,
    device: Device,
    message_id: str,
    *,
    chat: Account,
    sender: Account,
    reading: Reading,
) -> str:
    line = network.state.ledger.open(
        message_id=message_id,
        direction="inbound",
        account=account.phone,
        device=device.id,
        chat=chat.phone,
        sender=sender.phone,
        text=reading.text,
        kind=reading.kind,
    )
    mark(line, "sent", network.clock())
    return line_key("inbound", account.phone, device.id, chat.phone, message_id)


def _send_copy(network: Network, sender: Account, owner: Account, device: Device, copy: _Copy) -> None:
    sent = SentMessage(encode(copy.header), copy.plaintext, copy.line)
    key = sent_key(copy.header.text("id"), owner.device_lid(device.id))
    sender.remember_sent(key, sent)
    network.retention.sent(sender, key)
    _encrypt_and_post(network, sender, owner, device, copy)


def _encrypt_and_post(network: Network, sender: Account, owner: Account, device: Device, copy: _Copy) -> None:
    encrypted = encrypt_pairwise(network, sender, owner, device, copy.plaintext)
    data = _maybe_corrupt(network, owner, copy, encrypted.data)
    attrs: Attrs = {
        "v": "2",
        "type": encrypted.kind,
        "count": copy.retries or None,
        "mediatype": copy.labels.media_type or None,
        "decrypt-fail": "hide" if copy.labels.hidden else None,
    }
    stanza = Node(copy.header.tag, dict(copy.header.attrs), [node("enc", attrs, data), *copy.labels.notes])
    network.post(owner, device, stanza, copy.line)


def encrypt_pairwise(network: Network, sender: Account, owner: Account, device: Device, plaintext: bytes) -> Encrypted:
    """Encrypt for one device, in a session that is opened if there is none."""
    record = sender.session(str(owner.device_lid(device.id)))
    session = record.current
    if session is None:
        session = Session.initiate(sender.keys, network.take_bundle(owner, device))
        record.promote(session)
    return session.encrypt(sender.keys, pad(plaintext))


def _maybe_corrupt(network: Network, owner: Account, copy: _Copy, data: bytes) -> bytes:
    line = network.state.ledger.find(copy.line)
    if not network.impairments.damages_message(owner.phone, line.chat if line else None, "inbound"):
        return data
    return damaged(data)


def damaged(data: bytes) -> bytes:
    """Flip the last byte, as a faulty network would."""
    return data[:-1] + bytes((data[-1] ^ 0xFF,))


def sent_key(message_id: str, device: Jid) -> str:
    """Name what a phone sent to one device, for sending it again."""
    return f"{message_id}/{device}"


def _labels_of(plaintext: bytes) -> Labels:
    message = Message.FromString(plaintext)
    return label(message.device_sent_message.message if message.HasField("device_sent_message") else message)
