"""Media encryption and what the servers know of a file; nothing here does I/O but on open files.

Keys, CBC and the truncated HMAC follow whatsmeow upload.go and download.go (getMediaKeys, Upload,
validateMedia).
"""

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, ClassVar, Final, NamedTuple

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import ConfigDict

from oxy_simulator.errors import DecryptionError
from oxy_simulator.kdf import hkdf
from oxy_simulator.stored import STORED

MEDIA_PATH: Final = "/v/t62.7118-24"  # the simulator's own: clients take it from the message
KEY_SIZE: Final = 32  # whatsmeow upload.go, Upload
CHUNK: Final = 1 << 18  # bytes that are in memory at a time

_MIB: Final = 1 << 20
_MAC_SIZE: Final = 10  # whatsmeow download.go, mediaHMACLength
_EXPANDED: Final = 112  # whatsmeow download.go, getMediaKeys
_BLOCK_BITS: Final = 128
_INFO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image": "WhatsApp Image Keys",
        "video": "WhatsApp Video Keys",
        "audio": "WhatsApp Audio Keys",
        "document": "WhatsApp Document Keys",
        "thumbnail-link": "WhatsApp Link Thumbnail Keys",
    }
)
# What an upload of each kind may weigh, in bytes, by WhatsApp's help pages; kinds as in whatsmeow download.go,
# mediaTypeToMMSType.
UPLOAD_LIMITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "image": 16 * _MIB,
        "video": 16 * _MIB,
        "audio": 16 * _MIB,
        "ptt": 16 * _MIB,
        "sticker": _MIB,
        "document": 2048 * _MIB,
        "thumbnail-link": _MIB,
    }
)


@dataclass(slots=True)
class MediaFile:
    """An encrypted file on the media servers, by its path; `gone` is the status that it answers with since it expired.

    Several paths may lead to the same bytes, which are kept under their hash.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: str
    kind: str
    sha256: bytes
    size: int
    at: float
    signature: str
    gone: int = 0

    @property
    def direct_path(self) -> str:
        """The path that messages name. Clients append `&hash=`, so there must be a query already."""
        return f"{MEDIA_PATH}/{self.id}?ccb=11-4&oh={self.signature}&oe={int(self.at):X}&_nc_sid=5e03e0"


class MediaKeys(NamedTuple):
    """What a file is encrypted and authenticated with."""

    iv: bytes
    cipher: bytes
    mac: bytes


@dataclass(frozen=True, slots=True)
class EncryptedFile:
    """What became of a file that was encrypted."""

    media_key: bytes
    file_sha256: bytes
    file_enc_sha256: bytes
    file_length: int
    size: int


def media_keys(media_key: bytes, kind: str) -> MediaKeys:
    """Derive a file's keys from its media key and kind."""
    expanded = hkdf(media_key, None, _INFO[kind].encode(), _EXPANDED)
    return MediaKeys(expanded[:16], expanded[16:48], expanded[48:80])


def encrypt_file(plain: BinaryIO, target: BinaryIO, kind: str, *, wrong_mac: bool = False) -> EncryptedFile:
    """Encrypt a file in chunks; `wrong_mac` damages its authentication on purpose."""
    media_key = os.urandom(KEY_SIZE)
    keys = media_keys(media_key, kind)
    encryptor = Cipher(algorithms.AES(keys.cipher), modes.CBC(keys.iv)).encryptor()
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    mac = hmac.new(keys.mac, keys.iv, hashlib.sha256)
    hashes, length, size = (hashlib.sha256(), hashlib.sha256()), 0, 0

    def write(data: bytes) -> int:
        mac.update(data)
        hashes[1].update(data)
        return target.write(data)

    for chunk in _chunks(plain):
        hashes[0].update(chunk)
        length += len(chunk)
        size += write(encryptor.update(padder.update(chunk)))
    size += write(encryptor.update(padder.finalize()) + encryptor.finalize())
    tag = mac.digest()[:_MAC_SIZE]
    tag = bytes(byte ^ 0xFF for byte in tag) if wrong_mac else tag
    hashes[1].update(tag)
    size += target.write(tag)
    return EncryptedFile(media_key, hashes[0].digest(), hashes[1].digest(), length, size)


def decrypt_file(encrypted: BinaryIO, size: int, target: BinaryIO, keys: MediaKeys) -> tuple[bytes, int]:
    """Decrypt a file of `size` bytes in chunks and return its plaintext's hash and length.

    Raise DecryptionError if its authentication or its padding is wrong; then the target holds rubbish.
    """
    decryptor = Cipher(algorithms.AES(keys.cipher), modes.CBC(keys.iv)).decryptor()
    unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
    mac, plain_hash, length = hmac.new(keys.mac, keys.iv, hashlib.sha256), hashlib.sha256(), 0
    try:
        for chunk in _chunks(encrypted, size - _MAC_SIZE):
            mac.update(chunk)
            plain = unpadder.update(decryptor.update(chunk))
            plain_hash.update(plain)
            length += target.write(plain)
        _check_mac(mac.digest(), encrypted.read(_MAC_SIZE))
        plain = unpadder.update(decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        msg = f"the file is no whole number of padded AES blocks: {error}"
        raise DecryptionError(msg) from error
    plain_hash.update(plain)
    return plain_hash.digest(), length + target.write(plain)


def _check_mac(computed: bytes, found: bytes) -> None:
    if not hmac.compare_digest(computed[:_MAC_SIZE], found):
        msg = "the file's authentication code (HMAC) is wrong"
        raise DecryptionError(msg)


def _chunks(file: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    left = size if size is not None else CHUNK
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        yield chunk
        left = left - len(chunk) if size is not None else CHUNK
