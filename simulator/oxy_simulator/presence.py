"""Presence and typing: who is online, who watches whom, who writes.

A device sees others' presence once it has said that it is available and subscribed to them; it sees
typing while it is available. Source: whatsmeow `presence.go`, SendPresence and SubscribePresence.
"""

from typing import Final, Literal

from oxy_simulator.accounts import Account
from oxy_simulator.connection import Connection
from oxy_simulator.errors import ProtocolError
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.profiles import is_hidden, privacy_of

Typing = Literal["composing", "recording", "paused"]

_STATES: Final = frozenset({"available", "unavailable"})


def on_presence(network: Network, connection: Connection, stanza: Node) -> None:
    """Take the device's availability, or its wish to see someone else's."""
    if connection.device is None and "type" not in stanza.attrs:
        return  # a push name while it waits for its link. Source: Baileys `src/Socket/socket.ts`, creds.update
    account, _ = connection.require_login()
    kind = stanza.text("type", "available")
    if kind in {"subscribe", "unsubscribe"}:
        _watch(network, connection, stanza, watch=kind == "subscribe")
        return
    if kind not in _STATES:
        msg = f"presence has the unknown type {kind!r}"
        raise ProtocolError(msg)
    connection.available = kind == "available"
    account.chat_states["presence"] = kind
    _tell_watchers(network, account)
    network.changed()


def on_chatstate(network: Network, connection: Connection, stanza: Node) -> None:
    """Show a contact that the account is typing (or paused), on the phone and its other devices."""
    account, _ = connection.require_login()
    contact = network.find(stanza.jid("to"))
    if contact is None:
        network.violation(connection, "unknown-recipient", f"chatstate to {stanza.attrs['to']}")
        return
    state = stanza.children[0] if stanza.children else node("paused")
    if state.tag not in {"composing", "paused"}:
        msg = f"chatstate has the unknown state {state.tag!r}"
        raise ProtocolError(msg)
    show_typing(network, account, contact, state)


def type_in_chat(network: Network, account: Account, contact: Account, state: Typing) -> None:
    """Let a phone type, record a voice note or pause in a chat."""
    states = {
        "composing": node("composing"),
        "recording": node("composing", {"media": "audio"}),
        "paused": node("paused"),
    }
    show_typing(network, account, contact, states[state])


def show_typing(network: Network, account: Account, contact: Account, state: Node) -> None:
    """Show a contact what an account does in their chat."""
    contact.chat_states[account.phone] = "recording" if state.attrs.get("media") == "audio" else state.tag
    sender = account.lid if account.addressing == "lid" else account.pn
    for peer in network.connections_of(contact):
        if peer.active and peer.available and account.phone not in contact.profile.blocked:
            peer.send(node("chatstate", {"from": sender}, [state]))
    network.changed()


def set_presence(network: Network, account: Account, *, available: bool) -> None:
    """Open or close the app on the phone: who watches is told, with the time of leaving."""
    account.available = available
    account.last_seen = int(network.clock())
    _tell_watchers(network, account)
    network.changed()


def _watch(network: Network, connection: Connection, stanza: Node, *, watch: bool) -> None:
    viewer, _ = connection.require_login()
    target = network.find(stanza.jid("to"))
    if target is None:
        network.violation(connection, "unknown-recipient", f"presence of {stanza.attrs['to']}")
        return
    if not watch:
        connection.watching.discard(target.phone)
        return
    connection.watching.add(target.phone)
    if connection.available:
        connection.send(_presence(network, target, viewer))


def _tell_watchers(network: Network, account: Account) -> None:
    for connection in list(network.connections.values()):
        if account.phone in connection.watching and connection.available:
            viewer, _ = connection.require_login()
            connection.send(_presence(network, account, viewer))


def _presence(network: Network, target: Account, viewer: Account) -> Node:
    sender = target.lid if target.addressing == "lid" else target.pn
    online = target.available or any(connection.available for connection in network.connections_of(target))
    seen_hidden = is_hidden(target, "last", viewer)
    hidden = viewer.phone in target.profile.blocked or (
        seen_hidden and privacy_of(target, "online") == "match_last_seen"
    )
    if online and not hidden:
        return node("presence", {"from": sender, "type": "available"})
    last = "deny" if seen_hidden or not target.last_seen else str(target.last_seen)
    attrs: Attrs = {"from": sender, "type": "unavailable", "last": last}
    return node("presence", attrs)
