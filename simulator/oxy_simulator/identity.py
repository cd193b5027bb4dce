"""Identity changes: a person installs WhatsApp again, on a new phone or after wiping the old one.

The number and LID stay; every key is new, linked devices are gone, old sessions cannot be read.
Source: whatsmeow `notification.go` (handleEncryptNotification: <identity/>).
"""

import structlog

from oxy_simulator import linking
from oxy_simulator.accounts import Account
from oxy_simulator.appstate import AppState
from oxy_simulator.network import Network
from oxy_simulator.node import node
from oxy_simulator.notices import tell_contacts
from oxy_simulator.signal import PhoneKeys

log = structlog.get_logger(__name__)


def reinstall(network: Network, account: Account, *, announce: bool = True) -> None:
    """Give an account a new identity and tell its contacts, unless they are to find out by themselves."""
    for device_id in list(account.devices):
        linking.unlink(network, account, device_id)
    account.keys = PhoneKeys.generate()
    account.app_state = AppState()
    account.sessions.clear()
    account.sent.clear()
    account.sender_keys.clear()
    account.received_keys.clear()
    if announce:
        tell_contacts(network, account, "encrypt", [node("identity")])
    network.save_now()
    network.changed(account)
    log.info("identity_changed")
