"""The server's long-lived keys: certificate authority, TLS certificate, Noise root.

They live in the state folder, are made once, all together, and never overwritten, because clients trust them:

- `ca.crt` (public): what clients must trust for TLS;
- `noise-root.hex` (public): what clients must trust for Noise, 64 hexadecimal digits;
- `tls.pem`, `noise-root.key` (secret): what the server needs.
"""

import datetime as dt
import fcntl
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oxy_simulator.connection import NoiseIdentity
from oxy_simulator.curve import KEY_SIZE, KeyPair
from oxy_simulator.errors import SetupError
from oxy_simulator.mediadesk import MEDIA_HOSTS
from oxy_simulator.noise import make_certificate
from oxy_simulator.reasons import explaining

CA_FILE: Final = "ca.crt"
NOISE_ROOT_FILE: Final = "noise-root.hex"
TLS_FILE: Final = "tls.pem"
NOISE_KEY_FILE: Final = "noise-root.key"
KEY_FILES: Final = (CA_FILE, NOISE_ROOT_FILE, TLS_FILE, NOISE_KEY_FILE)
TLS_NAMES: Final = ("web.whatsapp.com", "*.whatsapp.com", "*.whatsapp.net", "*.cdn.whatsapp.net", "localhost")

_VALIDITY: Final = dt.timedelta(days=3650)
TRUST_FOLDER: Final = Path(__file__).with_name("trust")
"""What makes an unmodified neonize trust the Noise root, when it is on PYTHONPATH."""
NODE_PRELOAD: Final = "preload.cjs"
"""What makes an unmodified Baileys reach and trust the server, when NODE_OPTIONS requires it."""

