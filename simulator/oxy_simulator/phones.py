"""What phones do: write, read, confirm, and ask again for what they cannot decrypt."""

import os
import secrets
from dataclasses import dataclass
from typing import Final

import structlog
from google.protobuf.message import DecodeError

from oxy_simulator.accounts import Account, Device, InboxMessage, SentMessage
from oxy_simulator.errors import DecryptionError, DuplicateCiphertextError, ProtocolError, RequestError
from oxy_simulator.jid import Jid
from oxy_simulator.ledger import LifeLine, line_key, mark
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, decode, encode, node
from oxy_simulator.prekeys import phone_bundle_nodes
from oxy_simulator.proto.message_pb2 import Message, ProtocolMessage
from oxy_simulator.signal import PreKeyBundle, Session, pad

MAX_RETRIES: Final = 5

_SECRET_SIZE: Final = 32
_ID_BYTES: Final = 9

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A ciphertext from a linked device on its way to a phone."""

    message_id: str
    sender: Account
    device: Device
    chat: Account
    enc: Node
    line: LifeLine | None


@dataclass(frozen=True, slots=True)
class _Copy:
    """A message on its way to one device: its stanza without content, plaintext and life line."""

    header: Node
    plaintext: bytes
    line: str | None = None
    retries: int = 0


def new_message_id() -> str:
    """Make an id as iPhones do: `3A` and 18 hexadecimal digits."""
    return "3A" + secrets.token_hex(_ID_BYTES).upper()


def text_message(text: str, quoted: InboxMessage | None = None) -> Message:
    """Build a text as a phone does, with its message secret; a quote makes it extended text."""
    message = Message()
    message.message_context_info.message_secret = os.urandom(_SECRET_SIZE)
    if quoted is None:
        message.conversation = text
        return message
    message.extended_text_message.text = text
    context = message.extended_text_message.context_info
    context.stanza_id = quoted.id
    context.quoted_message.conversation = quoted.text
    return message


def send_message(network: Network, sender: Account, to: Account, message: Message, message_id: str) -> str:
    """Encrypt a message for every device that must have it, send it and return its id.

    A phone's chat with its own number is "message yourself". Who blocked the sender gets nothing.
    """
    text, reaches = _shown_text(message), to is not sender and sender.phone not in to.profile.blocked
    for device in list(to.devices.values()) if reaches else []:
        key = _open_line(network, to, device, message_id, chat=sender, sender=sender, text=text)
        copy = _Copy(_header_to_contact(network, sender, message_id), message.SerializeToString(), key)
        _send_copy(network, sender, to, device, copy)
    for device in list(sender.devices.values()):
        key = _open_line(network, sender, device, message_id, chat=to, sender=sender, text=text)
        copy = _Copy(_header_to_own_device(network, sender, to, message_id), _device_sent(to, message), key)
        _send_copy(network, sender, sender, device, copy)
    if reaches:
        _show(network, to, message_id, chat=sender, sender=sender, message=message)
    network.changed(sender)
    return message_id


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
    attrs: Attrs = {"from": account.lid, "id": new_message_id(), "type": "text", "category": "peer", "t": int(now)}
    _send_copy(network, account, account, device, _Copy(node("message", attrs), message.SerializeToString()))


def receive(network: Network, phone: Account, arrival: Arrival) -> None:
    """Let a phone read a ciphertext from a linked device, confirm it or ask for it again."""
    address = str(arrival.sender.device_lid(arrival.device.id))
    kind, data = arrival.enc.text("type"), arrival.enc.data
    try:
        plaintext = phone.session(address).decrypt(phone.keys, kind, data)
    except DuplicateCiphertextError:
        _flag_duplicate(network, arrival.line)
        _confirm(network, phone, arrival)
        return
    except DecryptionError as error:
        log.warning("message_undecryptable", message=arrival.message_id, reason=str(error))
        mark(arrival.line, "undecryptable", network.clock(), latest=True)
        _ask_again(network, phone, arrival)
        return
    _read(network, phone, arrival, plaintext)


def resend(network: Network, phone: Account, device_owner: Account, device: Device, receipt: Node) -> None:
    """Answer a device's retry receipt: encrypt the message again in a fresh session."""
    address = device_owner.device_lid(device.id)
    sent = phone.sent.get(_sent_key(receipt.text("id"), address))
    if sent is None or sent.retries >= MAX_RETRIES:
        log.warning("retry_refused", message=receipt.text("id"), known=sent is not None)
        return
    sent.retries += 1
    mark(network.state.ledger.find(sent.line), "retried", network.clock(), latest=True)
    bundle = _bundle_in_receipt(receipt, device) or device.take_bundle()
    phone.session(str(address)).promote(Session.initiate(phone.keys, bundle))
    copy = _Copy(decode(sent.header), sent.plaintext, sent.line, sent.retries)
    _encrypt_and_post(network, phone, device_owner, device, copy)


