"""Messages to many: groups and status posts, encrypted once with a sender key.

Whoever lacks the key gets it in the same stanza, encrypted for that device alone. Source: whatsmeow
`send.go` (sendGroup), `message.go` (decryptGroupMsg, handleSenderKeyDistributionMessage).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from oxy_simulator.accounts import Account, Device, InboxMessage, SentMessage
from oxy_simulator.codec import encode
from oxy_simulator.composing import Draft, compose
from oxy_simulator.connection import Connection
from oxy_simulator.content import Content
from oxy_simulator.devices import device_jids, participant_hash
from oxy_simulator.errors import ContentError, DecryptionError, DuplicateCiphertextError, RefusedError, RequestError
from oxy_simulator.groups import member_group
from oxy_simulator.jid import STATUS_JID, Jid
from oxy_simulator.labels import label
from oxy_simulator.ledger import line_key, mark
from oxy_simulator.network import Group, Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.reading import Scene, read
from oxy_simulator.senderkeys import ReceivedSenderKey, SenderKey
from oxy_simulator.sending import MAX_RETRIES, encrypt_pairwise, file_of, new_message_id, retry_content, sent_key

_SILENT: Final = {"unknown", "protocol"}  # sender keys alone, and what is about the chat itself

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Post:
    """A message in a room: who wrote it, and what it says."""

    id: str
    room: Jid
    sender: Account
    message: Message


@dataclass(frozen=True, slots=True)
class _Sending:
    """A linked device's message on its way to a group: what is for whom alone, and what all share."""

    account: Account
    device: Device
    room: Jid
    stanza: Node
    named: Mapping[Jid, Node]
    shared: Node | None

    @property
    def author(self) -> Jid:
        """The device that wrote it."""
        return self.account.device_lid(self.device.id)


def say_in_group(network: Network, sender: Account, group: Group, content: Content) -> str:
    """Let a phone say something in a group that is not about another message; raise RequestError otherwise."""
    if getattr(content, "target", None) or getattr(content, "quote", None):
        msg = "in groups phones say what is about no other message; leave out 'target' and 'quote'"
        raise RequestError(msg)
    try:
        message = compose(content, Draft(sender, sender, network.clock(), file_of(sender, content)))
    except ContentError as error:
        msg = f"{sender.phone} cannot send this: {error}"
        raise RequestError(msg) from error
    return write_to_group(network, sender, group, message)


def write_to_group(network: Network, sender: Account, group: Group, message: Message) -> str:
    """Let a phone write in a group; return the message's id."""
    members = [network.account(phone) for phone in group.members]
    return _write(network, _Post(new_message_id(), group.jid, sender, message), members)


def post_status(network: Network, sender: Account, message: Message) -> str:
    """Let a phone post a status for its contacts; return the message's id."""
    viewers = [network.account(phone) for phone in sorted(sender.contacts | {sender.phone})]
    return _write(network, _Post(new_message_id(), STATUS_JID, sender, message), viewers)


def on_group_message(network: Network, connection: Connection, stanza: Node) -> None:
    """Take a linked device's message to a group: to every member's phone and devices."""
    account, device = connection.require_login()
    to, message_id = stanza.jid("to"), stanza.text("id")
    ack: Attrs = {"class": "message", "id": message_id, "from": to, "t": int(network.clock())}
    try:
        group = member_group(network, account, to)
    except RefusedError as error:
        network.violation(connection, "unknown-recipient", f"message {message_id} to {to}: {error}")
        connection.send(node("ack", {**ack, "error": error.code}))
        return
    members = [network.account(phone) for phone in group.members]
    if "participant" in stanza.attrs:
        connection.send(node("ack", ack))
        _take_again(network, connection, stanza, members)
        return
    expected = participant_hash(jid for member in members for jid in device_jids(member, by_lid=True))
    stale = stanza.text("phash", expected) != expected
    connection.send(node("ack", {**ack, "phash": expected if stale else None}))
    participants = stanza.find("participants")
    named = {child.jid("jid"): child.require("enc") for child in (participants.children if participants else [])}
    shared = next((enc for enc in stanza.all("enc") if enc.text("type", "") == "skmsg"), None)
    sending = _Sending(account, device, group.jid, stanza, named, shared)
    _confirm(network, sending, [member for member in members if _reach(network, sending, member)])
    network.changed(account)


def _take_again(network: Network, connection: Connection, stanza: Node, members: list[Account]) -> None:
    """Take a group message that one device asked for again. Source: whatsmeow `retry.go`, handleRetryReceipt."""
    account, device = connection.require_login()
    target = stanza.jid("participant")
    sending = _Sending(account, device, stanza.jid("to"), stanza, {target: stanza.require("enc")}, None)
    asking = [member for member in members if member is network.find(target)]
    _confirm(network, sending, [member for member in asking if _reach(network, sending, member)])
    network.changed(account)


def _write(network: Network, post: _Post, readers: Iterable[Account]) -> str:
    sender, key = post.sender, post.sender.sender_keys.setdefault(str(post.room), SenderKey())
    distribution = Message()
    distribution.sender_key_distribution_message.group_id = str(post.room)
    distribution.sender_key_distribution_message.axolotl_sender_key_distribution_message = key.distribution()
    enc: Attrs = {"v": "2", "type": "skmsg", "mediatype": label(post.message).media_type or None}
    shared = node("enc", enc, key.encrypt(post.message.SerializeToString()))
    whole = Message()
    whole.CopyFrom(post.message)
    whole.MergeFrom(distribution)
    for reader in readers:
        if sender.phone in reader.profile.blocked:
            continue
        for device in list(reader.devices.values()):
            address, header = reader.device_lid(device.id), _header(network, post)
            line = _open_line(network, post, reader, device)
            sender.remember_sent(
                sent_key(post.id, address), SentMessage(encode(header), whole.SerializeToString(), line)
            )
            network.retention.sent(sender, sent_key(post.id, address))
            content = [shared]
            if str(address) not in key.holders:
                key.holders.add(str(address))
                pairwise = encrypt_pairwise(network, sender, reader, device, distribution.SerializeToString())
                content.insert(0, node("enc", {"v": "2", "type": pairwise.kind}, pairwise.data))
            network.post(reader, device, Node("message", dict(header.attrs), content), line)
        if reader is not sender:
            _show(network, reader, post)
    network.changed(sender)
    return post.id