_SKEW: Final = dt.timedelta(days=1)
_SECRET_MODE: Final = 0o600
_PUBLIC_MODE: Final = 0o644
_START_AFRESH: Final = "move all four away to have new ones (every client must then trust the new ones)"


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The keys of a running server and where their public parts are."""

    ca_file: Path
    noise_root: bytes
    noise: NoiseIdentity
    tls: ssl.SSLContext
    media_hosts: tuple[str, ...] = MEDIA_HOSTS


def ensure_keys(folder: Path, *, option: Literal["--state", "--keys"] = "--state") -> None:
    """Make the keys of a folder that has none; `option` is what names it.

    Raise SetupError if some are missing, because new ones would break every client that trusts the old, or if the
    folder cannot be written.
    """
    if _missing(folder):
        what = "the state folder" if option == "--state" else "the folder of keys"
        with explaining(what, folder, f"name another with {option}, or mend this one"):
            _make_folder(folder)
            with _alone_in(folder):
                _complete(folder)
    require_keys(folder)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        msg = "no folder can be made there"  # like in /proc, where the system says that it does not exist
        raise OSError(msg) from error


def require_keys(folder: Path) -> None:
    """Raise SetupError if a folder lacks keys: all of them, or some."""
    missing = _missing(folder)
    if len(missing) == len(KEY_FILES):
        msg = f"there are no keys in {folder}; make them with: oxy-simulator keys --keys {folder}"
        raise SetupError(msg)
    if missing:
        present = [name for name in KEY_FILES if name not in missing]
        msg = (
            f"{folder} has {_listed(present)}, but not {_listed(missing)}; put back what is missing from a copy"
            f" (the four belong together), or {_START_AFRESH}"
        )
        raise SetupError(msg)


def load_keys(folder: Path, now: float) -> ServerKeys:
    """Load the keys of a folder; `now` in Unix seconds dates the Noise certificate.

    Raise SetupError, naming the file, if one cannot be read, is damaged, or does not belong to the others.
    """
    root = _read_noise_root(folder)
    static = KeyPair.generate()
    skew, validity = int(_SKEW.total_seconds()), int(_VALIDITY.total_seconds())
    chain = make_certificate(root, KeyPair.generate(), static.public, int(now) - skew, int(now) + validity)
    certificate, context = _read_tls(folder)
    return ServerKeys(folder / CA_FILE, root.public, NoiseIdentity(static, chain), context, _certified(certificate))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process makes keys here, and keep others waiting; a process that is killed lets go."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _complete(folder: Path) -> None:
    missing = _missing(folder)
    if len(missing) == len(KEY_FILES):
        _write_new(folder)
    _take_new(folder, missing)


def _missing(folder: Path) -> list[str]:
    return [name for name in KEY_FILES if not os.path.lexists(folder / name)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _damaged(path: Path, why: str) -> SetupError:
    return SetupError(f"{path} {why}; put it back from a copy, or {_START_AFRESH}")


def _read(path: Path) -> bytes:
    with explaining("the key", path, "let this user read it, or name another folder with --keys"):
        return path.read_bytes()


def _read_noise_root(folder: Path) -> KeyPair:
    """Return the Noise root, which must be the one that clients are told to trust."""
    seed, public = _read_key(folder / NOISE_KEY_FILE), _read_key(folder / NOISE_ROOT_FILE)
    root = KeyPair.from_seed(seed)
    if root.public != public:
        raise _damaged(folder / NOISE_ROOT_FILE, f"does not belong to {NOISE_KEY_FILE}")
    return root


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(_read(path).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise _damaged(path, "is damaged: it does not hold 64 hexadecimal digits")
    return key


def _read_tls(folder: Path) -> tuple[x509.Certificate, ssl.SSLContext]:
    """Return the server's certificate, which must be one of the authority that clients are told to trust."""
    certificate, authority = _read_certificate(folder / TLS_FILE), _read_certificate(folder / CA_FILE)
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise _damaged(folder / TLS_FILE, f"is not signed by {CA_FILE}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(folder / TLS_FILE)
    except ssl.SSLError as error:
        raise _damaged(folder / TLS_FILE, "is damaged: its private key is missing or another's") from error
    return certificate, context


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError as error:
        raise _damaged(path, "is damaged: it holds no certificate in PEM form") from error


def _certified(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the media hosts that a certificate covers: those made by earlier versions have fewer names."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    names = set(extension.value.get_values_for_type(x509.DNSName))
    return tuple(host for host in MEDIA_HOSTS if "*." + host.partition(".")[2] in names)


def client_environment(proxy_url: str, ca_file: Path, noise_root_file: Path) -> dict[str, str]:
    """Return what a client needs in its environment, from the start, to connect here and trust this server.

    PYTHONPATH brings the patch for neonize, NODE_OPTIONS that for Baileys.
    """
    search, node_options = os.environ.get("PYTHONPATH"), os.environ.get("NODE_OPTIONS")
    preload = f'--require "{TRUST_FOLDER / NODE_PRELOAD}"'
    return {
        "HTTPS_PROXY": proxy_url,
        "SSL_CERT_FILE": str(ca_file.resolve()),
        "OXY_NOISE_ROOT_FILE": str(noise_root_file.resolve()),
        "PYTHONPATH": os.pathsep.join([str(TRUST_FOLDER), *([search] if search else [])]),
        "NODE_EXTRA_CA_CERTS": str(ca_file.resolve()),
        "NODE_OPTIONS": " ".join([preload, *([node_options] if node_options else [])]),
    }


def _write_new(folder: Path) -> None:
    """Write new keys beside their places: whoever is interrupted before all are written has made none."""
    root = KeyPair.generate()
    authority, server = _make_tls()
    files = {
        TLS_FILE: (server, _SECRET_MODE),
        NOISE_KEY_FILE: (root.seed.hex().encode() + b"\n", _SECRET_MODE),
        CA_FILE: (authority, _PUBLIC_MODE),
        NOISE_ROOT_FILE: (root.public.hex().encode() + b"\n", _PUBLIC_MODE),
    }
    for name, (content, mode) in files.items():
        descriptor = os.open(_new(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def _take_new(folder: Path, missing: Sequence[str]) -> None:
    """Put new keys in their places; also those of a start that was interrupted while it did."""
    for name in missing:
        if _new(folder, name).exists():
            _new(folder, name).replace(folder / name)


def _new(folder: Path, name: str) -> Path:
    return folder / f".{name}.new"


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
