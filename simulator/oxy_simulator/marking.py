"""Phones that mark messages as read or played, several by one receipt.

Source: whatsmeow `receipt.go` (parseReceipt: the first id, the others in a list).
"""

from collections.abc import Sequence
from typing import Literal

from oxy_simulator.accounts import Account
from oxy_simulator.errors import RequestError
from oxy_simulator.ledger import line_key, mark
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, node
from oxy_simulator.profiles import privacy_of

Marking = Literal["read", "played"]


def mark_messages(
    network: Network, phone: Account, contact: Account, kind: Marking, ids: Sequence[str] | None = None
) -> list[str]:
    """Mark messages that a contact sent, all without `ids`, by one receipt; return their ids.

    Raise RequestError if the phone has no such message. Nothing is sent if the phone keeps reading private.
    """
    there = [entry.id for entry in phone.inbox if entry.chat == contact.phone and not entry.from_me]
    unknown = [message_id for message_id in ids or () if message_id not in there]
    if not there:
        msg = f"{phone.phone} has no message from {contact.phone} that it could mark; let {contact.phone} write first"
        raise RequestError(msg)
    if unknown:
        msg = f"{phone.phone} has no message {', '.join(unknown)} from {contact.phone}; take ids from its inbox"
        raise RequestError(msg)
    marked = list(dict.fromkeys(ids or there))
    if kind == "read" and privacy_of(phone, "readreceipts") == "none":
        return marked
    by_lid = phone.addressing == "lid"
    attrs: Attrs = {
        "from": phone.lid if by_lid else phone.pn,
        "id": marked[0],
        "type": kind,
        "t": int(network.clock()),
    }
    others = [node("item", {"id": message_id}) for message_id in marked[1:]]
    for device in list(contact.devices.values()):
        network.post(contact, device, node("receipt", attrs, [node("list", content=list(others))] if others else None))
        for message_id in marked:
            key = line_key("outbound", contact.phone, device.id, phone.phone, message_id)
            mark(network.state.ledger.find(key), kind, network.clock())
    network.changed()
    return marked
