"""Linking and unlinking companion devices, by QR code or by phone code."""

import base64
import os
from typing import Final

import structlog

from oxy_simulator.accounts import Account, Device, SignedPreKey
from oxy_simulator.connection import Candidate, Connection
from oxy_simulator.curve import KeyPair
from oxy_simulator.devices import announce_change
from oxy_simulator.errors import PairingError, RefusedError
from oxy_simulator.impairments import RATE_OVERLIMIT
from oxy_simulator.jid import SERVER_JID
from oxy_simulator.logins import describe_device
from oxy_simulator.network import LinkAttempt, Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.pairing import (
    DISPLAY_PATTERN,
    check_device_signature,
    check_registration,
    issue_identity,
    open_key_bundle,
    parse_code,
    parse_qr,
    unwrap_with_code,
    wrap_with_code,
)

LINKED: Final = "linked"

# How many QR codes the server offers on one connection, and how the time is shared between them:
# the first is shown for 60 s, the others for 20 s each. Source: whatsmeow `qrchan.go`, emitQRs.
_REFS: Final = 6
_FIRST_REF_SECONDS: Final = 60.0
_NEXT_REF_SECONDS: Final = 20.0
_ALL_REFS_SECONDS: Final = _FIRST_REF_SECONDS + (_REFS - 1) * _NEXT_REF_SECONDS
_REF_BYTES: Final = 24  # the simulator's own: clients take a ref as it is
_WRAPPED_KEY_SIZE: Final = 80  # salt, IV, key; whatsmeow `pair-code.go`, generateCompanionEphemeralKey

log = structlog.get_logger(__name__)


def offer_refs(network: Network, connection: Connection) -> None:
    """Offer QR codes to a client that is not linked yet."""
    check_registration(connection.payload.device_pairing_data)
    refs = ["2@" + base64.b64encode(os.urandom(_REF_BYTES)).decode() for _ in range(_REFS)]
    now, scale = network.clock(), network.pairing_seconds / _ALL_REFS_SECONDS
    for index, ref in enumerate(refs):
        expires_at = now + scale * (_FIRST_REF_SECONDS + index * _NEXT_REF_SECONDS)
        network.refs[ref] = (connection, expires_at)
    connection.refs = refs
    children = [node("ref", content=ref.encode()) for ref in refs]
    attrs: Attrs = {"from": SERVER_JID, "type": "set", "id": connection.next_id(), "xmlns": "md"}
    connection.send(node("iq", attrs, [node("pair-device", content=children)]))


def withdraw(network: Network, connection: Connection) -> None:
    """Forget the codes of a connection that ended."""
    for ref in connection.refs:
        network.refs.pop(ref, None)
    for phone, attempt in list(network.links.items()):
        if attempt.connection is connection:
            attempt.outcome = attempt.outcome or "the client disconnected before the device was linked"
            del network.links[phone]


def scan_qr(network: Network, account: Account, text: str) -> Connection:
    """Let a phone scan a QR code; the device is linked once the client has counter-signed."""
    code = parse_qr(text)
    connection, expires_at = network.refs.get(code.ref, (None, 0.0))
    if connection is None or network.clock() >= expires_at:
        msg = "the QR code is expired or unknown; show the client's current one"
        if connection is not None and network.clock() >= network.refs[connection.refs[-1]][1]:
            msg = "the QR code is expired and the client's codes ran out; let the client connect again"
        raise PairingError(msg)
    if code.noise_key != connection.client_key:
        msg = "the QR code names another connection key than the client's; take the whole text of the code"
        raise PairingError(msg)
    _offer_account(network, connection, account, code.adv_secret)
    return connection


def enter_code(network: Network, account: Account, text: str) -> LinkAttempt:
    """Let a person type a linking code on the phone; the attempt's outcome comes later."""
    code = parse_code(text)
    attempt = network.links.get(account.phone)
    if attempt is None or network.clock() >= attempt.expires_at:
        msg = f"no client waits for a code for {account.phone}; ask the client for a new code"
        raise PairingError(msg)
    attempt.outcome = ""
    ephemeral = KeyPair.generate()
    attempt.shared_secret = ephemeral.agree(unwrap_with_code(code, attempt.wrapped_key))
    content = [
        node("link_code_pairing_ref", content=attempt.ref.encode()),
        node("link_code_pairing_wrapped_primary_ephemeral_pub", content=wrap_with_code(code, ephemeral.public)),
        node("primary_identity_pub", content=account.keys.identity.public),
    ]
    hello = node("link_code_companion_reg", {"stage": "primary_hello"}, content)
    attrs: Attrs = {
        "from": SERVER_JID,
        "type": "link_code_companion_reg",
        "id": network.next_stanza_id(),
        "t": int(network.clock()),
    }
    attempt.connection.send(node("notification", attrs, [hello]))
    return attempt


def companion_hello(network: Network, connection: Connection, request: Node) -> list[Node]:
    """Answer a client that asks to be linked by phone code; raise RefusedError if malformed."""
    display = request.require("companion_platform_display").data.decode()
    if DISPLAY_PATTERN.fullmatch(display) is None:
        network.violation(connection, "link-display", f"{display!r} is not of the form 'Browser (OS)'")
        raise RefusedError(400, "bad-request")
    phone = request.jid("jid").user
    if not phone.isdecimal():
        network.violation(connection, "link-number", f"{phone!r} is no number of digits alone, with its country")
        raise RefusedError(400, "bad-request")
    if network.impairments.refuses_request(phone):
        raise RefusedError(RATE_OVERLIMIT, "rate-overlimit")
    wrapped = request.require("link_code_pairing_wrapped_companion_ephemeral_pub").data
    if len(wrapped) != _WRAPPED_KEY_SIZE:
        network.violation(connection, "link-key", f"the wrapped key has {len(wrapped)} bytes")
        raise RefusedError(400, "bad-request")
    ref = "3@" + base64.b64encode(os.urandom(_REF_BYTES)).decode()
    expires_at = network.clock() + network.pairing_seconds
    network.links[phone] = LinkAttempt(connection, ref, wrapped, expires_at)
    network.changed()
    content = [node("link_code_pairing_ref", content=ref.encode())]
    return [node("link_code_companion_reg", {"stage": "companion_hello"}, content)]


