"""The server's long-lived keys: certificate authority, TLS certificate, Noise root.

They live in the state folder, are made once and never overwritten:

- `ca.crt` (public): what clients must trust for TLS;
- `noise-root.hex` (public): what clients must trust for Noise, 64 hexadecimal digits;
- `tls.pem`, `noise-root.key` (secret): what the server needs.
"""

import datetime as dt
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oxy_simulator.connection import NoiseIdentity
from oxy_simulator.curve import KeyPair
from oxy_simulator.mediadesk import MEDIA_HOSTS
from oxy_simulator.noise import make_certificate

CA_FILE: Final = "ca.crt"
NOISE_ROOT_FILE: Final = "noise-root.hex"
TLS_FILE: Final = "tls.pem"
NOISE_KEY_FILE: Final = "noise-root.key"
TLS_NAMES: Final = ("web.whatsapp.com", "*.whatsapp.com", "*.whatsapp.net", "*.cdn.whatsapp.net", "localhost")

_VALIDITY: Final = dt.timedelta(days=3650)
TRUST_FOLDER: Final = Path(__file__).with_name("trust")
"""What makes an unmodified neonize trust the Noise root, when it is on PYTHONPATH."""

_SKEW: Final = dt.timedelta(days=1)
_SECRET_MODE: Final = 0o600
_PUBLIC_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The keys of a running server and where their public parts are."""

    ca_file: Path
    noise_root: bytes
    noise: NoiseIdentity
    tls: ssl.SSLContext
    media_hosts: tuple[str, ...] = MEDIA_HOSTS


def ensure_keys(folder: Path) -> None:
    """Make the keys that a state folder lacks; raise OSError if it cannot be written."""
    names = (CA_FILE, NOISE_ROOT_FILE, TLS_FILE, NOISE_KEY_FILE)
    if all((folder / name).is_file() for name in names):
        return
    folder.mkdir(parents=True, exist_ok=True)
    root = KeyPair.generate()
    authority, server = _make_tls()
    _write_files(
        folder,
        {
            TLS_FILE: (server, _SECRET_MODE),
            NOISE_KEY_FILE: (root.seed.hex().encode() + b"\n", _SECRET_MODE),
            CA_FILE: (authority, _PUBLIC_MODE),
            NOISE_ROOT_FILE: (root.public.hex().encode() + b"\n", _PUBLIC_MODE),
        },
    )


def load_keys(folder: Path, now: float) -> ServerKeys:
    """Load the keys of a state folder; `now` in Unix seconds dates the Noise certificate."""
    root = KeyPair.from_seed(bytes.fromhex((folder / NOISE_KEY_FILE).read_text().strip()))
    static = KeyPair.generate()
    skew, validity = int(_SKEW.total_seconds()), int(_VALIDITY.total_seconds())
    chain = make_certificate(root, KeyPair.generate(), static.public, int(now) - skew, int(now) + validity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / TLS_FILE)
    hosts = _certified(folder / TLS_FILE, MEDIA_HOSTS)
    return ServerKeys(folder / CA_FILE, root.public, NoiseIdentity(static, chain), context, hosts)


def _certified(tls_file: Path, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hosts that a certificate covers: those made by earlier versions have fewer names."""
    certificate = x509.load_pem_x509_certificate(tls_file.read_bytes())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    names = set(extension.value.get_values_for_type(x509.DNSName))
    return tuple(host for host in hosts if "*." + host.partition(".")[2] in names)


def client_environment(proxy_url: str, ca_file: Path, noise_root_file: Path) -> dict[str, str]:
    """Return what a neonize client needs in its environment, from the start, to connect here and trust this server."""
    search = os.environ.get("PYTHONPATH")
    return {
        "HTTPS_PROXY": proxy_url,
        "SSL_CERT_FILE": str(ca_file.resolve()),
        "OXY_NOISE_ROOT_FILE": str(noise_root_file.resolve()),
        "PYTHONPATH": os.pathsep.join([str(TRUST_FOLDER), *([search] if search else [])]),
    }


def _write_files(folder: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    for name, (content, mode) in files.items():
        temporary = folder / f".{name}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(folder / name)


def _make_tls() -> tuple[bytes, bytes]:
    """Return a new authority's certificate, and a server's certificate with its key (PEM)."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Oxy simulator CA")
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in TLS_NAMES])
    certificate = (
        _builder(_name(TLS_NAMES[0]), authority_name, key.public_key())
        .add_extension(names, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return authority.public_bytes(pem), certificate.public_bytes(pem) + private


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALIDITY)
    )
