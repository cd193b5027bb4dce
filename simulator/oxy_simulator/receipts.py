"""Receipts and acknowledgements of linked devices: delivered, read, played, asked for again.

Source: whatsmeow `receipt.go`, `retry.go` and `types/presence.go` (ReceiptType).
"""

from typing import Final

from oxy_simulator.accounts import PHONE_DEVICE, Account, Device, MailItem, mail_key
from oxy_simulator.connection import Connection
from oxy_simulator.jid import GROUP_SERVER, STATUS_JID, Jid
from oxy_simulator.ledger import line_key, mark, unmark
from oxy_simulator.mediaretry import on_media_retry
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.profiles import privacy_of
from oxy_simulator.sending import resend

# How many retry receipts a client sends for a message. Source: whatsmeow `retry.go`, sendRetryReceipt.
_RETRY_RECEIPTS: Final = 4
# Types that tell the server that the device has the message.
_DELIVERED: Final = {"", "inactive", "sender", "peer_msg", "hist_sync"}
# What the account's other devices are told when one of them reads or plays.
_TOLD_TO_OWN: Final = {
    "read": "read-self",
    "read-self": "read-self",
    "played": "played-self",
    "played-self": "played-self",
}
_KNOWN: Final = _DELIVERED | set(_TOLD_TO_OWN) | {"retry", "server-error", "view"}


def on_receipt(network: Network, connection: Connection, stanza: Node) -> None:
    """Take a receipt: it acknowledges mail, reports reading, or asks for a message again."""
    account, device = connection.require_login()
    kind = stanza.text("type", "")
    attrs: Attrs = {"class": "receipt", "id": stanza.text("id"), "from": stanza.attrs.get("to"), "type": kind or None}
    connection.send(node("ack", attrs))
    if kind not in _KNOWN:
        network.violation(connection, "unknown-receipt", str(stanza))
        return
    if kind == "retry":
        _on_retry(network, connection, stanza)
        return
    if kind == "server-error":
        on_media_retry(network, connection, stanza)
        return
    peer = network.find(_author(stanza))
    for message_id in _listed_ids(stanza):
        if kind in _DELIVERED:
            _settle(network, connection, stanza, message_id)
        elif kind in _TOLD_TO_OWN and peer is not None:
            key = line_key("inbound", account.phone, device.id, _chat_name(network, stanza), message_id)
            mark(network.state.ledger.find(key), "played" if kind.startswith("played") else "read", network.clock())
    if kind in _TOLD_TO_OWN:
        _tell_own_devices(network, account, device, stanza, _TOLD_TO_OWN[kind])
    if peer is not None and peer is not account:
        _forward(network, account, device, stanza, peer)
    network.changed()


def on_ack(network: Network, connection: Connection, stanza: Node) -> None:
    """Take an acknowledgement; with an error code it is a refusal, and the mail is not repeated."""
    device = connection.device
    if device is None:
        return  # a client that is being linked acknowledges the linking notifications
    key = mail_key(Node(stanza.text("class"), stanza.attrs), "to")
    if key in connection.ignored_acks:
        connection.ignored_acks.discard(key)
        return
    item = network.take_mail(connection, key)
    line = network.state.ledger.find(item.line) if item else None
    error = stanza.text("error", "")
    if line is not None and error:
        line.error = error
    mark(line, "rejected" if error else "acked", network.clock())
    if item is not None and _is_last_try(item):
        mark(line, "abandoned", network.clock())
    network.changed()


def _is_last_try(item: MailItem) -> bool:
    """Whether clients ask no more after this: they just acknowledge it, unless a receipt says that they could read."""
    enc = item.stanza.find("enc")
    return enc is not None and enc.number("count", 0) >= _RETRY_RECEIPTS


def _author(stanza: Node) -> Jid:
    """Return who wrote what a receipt is about: the participant in groups, else the chat."""
    return stanza.jid("participant" if "participant" in stanza.attrs else "to")


def _chat_name(network: Network, stanza: Node) -> str:
    to = stanza.jid("recipient" if "recipient" in stanza.attrs else "to")
    if to.server == GROUP_SERVER or to == STATUS_JID:
        return str(to)
    chat = network.find(to)
    return chat.phone if chat else ""


def _listed_ids(stanza: Node) -> list[str]:
    listing = stanza.find("list")
    return [stanza.text("id"), *(item.text("id") for item in listing.all("item"))] if listing else [stanza.text("id")]


def _settle(network: Network, connection: Connection, stanza: Node, message_id: str) -> None:
    account, device = connection.require_login()
    item = network.take_mail(connection, mail_key(Node("message", {**stanza.attrs, "id": message_id}), "to"))
    line = network.state.ledger.find(item.line) if item else None
    if line is None:
        key = line_key("inbound", account.phone, device.id, _chat_name(network, stanza), message_id)
        line = network.state.ledger.find(key)
    mark(line, "receipted", network.clock())
    unmark(line, "abandoned")


def _on_retry(network: Network, connection: Connection, stanza: Node) -> None:
    account, device = connection.require_login()
    key = mail_key(Node("message", stanza.attrs), "to")
    if network.take_mail(connection, key) is not None:
        # The device also acknowledges the stanza that it could not read; that acknowledgement
        # must not settle the new one.
        connection.ignored_acks.add(key)
    author = _author(stanza)
    sender = network.find(author)
    if sender is None:
        network.violation(connection, "retry-recipient", f"retry receipt to {stanza.attrs['to']}")
    elif author.device == PHONE_DEVICE:
        resend(network, sender, account, device, stanza)
    elif author.device in sender.devices:
        _forward_retry(network, account, device, stanza, sender)
    network.changed()


def _forward_retry(network: Network, account: Account, device: Device, stanza: Node, sender: Account) -> None:
    """Pass a retry receipt to the linked device that wrote the message."""
    attrs: Attrs = {
        "from": _own_address(account, device, _author(stanza)),
        "id": stanza.text("id"),
        "type": "retry",
        "t": int(network.clock()),
        "recipient": stanza.attrs.get("recipient"),
    }
    writer = sender.devices[_author(stanza).device]
    network.post(sender, writer, node("receipt", attrs, stanza.content))


def _own_address(account: Account, device: Device, as_seen_by: Jid) -> Jid:
    by_lid = as_seen_by.server == account.lid.server
    return account.device_lid(device.id) if by_lid else account.device_pn(device.id)


def _tell_own_devices(network: Network, account: Account, device: Device, stanza: Node, kind: str) -> None:
    to = stanza.jid("to")
    attrs: Attrs = {
        "from": account.device_lid(device.id),
        "recipient": to,
        "participant": stanza.attrs.get("participant"),
        "id": stanza.text("id"),
        "t": int(network.clock()),
        "type": kind,
    }
    for other in list(account.devices.values()):
        if other is not device and network.find(to) is not account:
            network.post(account, other, node("receipt", attrs, stanza.content))


def _forward(network: Network, account: Account, device: Device, stanza: Node, peer: Account) -> None:
    """Pass a receipt to who wrote the message; reading stays private if the account wants it so."""
    kind = stanza.text("type", "")
    if kind.endswith("-self") or (kind == "read" and privacy_of(account, "readreceipts") == "none"):
        return
    attrs: Attrs = {
        "from": _own_address(account, device, stanza.jid("to")),
        "id": stanza.text("id"),
        "t": int(network.clock()),
        "type": stanza.attrs.get("type"),
    }
    for companion in list(peer.devices.values()):
        network.post(peer, companion, node("receipt", attrs, stanza.content))
