"""Notifications: what the server tells an account's linked devices without being asked.

They are kept until acknowledged, like messages. Source of the types: whatsmeow `notification.go`.
"""

from oxy_simulator.accounts import Account, Device
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node


def tell(  # noqa: PLR0913 - a notification's facts, all by name
    network: Network,
    account: Account,
    kind: str,
    content: list[Node],
    *,
    sender: Jid = SERVER_JID,
    attrs: Attrs | None = None,
    without: Device | None = None,
) -> None:
    """Notify an account's devices, all but `without`: the one that made the change itself."""
    for device in list(account.devices.values()):
        if device is not without:
            head: Attrs = {"from": sender, "type": kind, "id": network.next_stanza_id(), "t": int(network.clock())}
            network.post(account, device, node("notification", {**head, **(attrs or {})}, list(content)))


def tell_contacts(network: Network, account: Account, kind: str, content: list[Node]) -> None:
    """Notify everyone who exchanged messages with an account."""
    sender = account.lid if account.addressing == "lid" else account.pn
    for phone in sorted(account.contacts):
        if phone != account.phone:
            tell(network, network.account(phone), kind, content, sender=sender)


def tell_app_state(network: Network, account: Account, name: str, *, without: Device | None = None) -> None:
    """Let an account's devices fetch a collection of the app state that has changed."""
    version = account.app_state.collection(name).version
    tell(network, account, "server_sync", [node("collection", {"name": name, "version": version})], without=without)
