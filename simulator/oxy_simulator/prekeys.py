"""Prekeys: what devices upload, and the bundles that others fetch to open a session with them.

Sources: whatsmeow `prekeys.go`; Baileys `src/Socket/socket.ts` (digestKeyBundle, rotateSignedPreKey).
"""

import hashlib
from typing import Final

from oxy_simulator import curve
from oxy_simulator.accounts import PHONE_DEVICE, Account, Device, PreKey, SignedPreKey
from oxy_simulator.connection import Connection
from oxy_simulator.curve import DJB_TYPE, KEY_SIZE
from oxy_simulator.errors import RefusedError
from oxy_simulator.jid import Jid
from oxy_simulator.network import Network
from oxy_simulator.node import Node, node
from oxy_simulator.signal import PreKeyBundle

_ID_SIZE: Final = 3  # bytes; whatsmeow `prekeys.go`, preKeyToNode


def count(_network: Network, connection: Connection, _iq: Node) -> list[Node]:
    """Answer how many one-time prekeys of the device are left."""
    _, device = connection.require_login()
    return [node("count", {"value": len(device.prekeys)})]


def digest(_network: Network, connection: Connection, _iq: Node) -> list[Node]:
    """Answer which keys of the device are kept, so that it can tell whether they are its own.

    Raise RefusedError if it has uploaded none yet. Source of the form and its hash: zapo
    `src/signal/api/SignalDigestSyncApi.ts` (github.com/vinikjkkj/zapo); Baileys only looks whether there is one.
    """
    _, device = connection.require_login()
    if not device.prekeys:
        raise RefusedError(404, "item-not-found")
    signed = device.signed_prekey
    hashed = b"".join([device.identity, signed.public, signed.signature, *(key.public for key in device.prekeys)])
    content = [
        _registration(device.registration_id),
        node("type", content=DJB_TYPE),
        node("identity", content=device.identity),
        prekey_node("skey", signed.id, signed.public, signed.signature),
        node("list", content=[node("id", content=key.id.to_bytes(_ID_SIZE, "big")) for key in device.prekeys]),
        node("hash", content=hashlib.sha1(hashed, usedforsecurity=False).digest()),
    ]
    return [node("digest", content=content)]


def rotate(network: Network, connection: Connection, iq: Node) -> None:
    """Take another signed prekey; raise RefusedError if the device's identity key has not signed it."""
    _, device = connection.require_login()
    device.signed_prekey = _read_signed_prekey(network, connection, device, iq.require("rotate").require("skey"))
    network.changed()


def upload(network: Network, connection: Connection, iq: Node) -> None:
    """Take one-time prekeys, and a signed one if there is any; raise RefusedError if they do not fit the device."""
    _, device = connection.require_login()
    identity, signed = iq.find("identity"), iq.find("skey")
    if identity is not None and identity.data != device.identity:
        _refuse(network, connection, "they name another identity key than the device's")
    fresh = [_read_prekey(network, connection, key) for key in iq.require("list").all("key")]
    if signed is not None:
        device.signed_prekey = _read_signed_prekey(network, connection, device, signed)
    replaced = {prekey.id for prekey in fresh}
    device.prekeys = [prekey for prekey in device.prekeys if prekey.id not in replaced] + fresh
    network.changed()


def fetch(network: Network, _connection: Connection, iq: Node) -> list[Node]:
    """Answer with a bundle for each device asked for, or an error for those that do not exist."""
    users = [_user_bundle(network, user.jid("jid")) for user in iq.require("key").all("user")]
    return [node("list", content=users)]


def phone_bundle_nodes(phone: Account) -> list[Node]:
    """Write a bundle of a phone: type, identity, signed and (while there are any) a one-time prekey."""
    bundle = phone.keys.issue_bundle(one_time=not phone.out_of_prekeys)
    return bundle_nodes(bundle, phone.keys.signed_prekey_signature)


def prekey_node(tag: str, key_id: int, public: bytes, signature: bytes | None = None) -> Node:
    """Write one prekey as a node; ids have three bytes."""
    children = [node("id", content=key_id.to_bytes(_ID_SIZE, "big")), node("value", content=public)]
    if signature is not None:
        children.append(node("signature", content=signature))
    return node(tag, content=children)


def bundle_nodes(bundle: PreKeyBundle, signature: bytes) -> list[Node]:
    """Write a bundle as nodes: type, identity, signed and one-time prekey."""
    nodes = [
        node("type", content=DJB_TYPE),
        node("identity", content=bundle.identity),
        prekey_node("skey", bundle.signed_prekey_id, bundle.signed_prekey, signature),
    ]
    if bundle.prekey_id is not None and bundle.prekey is not None:
        nodes.append(prekey_node("key", bundle.prekey_id, bundle.prekey))
    return nodes


def read_bundle(user: Node) -> PreKeyBundle:
    """Read the bundle of a fetched <user>; raise FrameError if something is missing."""
    signed, prekey = user.require("skey"), user.find("key")
    return PreKeyBundle(
        int.from_bytes(user.require("registration").data, "big"),
        user.require("identity").data,
        int.from_bytes(signed.require("id").data, "big"),
        signed.require("value").data,
        int.from_bytes(prekey.require("id").data, "big") if prekey else None,
        prekey.require("value").data if prekey else None,
    )


def _user_bundle(network: Network, jid: Jid) -> Node:
    account = network.find(jid)
    if account is None or (jid.device != PHONE_DEVICE and jid.device not in account.devices):
        return node("user", {"jid": jid}, [node("error", {"code": 404, "text": "item-not-found"})])
    if jid.device == PHONE_DEVICE:
        return node("user", {"jid": jid}, [_registration(account.keys.registration_id), *phone_bundle_nodes(account)])
    device = account.devices[jid.device]
    bundle = network.take_bundle(account, device)
    nodes = bundle_nodes(bundle, device.signed_prekey.signature)
    return node("user", {"jid": jid}, [_registration(device.registration_id), *nodes])


def _registration(registration_id: int) -> Node:
    return node("registration", content=registration_id.to_bytes(4, "big"))


def _read_prekey(network: Network, connection: Connection, key: Node) -> PreKey:
    key_id, public = key.require("id").data, key.require("value").data
    if len(key_id) != _ID_SIZE or len(public) != KEY_SIZE:
        _refuse(network, connection, f"one has {len(key_id)} bytes of id and {len(public)} of key")
    return PreKey(int.from_bytes(key_id, "big"), public)


def _read_signed_prekey(network: Network, connection: Connection, device: Device, key: Node) -> SignedPreKey:
    prekey, signature = _read_prekey(network, connection, key), key.require("signature").data
    if not curve.verify(device.identity, DJB_TYPE + prekey.public, signature):
        _refuse(network, connection, "the signed one is not signed by the device's identity key")
    return SignedPreKey(prekey.id, prekey.public, signature)


def _refuse(network: Network, connection: Connection, reason: str) -> None:
    network.violation(connection, "bad-prekeys", f"prekeys were uploaded, but {reason}")
    raise RefusedError(406, "not-acceptable")