def _reach(network: Network, sending: _Sending, member: Account) -> bool:
    """Carry a group message to a member's devices and phone; return whether the phone confirms it."""
    for other in list(member.devices.values()):
        wanted = sending.shared is not None or member.device_lid(other.id) in sending.named
        if other is not sending.device and wanted:
            network.post(member, other, _for_device(network, sending, member.device_lid(other.id)))
    if sending.shared is None and member.lid not in sending.named:
        return False
    try:
        message = _read(member, sending)
    except DuplicateCiphertextError:
        return True
    except DecryptionError as error:
        log.warning("message_undecryptable", message=sending.stanza.text("id"), reason=str(error))
        _ask_again(network, sending, member)
        return False
    _show(network, member, _Post(sending.stanza.text("id"), sending.room, sending.account, message))
    return member is not sending.account


def _for_device(network: Network, sending: _Sending, device: Jid) -> Node:
    stanza, own = sending.stanza, sending.named.get(device)
    content = [part for part in (own, sending.shared, stanza.find("device-identity")) if part is not None]
    attrs: Attrs = {
        "from": sending.room,
        "participant": sending.author,
        "participant_pn": sending.account.pn,
        "addressing_mode": "lid",
        "id": stanza.text("id"),
        "type": stanza.text("type"),
        "t": int(network.clock()),
        "notify": sending.account.name,
        "edit": stanza.attrs.get("edit"),
    }
    return node("message", attrs, content)


def _read(phone: Account, sending: _Sending) -> Message:
    """Let a phone read a group message, taking the sender key first if it comes along."""
    name, message, pairwise = f"{sending.room}/{sending.author}", Message(), sending.named.get(phone.lid)
    if pairwise is not None:
        record = phone.session(str(sending.author))
        message = Message.FromString(record.decrypt(phone.keys, pairwise.text("type"), pairwise.data))
        if message.HasField("sender_key_distribution_message"):
            distribution = message.sender_key_distribution_message.axolotl_sender_key_distribution_message
            phone.received_keys[name] = ReceivedSenderKey.read(distribution)
    if sending.shared is None:
        return message
    key = phone.received_keys.get(name)
    if key is None:
        msg = f"the phone has no sender key of {sending.author} in {sending.room}"
        raise DecryptionError(msg)
    return Message.FromString(key.decrypt(sending.shared.data))


def _ask_again(network: Network, sending: _Sending, member: Account) -> None:
    message_id, before = sending.stanza.text("id"), sending.named.get(member.lid)
    count = (before.number("count", 0) if before is not None else 0) + 1
    if count > MAX_RETRIES:
        log.warning("retries_exhausted", message=message_id)
        return
    attrs: Attrs = {
        "from": sending.room,
        "participant": member.lid,
        "id": message_id,
        "type": "retry",
        "t": int(network.clock()),
    }
    content = retry_content(network, member, message_id, count)
    network.post(sending.account, sending.device, node("receipt", attrs, content))


def _confirm(network: Network, sending: _Sending, members: list[Account]) -> None:
    """Send one receipt for all members' phones. Source: whatsmeow `receipt.go`, handleGroupedReceipt."""
    if not members:
        return
    now, message_id = int(network.clock()), sending.stanza.text("id")
    users = [node("user", {"jid": member.lid, "t": now}) for member in members]
    attrs: Attrs = {"from": sending.room, "id": message_id, "t": now}
    receipt = node("receipt", attrs, [node("participants", {"key": message_id}, users)])
    network.post(sending.account, sending.device, receipt)


def _header(network: Network, post: _Post) -> Node:
    attrs: Attrs = {
        "from": post.room,
        "participant": post.sender.lid,
        "participant_pn": post.sender.pn,
        "addressing_mode": "lid",
        "id": post.id,
        "type": label(post.message).type,
        "t": int(network.clock()),
        "notify": post.sender.name,
    }
    return node("message", attrs)


def _open_line(network: Network, post: _Post, reader: Account, device: Device) -> str:
    reading = read(post.message, Scene(reader, post.sender, post.sender))
    line = network.state.ledger.open(
        message_id=post.id,
        direction="inbound",
        account=reader.phone,
        device=device.id,
        chat=str(post.room),
        sender=post.sender.phone,
        text=reading.text,
        kind=reading.kind,
    )
    mark(line, "sent", network.clock())
    return line_key("inbound", reader.phone, device.id, str(post.room), post.id)


def _show(network: Network, phone: Account, post: _Post) -> None:
    reading = read(post.message, Scene(phone, post.sender, post.sender))
    if reading.kind in _SILENT and not reading.text:
        return
    identity = f"{post.room}/{post.sender.phone}/{post.id}"
    duplicate = identity in phone.seen
    phone.seen.add(identity)
    phone.inbox.append(
        InboxMessage(
            number=phone.inbox.next_number,
            id=post.id,
            chat=str(post.room),
            sender=post.sender.phone,
            from_me=post.sender is phone,
            kind=reading.kind,
            text=reading.text,
            at=network.clock(),
            duplicate=duplicate,
        )
    )
    network.retention.shown(phone)
    network.changed(phone)
