"""Device lists: their hashes, and what others are told when they change.

Sources: whatsmeow `send.go` (participantListHashV2), `types/jid.go` (ADString), `notification.go`
(handleDeviceNotification, handleOwnDevicesNotification).
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Final, Literal

from oxy_simulator.accounts import PHONE_DEVICE, Account
from oxy_simulator.jid import Jid
from oxy_simulator.network import Network
from oxy_simulator.node import node
from oxy_simulator.notices import tell

_HASH_BYTES: Final = 6


def participant_hash(jids: Iterable[Jid]) -> str:
    """Return the hash by which client and server compare whom a message went to."""
    names = sorted(f"{jid.user}.{jid.agent}:{jid.device}@{jid.server}" for jid in jids)
    digest = hashlib.sha256("".join(names).encode()).digest()[:_HASH_BYTES]
    return "2:" + base64.b64encode(digest).decode().rstrip("=")


def device_jids(account: Account, *, by_lid: bool) -> list[Jid]:
    """Return the addresses of an account's phone and devices."""
    address = account.device_lid if by_lid else account.device_pn
    return [address(device) for device in (PHONE_DEVICE, *sorted(account.devices))]


def device_hash(account: Account, *, by_lid: bool) -> str:
    """Return the hash of an account's device list."""
    return participant_hash(device_jids(account, by_lid=by_lid))


def announce_change(network: Network, account: Account, device: int, change: Literal["add", "remove"]) -> None:
    """Tell contacts, and the account's other devices, that a device came or went."""
    _tell_contacts(network, account, device, change)
    listing = [node("device", {"jid": jid}) for jid in device_jids(account, by_lid=False)]
    devices = node("devices", {"dhash": device_hash(account, by_lid=False)}, list(listing))
    added = account.devices.get(device)
    tell(network, account, "account_sync", [devices], sender=account.pn, without=added)


def _tell_contacts(network: Network, account: Account, device: int, change: str) -> None:
    """Name the changed device by LID, as the lists that clients keep since the migration to LIDs."""
    attrs = {"device_hash": device_hash(account, by_lid=True)}
    changed = node("device", {"jid": account.device_lid(device), "key-index": device})
    for phone in sorted(account.contacts - {account.phone}):
        contact = network.account(phone)
        tell(network, contact, "devices", [node(change, attrs, [changed])], sender=account.lid)