def _device_sent(to: Account, message: Message) -> bytes:
    """Wrap a message for the sender's own other devices."""
    wrapped = Message(message_context_info=message.message_context_info)
    wrapped.device_sent_message.destination_jid = str(to.lid)
    wrapped.device_sent_message.message.CopyFrom(message)
    return wrapped.SerializeToString()


def _read(network: Network, phone: Account, arrival: Arrival, plaintext: bytes) -> None:
    try:
        message = Message.FromString(plaintext)
    except DecodeError as error:
        msg = f"the plaintext of message {arrival.message_id} is no message: {error}"
        raise ProtocolError(msg) from error
    own = phone is arrival.sender
    if own and message.HasField("protocol_message"):
        _serve_peer(network, phone, arrival, message.protocol_message)
        return
    if message.HasField("device_sent_message"):
        message = message.device_sent_message.message
    if arrival.line is not None:
        arrival.line.text = _shown_text(message)
    mark(arrival.line, "own_phone" if own and arrival.chat is not phone else "decrypted", network.clock())
    chat = arrival.chat if own else arrival.sender
    _show(network, phone, arrival.message_id, chat=chat, sender=arrival.sender, message=message, line=arrival.line)
    _confirm(network, phone, arrival)


def _serve_peer(network: Network, phone: Account, arrival: Arrival, request: ProtocolMessage) -> None:
    """Serve what a linked device asks of its own phone; what phones do not answer here is logged."""
    if request.type == ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST:
        share_app_state(network, phone, arrival.device)
    else:
        log.info("peer_request_ignored", kind=ProtocolMessage.Type.Name(request.type))


def _show(  # noqa: PLR0913 - a message's facts, all by name
    network: Network,
    phone: Account,
    message_id: str,
    *,
    chat: Account,
    sender: Account,
    message: Message,
    line: LifeLine | None = None,
) -> None:
    identity = f"{chat.phone}/{sender.phone}/{message_id}"
    duplicate = identity in phone.seen
    phone.seen.add(identity)
    phone.contacts.add(chat.phone)
    chat.contacts.add(phone.phone)
    if duplicate:
        _flag_duplicate(network, line)
    context = message.extended_text_message.context_info
    entry = InboxMessage(
        number=phone.inbox.next_number,
        id=message_id,
        chat=chat.phone,
        sender=sender.phone,
        from_me=sender is phone,
        kind=_kind(message),
        text=_shown_text(message),
        at=network.clock(),
        quoted_id=context.stanza_id or None,
        duplicate=duplicate,
    )
    phone.inbox.append(entry)
    network.changed(phone)


def _flag_duplicate(network: Network, line: LifeLine | None) -> None:
    if line is not None:
        line.duplicates += 1
        mark(line, "duplicate", network.clock(), latest=True)


def _confirm(network: Network, phone: Account, arrival: Arrival) -> None:
    attrs: dict[str, str | int | Jid | None] = {
        "from": phone.lid,
        "id": arrival.message_id,
        "t": int(network.clock()),
    }
    if phone is arrival.sender:
        own = {**attrs, "type": "sender", "recipient": arrival.chat.lid}
        network.post(arrival.sender, arrival.device, node("receipt", own))
        return
    network.post(arrival.sender, arrival.device, node("receipt", attrs))
    mark(arrival.line, "receipted", network.clock())
    if phone.sends_read_receipts:
        network.post(arrival.sender, arrival.device, node("receipt", {**attrs, "type": "read"}))
        mark(arrival.line, "read", network.clock())