def companion_finish(network: Network, connection: Connection, request: Node) -> LinkAttempt:
    """Check the companion's proof that it showed the typed code; raise RefusedError if not."""
    phone = request.jid("jid").user
    attempt = network.links.get(phone)
    if attempt is None or attempt.connection is not connection or not attempt.shared_secret:
        network.violation(connection, "link-order", "companion_finish without primary_hello")
        raise RefusedError(400, "bad-request")
    account = network.account(phone)
    companion = request.require("companion_identity_public").data
    bundle = request.require("link_code_pairing_wrapped_key_bundle").data
    try:
        secret = open_key_bundle(attempt.shared_secret, account.keys.identity, companion, bundle)
    except PairingError as error:
        attempt.outcome = str(error)
        network.changed()
        raise RefusedError(400, "bad-request") from error
    attempt.shared_secret = secret
    return attempt


def finish_code_link(network: Network, attempt: LinkAttempt, phone: str) -> None:
    """Offer the account after the companion's request was answered."""
    try:
        _offer_account(network, attempt.connection, network.account(phone), attempt.shared_secret)
    except PairingError as error:
        attempt.outcome = str(error)
        network.changed()


def _offer_account(network: Network, connection: Connection, account: Account, adv_secret: bytes) -> None:
    data = connection.payload.device_pairing_data
    described = describe_device(data.device_props)
    now = int(network.clock())
    device = Device(
        id=account.next_device_id(),
        noise_key=connection.client_key,
        identity=data.identity,
        registration_id=int.from_bytes(data.registration_id, "big"),
        signed_prekey=SignedPreKey(
            int.from_bytes(data.signed_prekey_id, "big"), data.signed_prekey, data.signed_prekey_signature
        ),
        platform=described.os,
        described=described,
    )
    issued = issue_identity(account.keys.identity, device.identity, adv_secret, device.id, now)
    request_id = connection.next_id()
    connection.candidate = Candidate(account, device, issued.details, request_id)
    attrs: Attrs = {"from": SERVER_JID, "type": "set", "id": request_id, "t": now}
    jids = {"jid": account.device_pn(device.id), "lid": account.device_lid(device.id)}
    children = [
        node("device-identity", content=issued.container),
        node("platform", {"name": "android"}),
        node("device", jids),
    ]
    connection.send(node("iq", attrs, [node("pair-success", content=children)]))


def on_pair_reply(network: Network, connection: Connection, reply: Node) -> None:
    """Take the companion's counter-signature, link the device and ask the client to reconnect."""
    candidate = connection.candidate
    if candidate is None or reply.text("id") != candidate.request_id:
        return
    connection.candidate = None
    account, device = candidate.account, candidate.device
    if reply.text("type") == "error":
        error = reply.require("error")
        _end_attempts(network, account.phone, f"the client refused: {error.text('code')} {error.text('text', '')}")
        return
    signed = reply.require("pair-device-sign", "device-identity").data
    check_device_signature(signed, candidate.details, device.identity, account.keys.identity.public)
    account.devices[device.id] = device
    network.state.logins.record(
        connection.payload,
        at=network.clock(),
        kind="link",
        phone=account.phone,
        device=device.id,
        described=device.described,
    )
    network.changed(account)
    network.save_now()
    _end_attempts(network, account.phone, LINKED)
    announce_change(network, account, device.id, "add")
    log.info("device_linked", device=device.id, platform=device.platform)
    network.note(f"device {device.id} of +{account.phone} was linked")
    network.changed()
    connection.finish(node("stream:error", {"code": "515"}))


def unlink(network: Network, account: Account, device_id: int, by: str = "its phone") -> None:
    """Remove a device from the phone's list, on the phone or on another device; its client is told so."""
    device = account.devices.get(device_id)
    if device is None:
        linked = ", ".join(map(str, account.devices)) or "none"
        msg = f"{account.phone} has no linked device {device_id}; linked: {linked}"
        raise PairingError(msg)
    connection = network.connection_of(account, device)
    network.note(f"device {device_id} of +{account.phone} was removed by {by}")
    forget_device(network, account, device_id)
    if connection is not None:
        removed = node("conflict", {"type": "device_removed"})
        connection.finish(node("stream:error", {"code": "401"}, [removed]))


def forget_device(network: Network, account: Account, device_id: int) -> None:
    """Remove a device and every phone's sessions with it."""
    if account.devices.pop(device_id, None) is not None:
        announce_change(network, account, device_id, "remove")
    address = str(account.device_lid(device_id))
    network.changed(account)
    for other in network.state.accounts.values():
        if other.sessions.pop(address, None) is not None:
            network.changed(other)
    network.save_now()


def _end_attempts(network: Network, phone: str, outcome: str) -> None:
    attempt = network.links.pop(phone, None)
    if attempt is not None:
        attempt.outcome = outcome
    network.changed()
