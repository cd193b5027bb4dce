"""Privacy tokens: what an account gives to those whom it trusts, and what they show with their messages.

Source: whatsmeow `tctoken.go` (issuePrivacyToken), `notification.go` (handlePrivacyTokenNotification), `send.go`
(the `tctoken` of a message); Baileys `src/Utils/tc-token-utils.ts` (the address in a notification is the receiver's).
"""

import hashlib

from oxy_simulator.accounts import Account
from oxy_simulator.connection import Connection
from oxy_simulator.errors import RefusedError
from oxy_simulator.network import Network
from oxy_simulator.node import Node, node
from oxy_simulator.notices import tell

KIND = "trusted_contact"


def token_of(giver: Account, receiver: Account) -> bytes:
    """Return the token that one account gives another."""
    return hashlib.sha256(f"{KIND}/{giver.lid}/{receiver.lid}".encode()).digest()


def give_token(network: Network, giver: Account, receiver: Account) -> None:
    """Let an account trust another: its devices get the token, and show it from then on."""
    content = node("token", {"jid": receiver.lid, "t": int(network.clock()), "type": KIND}, token_of(giver, receiver))
    sender = giver.pn if giver.addressing == "pn" else giver.lid
    tokens = node("tokens", content=[content])
    tell(network, receiver, "privacy_token", [tokens], sender=sender, attrs={"sender_lid": giver.lid})


def take_tokens(network: Network, connection: Connection, iq: Node) -> None:
    """Take the trust that a device gives a contact, for its account; raise RefusedError if it is for nobody."""
    account, _ = connection.require_login()
    for token in iq.require("tokens").all("token"):
        contact = network.find(token.jid("jid"))
        if token.text("type") != KIND or contact is None:
            network.violation(connection, "privacy-token", str(token))
            raise RefusedError(400, "bad-request")
        if contact is not account:
            give_token(network, account, contact)


def check_token(network: Network, connection: Connection, message: Node, chat: Account) -> None:
    """Record a message that shows a token which its recipient never gave to the sender."""
    account, _ = connection.require_login()
    shown = message.find("tctoken")
    if shown is not None and shown.data != token_of(chat, account):
        detail = f"message {message.text('id')} shows a token that {chat.phone} did not give"
        network.violation(connection, "privacy-token", detail)
