"""Messages of linked devices: taken, acknowledged, carried to every device that they name."""

from typing import NamedTuple

from oxy_simulator import peers
from oxy_simulator.accounts import PHONE_DEVICE, Account, Device
from oxy_simulator.arrivals import Arrival, receive
from oxy_simulator.connection import Connection
from oxy_simulator.devices import device_jids, participant_hash
from oxy_simulator.impairments import Carriage
from oxy_simulator.jid import GROUP_SERVER, LID_SERVER, Jid
from oxy_simulator.ledger import LifeLine, mark
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.privacytokens import check_token
from oxy_simulator.rooms import on_group_message


class _Outgoing(NamedTuple):
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
    if stanza.jid("to").server == GROUP_SERVER:
        on_group_message(network, connection, stanza)
        return
    to = stanza.jid("recipient" if "recipient" in stanza.attrs else "to")
    chat = network.find(to)
    if chat is None:
        network.violation(connection, "unknown-recipient", f"message {stanza.text('id')} to {to}")
        _acknowledge(network, connection, stanza, error=404)
        return
    check_token(network, connection, stanza, chat)
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

    def carry() -> None:
        _carry_all(network, outgoing())

    network.impairments.acknowledge(account.phone, chat.phone, lambda: _confirm_taken(network, outgoing()))
    network.impairments.deliver(
        Carriage(
            account.phone,
            chat.phone,
            "outbound",
            carry,
            lambda: _lose(network, outgoing()),
            lambda: carry,
        )
    )


def _acknowledge(
    network: Network, connection: Connection, stanza: Node, *, error: int | None = None, phash: str | None = None
) -> None:
    attrs: Attrs = {
        "class": "message",
        "id": stanza.text("id"),
        "from": stanza.jid("to"),
        "t": int(network.clock()),
        "error": error,
        "phash": phash,
    }
    connection.send(node("ack", attrs))


def _confirm_taken(network: Network, outgoing: _Outgoing) -> None:
    _acknowledge(network, outgoing.connection, outgoing.stanza, phash=_expected_hash(outgoing))
    mark(outgoing.line, "acked", network.clock())


def _expected_hash(outgoing: _Outgoing) -> str | None:
    """Return the hash of all devices concerned if the message does not name exactly these.

    Clients then ask for the device lists again. Source: whatsmeow `send.go`, SendMessage (phash).
    """
    participants = outgoing.stanza.find("participants")
    if participants is None:
        return None  # a message sent again to one device
    by_lid = outgoing.stanza.jid("to").server == LID_SERVER
    own = outgoing.account.device_lid if by_lid else outgoing.account.device_pn
    expected = {jid for account in (outgoing.chat, outgoing.account) for jid in device_jids(account, by_lid=by_lid)}
    named = {child.jid("jid") for child in participants.children} | {own(outgoing.device.id)}
    return participant_hash(expected) if named != expected else None


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
        request = receive(network, target, arrival)
        if request is not None:
            peers.serve(network, target, outgoing.device, message_id, request)
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
