"""Linking a companion device: the QR code, the phone code and the signed device identity.

Pure functions of the phone's and the server's part. Source: whatsmeow `pair.go` and
`pair-code.go`.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from oxy_simulator import curve
from oxy_simulator.curve import KEY_SIZE, KeyPair
from oxy_simulator.errors import PairingError, ProtocolError
from oxy_simulator.kdf import ctr_crypt, hkdf, hmac_sha256
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.proto.pairing_pb2 import DeviceIdentity, SignedDeviceIdentity, SignedDeviceIdentityHmac

# Source: whatsmeow `pair.go`, AdvAccountSignaturePrefix and AdvDeviceSignaturePrefix.
ACCOUNT_SIGNATURE_PREFIX: Final = b"\x06\x00"
DEVICE_SIGNATURE_PREFIX: Final = b"\x06\x01"
# Source: whatsmeow `pair-code.go`, linkingBase32 and PairPhone (clientDisplayName).
CODE_PATTERN: Final = re.compile(r"[1-9A-HJ-NP-TV-Z]{8}")
DISPLAY_PATTERN: Final = re.compile(r"[A-Z][A-Za-z ]* \([A-Z][A-Za-z ]*\)")

_QR_FIELDS: Final = (4, 5)
# Source: whatsmeow `pair-code.go`, generateCompanionEphemeralKey.
_PBKDF2_ROUNDS: Final = 2 << 16
_SALT: Final = slice(0, 32)
_IV: Final = slice(32, 48)
_WRAPPED_KEY: Final = slice(48, 80)


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a phone reads from a QR code."""

    ref: str
    noise_key: bytes
    identity: bytes
    adv_secret: bytes


def parse_qr(text: str) -> QrCode:
    """Read the text of a QR code, with or without its link; raise PairingError if it is none.

    The client's type at its end is newer than the rest. Sources: whatsmeow `pair.go`, makeQRData; without the type:
    Baileys 6 `src/Socket/socket.ts`, genPairQR.
    """
    fields = text.rpartition("#")[2].split(",")
    if len(fields) not in _QR_FIELDS:
        msg = f"the QR text has {len(fields)} comma-separated fields instead of 5, or 4 without the client's type"
        raise PairingError(msg)
    try:
        keys = [base64.b64decode(value, validate=True) for value in fields[1:4]]
    except binascii.Error as error:
        msg = "the keys in the QR text are not base64"
        raise PairingError(msg) from error
    return QrCode(fields[0], *keys)


def parse_code(text: str) -> str:
    """Normalise a typed phone code like ABCD-1234; raise PairingError if it cannot be one."""
    code = text.replace("-", "").replace(" ", "").upper()
    if CODE_PATTERN.fullmatch(code) is None:
        msg = "a linking code has 8 characters out of 1-9 and A-Z without I, O and U, like ABCD-1234"
        raise PairingError(msg)
    return code


def check_registration(data: ClientPayload.DevicePairingData) -> None:
    """Check the keys that a new companion presents; raise ProtocolError if they do not fit."""
    message = curve.DJB_TYPE + data.signed_prekey
    if not curve.verify(data.identity, message, data.signed_prekey_signature):
        msg = "the companion's signed prekey is not signed by its identity key"
        raise ProtocolError(msg)


@dataclass(frozen=True, slots=True)
class IssuedIdentity:
    """A device identity signed by the account, and its container for the companion."""

    details: bytes
    container: bytes


def issue_identity(
    account: KeyPair, companion: bytes, adv_secret: bytes, key_index: int, timestamp: int
) -> IssuedIdentity:
    """Sign a companion's identity key with the account's; timestamp in Unix seconds."""
    details = DeviceIdentity(raw_id=secrets.randbits(31), timestamp=timestamp, key_index=key_index).SerializeToString()
    signed = SignedDeviceIdentity(
        details=details,
        account_signature_key=account.public,
        account_signature=account.sign(ACCOUNT_SIGNATURE_PREFIX + details + companion),
    ).SerializeToString()
    container = SignedDeviceIdentityHmac(details=signed, hmac=hmac_sha256(adv_secret, signed))
    return IssuedIdentity(details, container.SerializeToString())


def check_device_signature(reply: bytes, details: bytes, companion: bytes, account: bytes) -> None:
    """Check the companion's counter-signature; raise ProtocolError if it is not valid."""
    try:
        identity = SignedDeviceIdentity.FromString(reply)
    except DecodeError as error:
        msg = "the companion's signed device identity cannot be parsed"
        raise ProtocolError(msg) from error
    message = DEVICE_SIGNATURE_PREFIX + details + companion + account
    same = hmac.compare_digest(identity.details, details)
    if not same or not curve.verify(companion, message, identity.device_signature):
        msg = "the companion's signature over its device identity is wrong"
        raise ProtocolError(msg)


def _code_key(code: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _PBKDF2_ROUNDS, KEY_SIZE)


def wrap_with_code(code: str, public: bytes) -> bytes:
    """Encrypt an ephemeral public key with a phone code: salt ‖ IV ‖ ciphertext."""
    salt, iv = os.urandom(32), os.urandom(16)
    return salt + iv + ctr_crypt(_code_key(code, salt), iv, public)


def unwrap_with_code(code: str, wrapped: bytes) -> bytes:
    """Decrypt what `wrap_with_code` made; a wrong code gives a wrong key, never an error."""
    return ctr_crypt(_code_key(code, wrapped[_SALT]), wrapped[_IV], wrapped[_WRAPPED_KEY])


def open_key_bundle(shared: bytes, account: KeyPair, companion: bytes, wrapped: bytes) -> bytes:
    """Read the companion's key bundle and return the ADV secret it leads to.

    Raise PairingError if the bundle was sealed with another secret: the typed code was wrong.
    """
    key = hkdf(shared, wrapped[:32], b"link_code_pairing_key_bundle_encryption_key", KEY_SIZE)
    try:
        bundle = AESGCM(key).decrypt(wrapped[32:44], wrapped[44:], None)
    except InvalidTag as error:
        msg = "the linking code is wrong; compare it with the one the client shows and type it again"
        raise PairingError(msg) from error
    if bundle[:32] != companion or bundle[32:64] != account.public:
        msg = "the companion's key bundle names other identity keys than the handshake"
        raise ProtocolError(msg)
    return hkdf(shared + account.agree(companion) + bundle[64:96], None, b"adv_secret", KEY_SIZE)
