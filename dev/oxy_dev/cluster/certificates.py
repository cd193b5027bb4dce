"""Certificates of a cluster: an authority of its own, and a certificate per part, each with the identity RBAC knows."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from oxy_dev.cluster.files import write_private

LIFETIME: Final = timedelta(days=3650)
"""A local cluster lives for days; its certificates outlive it."""
CLOCK_SKEW: Final = timedelta(hours=1)
"""Clocks of a machine that has just started may be behind."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: Path, name: str) -> None:
        """Write ``<name>.crt`` and ``<name>.key`` (mode 0600) into ``directory``."""
        (directory / f"{name}.crt").write_bytes(self.certificate)
        write_private(directory / f"{name}.key", self.key)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate speaks for: RBAC reads the user from ``user`` and the groups from ``groups``.

    ``hosts`` are the names and addresses that a server is reached by; without them it is a client's certificate.
    """

    user: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority."""

    pair: KeyPair

    @classmethod
    def create(cls, name: str, now: datetime | None = None) -> "Authority":
        """Make a new authority, valid from ``now`` (default: the present) for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(name, ()), _name(name, ()), key, now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(_pair(builder.sign(key, hashes.SHA256()), key))

    def issue(self, identity: Identity, now: datetime | None = None) -> KeyPair:
        """Issue a certificate that serves as a client's, and as a server's when the identity has hosts."""
        issuer = x509.load_pem_x509_certificate(self.pair.certificate)
        issuer_key = load_pem_private_key(self.pair.key, password=None)
        if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
            message = "the authority's key is not an elliptic-curve key"
            raise TypeError(message)
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if identity.hosts else [])]
        builder = (
            _builder(_name(identity.user, identity.groups), issuer.subject, key, now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                critical=False,
            )
        )
        if identity.hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(identity.hosts)), critical=False)
        return _pair(builder.sign(issuer_key, hashes.SHA256()), key)


def signing_key() -> KeyPair:
    """Make the key that signs service-account tokens; its ``certificate`` is the bare public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(certificate=public, key=_key_pem(key))


def _name(user: str, groups: Sequence[str]) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime | None
) -> x509.CertificateBuilder:
    start = (now or datetime.now(UTC)) - CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(host) for host in hosts]


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(certificate=certificate.public_bytes(Encoding.PEM), key=_key_pem(key))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
