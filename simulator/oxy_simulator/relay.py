"""What linked devices send: messages, receipts, acknowledgements, presence and typing."""

from dataclasses import dataclass
from typing import Final

from oxy_simulator.accounts import PHONE_DEVICE, Account, Device, mail_key
from oxy_simulator.connection import Connection
from oxy_simulator.impairments import Carriage
from oxy_simulator.jid import Jid
from oxy_simulator.ledger import LifeLine, line_key, mark
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.phones import Arrival, receive, resend

# Receipt types that tell the server that the device has the message. Source: whatsmeow receipt.go.
_DELIVERED: Final = {"", "inactive", "sender", "peer_msg", "hist_sync"}
_READ: Final = {"read", "read-self", "played"}


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A message that a linked device sends: who sends, to which chat, and its life line."""

    connection: Connection
    account: Account
    device: Device
    chat: Account
    stanza: Node
    line: LifeLine | None


def on_message(network: Network, connection: Connection, stanza: Node) -> None:
    """Take a message from a linked device, acknowledge it and carry it to every device named in it."""
    account, device = connection.require_login()
    to = stanza.jid("to")
    chat = network.find(to)
    if chat is None:
        network.violation(connection, "unknown-recipient", f"message {stanza.text('id')} to {to}")
        _acknowledge(network, connection, stanza, error=404)
        return
    line = _open_line(network, account, device, chat, stanza)
    if _refuse(network, connection, stanza, chat, line):
        return

    def outgoing() -> _Outgoing:
        # Faults may run the rest much later, when accounts and lines must be looked up afresh.
        sender, contact = network.account(account.phone), network.account(chat.phone)
        return _Outgoing(
            connection, sender, device, contact, stanza, _open_line(network, sender, device, contact, stanza)
        )

    if line is None:  # what a device says to its own phone is no message: faults leave it alone
        _acknowledge(network, connection, stanza)
        _carry_all(network, outgoing())
        return
    network.impairments.acknowledge(account.phone, chat.phone, lambda: _confirm_taken(network, outgoing()))
    network.impairments.deliver(
        Carriage(
            account.phone,
            chat.phone,
            "outbound",
            lambda: _carry_all(network, outgoing()),
            lambda: _lose(network, outgoing()),
        )
    )


def on_receipt(network: Network, connection: Connection, stanza: Node) -> None:
    """Take a receipt: it acknowledges mail, reports reading, or asks for a message again."""
    account, device = connection.require_login()
    kind = stanza.text("type", "")
    attrs: Attrs = {"class": "receipt", "id": stanza.text("id"), "from": stanza.attrs.get("to"), "type": kind or None}
    connection.send(node("ack", attrs))
    if kind == "retry":
        _on_retry(network, connection, stanza)
        return
    ids = [stanza.text("id"), *(item.text("id") for item in _listed(stanza))]
    peer = network.find(stanza.jid("to"))
    for message_id in ids:
        if kind in _DELIVERED:
            _settle_receipt(network, account, device, stanza, message_id)
        elif kind in _READ and peer is not None:
            key = line_key("inbound", account.phone, device.id, peer.phone, message_id)
            mark(network.state.ledger.find(key), "read", network.clock())
    if peer is not None and peer is not account:
        _forward_receipt(network, connection, stanza, peer)
    network.changed()


def on_ack(network: Network, connection: Connection, stanza: Node) -> None:
    """Take an acknowledgement; with an error code it is a refusal, and the mail is not repeated."""
    device = connection.device
    if device is None:
        return  # a client that is being linked acknowledges the linking notifications
    copy = Node(stanza.text("class"), stanza.attrs)
    key = mail_key(copy, "to")
    if key in connection.ignored_acks:
        connection.ignored_acks.discard(key)
        return
    item = device.mailbox.pop(key, None)
    line = network.state.ledger.find(item.line) if item else None
    error = stanza.text("error", "")
    if line is not None and error:
        line.error = error
    mark(line, "rejected" if error else "acked", network.clock())
    network.changed()


def on_presence(network: Network, connection: Connection, stanza: Node) -> None:
    """Take the device's availability, or its wish to see someone else's (which is hidden)."""
    account, _ = connection.require_login()
    if stanza.text("type", "available") == "subscribe":
        target = stanza.jid("to")
        connection.send(node("presence", {"from": target, "type": "unavailable", "last": "deny"}))
        return
    account.chat_states["presence"] = stanza.text("type", "available")
    network.changed()


def on_chatstate(network: Network, connection: Connection, stanza: Node) -> None:
    """Show a contact that the account is typing (or paused), on the phone and its other devices."""
    account, _ = connection.require_login()
    contact = network.find(stanza.jid("to"))
    if contact is None:
        network.violation(connection, "unknown-recipient", f"chatstate to {stanza.attrs['to']}")
        return
    contact.chat_states[account.phone] = stanza.children[0].tag if stanza.children else "paused"
    for peer in network.connections_of(contact):
        if peer.active:
            peer.send(node("chatstate", {"from": account.lid}, stanza.content))
    network.changed()


def _acknowledge(network: Network, connection: Connection, stanza: Node, error: int | None = None) -> None:
    attrs: Attrs = {
        "class": "message",
        "id": stanza.text("id"),
        "from": stanza.jid("to"),
        "t": int(network.clock()),
        "error": error,
    }
    connection.send(node("ack", attrs))


def _confirm_taken(network: Network, outgoing: _Outgoing) -> None:
    _acknowledge(network, outgoing.connection, outgoing.stanza)
    mark(outgoing.line, "acked", network.clock())


def _carry_all(network: Network, outgoing: _Outgoing) -> None:
    for jid, enc in _ciphertexts(outgoing.stanza):
        _carry(network, outgoing, jid, enc)
    network.changed(outgoing.account)


def _lose(network: Network, outgoing: _Outgoing) -> None:
    mark(outgoing.line, "dropped", network.clock(), latest=True)
    network.changed()


def _refuse(network: Network, connection: Connection, stanza: Node, chat: Account, line: LifeLine | None) -> bool:
    """Refuse a message with an error if a fault wants it so; say whether it did."""
    account, _ = connection.require_login()
    if line is None:
        return False
    code = network.impairments.refusal(account.phone, chat.phone, stranger=lambda: not _has_written(chat, account))
    if code is None:
        return False
    _acknowledge(network, connection, stanza, error=code)
    line.error = str(code)
    mark(line, "refused", network.clock(), latest=True)
    network.changed()
    return True


def _has_written(contact: Account, account: Account) -> bool:
    return contact is account or any(entry.sender == contact.phone for entry in account.inbox)


def _open_line(network: Network, account: Account, device: Device, chat: Account, stanza: Node) -> LifeLine | None:
    if stanza.text("category", "") == "peer":
        return None
    line = network.state.ledger.open(
        message_id=stanza.text("id"),
        direction="outbound",
        account=account.phone,
        device=device.id,
        chat=chat.phone,
        sender=account.phone,
        text=None,
    )
    mark(line, "received", network.clock())
    return line


def _ciphertexts(stanza: Node) -> list[tuple[Jid, Node]]:
    """Return each device and its ciphertext; a device named twice (self chats do that) counts once."""
    participants = stanza.find("participants")
    named = participants.children if participants else []
    found = {child.jid("jid"): child.require("enc") for child in reversed(named)}
    direct = stanza.find("enc")
    if direct is not None:
        found[stanza.jid("to")] = direct
    return list(reversed(found.items()))


def _carry(network: Network, outgoing: _Outgoing, jid: Jid, enc: Node) -> None:
    target = network.find(jid)
    message_id = outgoing.stanza.text("id")
    if target is None:
        network.violation(outgoing.connection, "unknown-recipient", f"message {message_id} to device {jid}")
    elif outgoing.account.phone in target.profile.blocked:
        mark(outgoing.line, "blocked", network.clock())
    elif jid.device == PHONE_DEVICE:
        if target is not outgoing.account:
            mark(outgoing.line, "delivered", network.clock())
        arrival = Arrival(
            message_id, outgoing.account, outgoing.device, outgoing.chat, enc, outgoing.line, outgoing.stanza
        )
        receive(network, target, arrival)
    elif jid.device in target.devices:
        copy = _for_companion(network, outgoing, enc, target)
        network.post(target, target.devices[jid.device], copy)


def _for_companion(network: Network, outgoing: _Outgoing, enc: Node, target: Account) -> Node:
    account, chat, stanza = outgoing.account, outgoing.chat, outgoing.stanza
    own = target is account
    identity = stanza.find("device-identity")
    attrs: Attrs = {
        "from": account.device_lid(outgoing.device.id),
        "sender_pn": None if own else account.pn,
        "recipient": chat.lid if own else None,
        "peer_recipient_pn": chat.pn if own else None,
        "id": stanza.text("id"),
        "type": stanza.text("type"),
        "t": int(network.clock()),
        "notify": account.name,
        "edit": stanza.attrs.get("edit"),
    }
    with_identity = [identity] if identity is not None and enc.text("type") == "pkmsg" else []
    notes = [found] if (found := stanza.find("meta")) is not None else []
    return node("message", attrs, [enc, *with_identity, *notes])


def _listed(stanza: Node) -> list[Node]:
    listing = stanza.find("list")
    return list(listing.all("item")) if listing else []


def _settle_receipt(network: Network, account: Account, device: Device, stanza: Node, message_id: str) -> None:
    named = Node("message", {**stanza.attrs, "id": message_id})
    item = device.mailbox.pop(mail_key(named, "to"), None)
    line = network.state.ledger.find(item.line) if item else None
    if line is None:
        chat = network.find(stanza.jid("recipient" if "recipient" in stanza.attrs else "to"))
        key = line_key("inbound", account.phone, device.id, chat.phone if chat else "", message_id)
        line = network.state.ledger.find(key)
    mark(line, "receipted", network.clock())


def _on_retry(network: Network, connection: Connection, stanza: Node) -> None:
    account, device = connection.require_login()
    key = mail_key(Node("message", stanza.attrs), "to")
    if device.mailbox.pop(key, None) is not None:
        # The device also acknowledges the stanza that it could not read; that acknowledgement
        # must not settle the new one.
        connection.ignored_acks.add(key)
    phone = network.find(stanza.jid("to"))
    if phone is None or stanza.jid("to").device != PHONE_DEVICE:
        network.violation(connection, "retry-recipient", f"retry receipt to {stanza.attrs['to']}")
        return
    resend(network, phone, account, device, stanza)
    network.changed()


def _forward_receipt(network: Network, connection: Connection, stanza: Node, peer: Account) -> None:
    account, device = connection.require_login()
    by_lid = stanza.jid("to").server == peer.lid.server
    attrs: Attrs = {
        "from": account.device_lid(device.id) if by_lid else account.device_pn(device.id),
        "id": stanza.text("id"),
        "t": int(network.clock()),
        "type": stanza.attrs.get("type"),
    }
    for companion in list(peer.devices.values()):
        network.post(peer, companion, node("receipt", attrs, stanza.content))