def _ask_again(network: Network, phone: Account, arrival: Arrival) -> None:
    count = arrival.enc.number("count", 0) + 1
    if count > MAX_RETRIES:
        log.error("retries_exhausted", message=arrival.message_id)
        return
    now = int(network.clock())
    own = phone is arrival.sender
    attrs: Attrs = {
        "from": phone.lid,
        "id": arrival.message_id,
        "type": "retry",
        "t": now,
        "recipient": arrival.chat.lid if own else None,
    }
    retry = node("retry", {"count": count, "id": arrival.message_id, "t": now, "v": 1})
    registration = node("registration", content=phone.keys.registration_id.to_bytes(4, "big"))
    keys = node("keys", content=phone_bundle_nodes(phone))
    mark(arrival.line, "retried", network.clock(), latest=True)
    network.post(arrival.sender, arrival.device, node("receipt", attrs, [retry, registration, keys]))


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


def _header_to_contact(network: Network, sender: Account, message_id: str) -> Node:
    by_lid = sender.addressing == "lid"
    return node(
        "message",
        {
            "from": sender.lid if by_lid else sender.pn,
            "sender_pn" if by_lid else "sender_lid": sender.pn if by_lid else sender.lid,
            "id": message_id,
            "type": "text",
            "t": int(network.clock()),
            "notify": sender.name,
        },
    )


def _header_to_own_device(network: Network, sender: Account, to: Account, message_id: str) -> Node:
    return node(
        "message",
        {
            "from": sender.lid,
            "recipient": to.lid,
            "peer_recipient_pn": to.pn,
            "id": message_id,
            "type": "text",
            "t": int(network.clock()),
            "notify": sender.name,
        },
    )


def _open_line(  # noqa: PLR0913 - a line's facts, all by name
    network: Network, account: Account, device: Device, message_id: str, *, chat: Account, sender: Account, text: str
) -> str:
    line = network.state.ledger.open(
        message_id=message_id,
        direction="inbound",
        account=account.phone,
        device=device.id,
        chat=chat.phone,
        sender=sender.phone,
        text=text,
    )
    mark(line, "sent", network.clock())
    return line_key("inbound", account.phone, device.id, chat.phone, message_id)


def _send_copy(network: Network, sender: Account, owner: Account, device: Device, copy: _Copy) -> None:
    sent = SentMessage(encode(copy.header), copy.plaintext, copy.line)
    sender.remember_sent(_sent_key(copy.header.text("id"), owner.device_lid(device.id)), sent)
    _encrypt_and_post(network, sender, owner, device, copy)


def _encrypt_and_post(network: Network, sender: Account, owner: Account, device: Device, copy: _Copy) -> None:
    record = sender.session(str(owner.device_lid(device.id)))
    session = record.current
    if session is None:
        session = Session.initiate(sender.keys, device.take_bundle())
        record.promote(session)
        network.notice_low_prekeys(owner, device)
    encrypted = session.encrypt(sender.keys, pad(copy.plaintext))
    data = _maybe_corrupt(network, owner, copy, encrypted.data)
    attrs: Attrs = {"v": "2", "type": encrypted.kind, "count": copy.retries or None}
    stanza = Node(copy.header.tag, dict(copy.header.attrs), [node("enc", attrs, data)])
    network.post(owner, device, stanza, copy.line)


def _maybe_corrupt(network: Network, owner: Account, copy: _Copy, data: bytes) -> bytes:
    line = network.state.ledger.find(copy.line)
    if not network.impairments.damages_message(owner.phone, line.chat if line else None):
        return data
    return data[:-1] + bytes((data[-1] ^ 0xFF,))


def _sent_key(message_id: str, device: Jid) -> str:
    return f"{message_id}/{device}"


def find_quoted(phone: Account, message_id: str) -> InboxMessage:
    """Find a message in a phone's inbox; raise RequestError if it is not there."""
    found = next((entry for entry in reversed(phone.inbox) if entry.id == message_id), None)
    if found is None:
        msg = f"{phone.phone} has no message {message_id} to quote; take an id from its inbox"
        raise RequestError(msg)
    return found


def _shown_text(message: Message) -> str:
    return message.conversation or message.extended_text_message.text or message.reaction_message.text


def _kind(message: Message) -> str:
    if message.conversation or message.HasField("extended_text_message"):
        return "text"
    for field, _ in message.ListFields():
        if field.name != "message_context_info":
            return str(field.name).removesuffix("_message")
    return "unknown"
