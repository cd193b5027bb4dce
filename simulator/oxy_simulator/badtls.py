"""Proofs that fail: certificates, of TLS and of the Noise handshake within, that no client may accept."""

import datetime as dt
import functools
import ssl
import tempfile
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oxy_simulator.connection import NoiseIdentity
from oxy_simulator.curve import KeyPair
from oxy_simulator.keys import TLS_NAMES
from oxy_simulator.noise import make_certificate

_DAY = dt.timedelta(days=1)


@functools.cache
def broken_context(trouble: Literal["untrusted", "expired", "wrong-name"]) -> ssl.SSLContext:
    """Return a context with a certificate that is expired, for another name, or just of no trusted authority.

    None of them is of a trusted authority; clients that look at dates and names first, as Go does,
    complain of those.
    """
    now = dt.datetime.now(dt.UTC)
    end = now - _DAY if trouble == "expired" else now + _DAY
    names = ["whatsapp.example"] if trouble == "wrong-name" else TLS_NAMES
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * _DAY)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        Path(file.name).write_bytes(certificate.public_bytes(pem) + private)
        context.load_cert_chain(file.name)
    return context


def impostor(identity: NoiseIdentity) -> NoiseIdentity:
    """Return the same static key with a certificate under a root key that no client knows."""
    now = dt.datetime.now(dt.UTC)
    begin, end = int((now - _DAY).timestamp()), int((now + _DAY).timestamp())
    chain = make_certificate(KeyPair.generate(), KeyPair.generate(), identity.static.public, begin, end)
    return NoiseIdentity(identity.static, chain)
