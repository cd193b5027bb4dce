"""Symmetric primitives that several protocols here share."""

import hmac
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from oxy_simulator.errors import DecryptionError

_BLOCK: Final = 16
_DIGEST: Final = 32
_NO_SALT: Final = bytes(_DIGEST)
_SHA256_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


def hkdf(secret: bytes, salt: bytes | None, info: bytes, size: int) -> bytes:
    """HKDF-SHA256 (RFC 5869), for at most 8,160 bytes."""
    key = hmac_sha256(salt or _NO_SALT, secret)
    output = block = b""
    for counter in range(1, -(-size // _DIGEST) + 1):
        block = hmac_sha256(key, block + info + bytes((counter,)))
        output += block
    return output[:size]


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104). For short messages, and a ratchet's all are, `hmac.digest` takes twice as long."""
    if len(key) > _SHA256_BLOCK:
        key = sha256(key).digest()
    key = key.ljust(_SHA256_BLOCK, b"\0")
    return sha256(key.translate(_OUTER) + sha256(key.translate(_INNER) + message).digest()).digest()


def hmac_sha512(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA512."""
    return hmac.digest(key, message, "sha512")


def cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-CBC with PKCS#7 padding."""
    pad = _BLOCK - len(plaintext) % _BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext + bytes((pad,)) * pad) + encryptor.finalize()


def cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """AES-CBC with PKCS#7 padding; raise DecryptionError if the length or the padding is wrong."""
    if not ciphertext or len(ciphertext) % _BLOCK:
        msg = f"{len(ciphertext)} bytes are no whole number of AES blocks"
        raise DecryptionError(msg)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= _BLOCK or padded[-pad:] != bytes((pad,)) * pad:
        msg = "the AES-CBC padding is wrong"
        raise DecryptionError(msg)
    return padded[:-pad]


def ctr_crypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-CTR, which is its own inverse."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()
