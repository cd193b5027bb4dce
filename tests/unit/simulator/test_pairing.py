import base64
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import PairingError, ProtocolError
from oxy_simulator.kdf import hkdf, hmac_sha256
from oxy_simulator.pairing import (
    check_device_signature,
    check_registration,
    issue_identity,
    open_key_bundle,
    parse_code,
    parse_qr,
    unwrap_with_code,
    wrap_with_code,
)
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.proto.pairing_pb2 import SignedDeviceIdentity, SignedDeviceIdentityHmac


def test_a_qr_code_is_read_with_or_without_its_link() -> None:
    fields = ["2@ref", *(base64.b64encode(bytes((number,)) * 32).decode() for number in range(3)), "1"]
    text = ",".join(fields)
    for form in (text, "https://wa.me/settings/linked_devices#" + text):
        code = parse_qr(form)
        assert (code.ref, code.noise_key, code.adv_secret) == ("2@ref", bytes(32), b"\x02" * 32)


@pytest.mark.parametrize("text", ["", "a,b,c", "ref,!!,b,c,d"])
def test_what_is_no_qr_code_is_refused(text: str) -> None:
    with pytest.raises(PairingError, match="QR text"):
        parse_qr(text)


@pytest.mark.parametrize("text", ["ABCD-1234", "abcd1234", " ABCD 1234"])
def test_a_phone_code_is_read_as_people_type_it(text: str) -> None:
    assert parse_code(text) == "ABCD1234"


@pytest.mark.parametrize("text", ["", "ABCD-123", "ABCD-12345", "ABCI-1234", "ABCO-1234", "ABCU-1234", "ABCD-0234"])
def test_what_can_be_no_phone_code_is_refused(text: str) -> None:
    with pytest.raises(PairingError, match="8 characters"):
        parse_code(text)


def seal_bundle(shared: bytes, companion: bytes, account: bytes, secret: bytes) -> bytes:
    salt, nonce = os.urandom(32), os.urandom(12)
    key = hkdf(shared, salt, b"link_code_pairing_key_bundle_encryption_key", 32)
    return salt + nonce + AESGCM(key).encrypt(nonce, companion + account + secret, None)


def test_the_right_code_leads_both_sides_to_the_same_secret() -> None:
    account, companion, ephemeral = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
    phone = KeyPair.generate()
    shown = wrap_with_code("ABCD1234", ephemeral.public)
    shared = phone.agree(unwrap_with_code("ABCD1234", shown))
    answer = wrap_with_code("ABCD1234", phone.public)
    theirs = ephemeral.agree(unwrap_with_code("ABCD1234", answer))
    assert shared == theirs
    random = os.urandom(32)
    bundle = seal_bundle(theirs, companion.public, account.public, random)
    secret = open_key_bundle(shared, account, companion.public, bundle)
    assert secret == hkdf(theirs + companion.agree(account.public) + random, None, b"adv_secret", 32)


def test_a_wrong_code_is_noticed_when_the_bundle_comes() -> None:
    account, companion, ephemeral, phone = (KeyPair.generate() for _ in range(4))
    shared = phone.agree(unwrap_with_code("ABCD1235", wrap_with_code("ABCD1234", ephemeral.public)))
    bundle = seal_bundle(ephemeral.agree(phone.public), companion.public, account.public, os.urandom(32))
    with pytest.raises(PairingError, match="code is wrong"):
        open_key_bundle(shared, account, companion.public, bundle)


def test_a_bundle_with_another_identity_is_a_protocol_error() -> None:
    account, shared = KeyPair.generate(), os.urandom(32)
    bundle = seal_bundle(shared, bytes(32), account.public, os.urandom(32))
    with pytest.raises(ProtocolError, match="identity"):
        open_key_bundle(shared, account, KeyPair.generate().public, bundle)


def test_the_issued_identity_is_authentic_and_must_be_counter_signed() -> None:
    account, companion, secret = KeyPair.generate(), KeyPair.generate(), os.urandom(32)
    issued = issue_identity(account, companion.public, secret, 1, 1_700_000_000)
    container = SignedDeviceIdentityHmac.FromString(issued.container)
    assert container.hmac == hmac_sha256(secret, container.details)
    signed = SignedDeviceIdentity.FromString(container.details)
    message = b"\x06\x01" + issued.details + companion.public + account.public
    signed.device_signature = companion.sign(message)
    check_device_signature(signed.SerializeToString(), issued.details, companion.public, account.public)
    signed.device_signature = KeyPair.generate().sign(message)
    with pytest.raises(ProtocolError, match="signature"):
        check_device_signature(signed.SerializeToString(), issued.details, companion.public, account.public)


def test_a_registration_needs_a_signed_prekey() -> None:
    identity, prekey = KeyPair.generate(), KeyPair.generate()
    data = ClientPayload.DevicePairingData(
        identity=identity.public,
        signed_prekey=prekey.public,
        signed_prekey_signature=identity.sign(prekey.serialized),
    )
    check_registration(data)
    data.signed_prekey = identity.public
    with pytest.raises(ProtocolError, match="signed prekey"):
        check_registration(data)
