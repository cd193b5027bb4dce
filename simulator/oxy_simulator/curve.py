"""Curve25519 keys that sign and agree, as Signal uses them.

Signal verifies XEdDSA signatures made with a Montgomery key. A plain Ed25519 key does the same
without XEdDSA's arithmetic: publish the Montgomery form u = (1+y)/(1-y) of its public key, sign
as usual, and put the sign bit of the Edwards point into the top bit of the signature. The same
seed's SHA-512 gives the scalar for X25519. Source: RFC 7748 section 4.1, libsignal
`curve25519/curve_sigs.c`.
"""

import hashlib
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
DJB_TYPE: Final = b"\x05"

_PRIME: Final = 2**255 - 19
_LOW_255_BITS: Final = (1 << 255) - 1
_SIGN_BIT: Final = 0x80


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair for X25519 and, as Signal does it, for signatures."""

    seed: bytes = field(repr=False)
    public: bytes
    _agreement: X25519PrivateKey = field(repr=False, compare=False)
    _signing: Ed25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> "KeyPair":
        """Make a new random key pair."""
        return cls.from_seed(os.urandom(KEY_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> "KeyPair":
        """Rebuild the key pair of a 32-byte seed."""
        agreement = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:KEY_SIZE])
        public = agreement.public_key().public_bytes_raw()
        return cls(seed, public, agreement, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def serialized(self) -> bytes:
        """The public key with Signal's type byte before it."""
        return DJB_TYPE + self.public

    def agree(self, public: bytes) -> bytes:
        """Return the shared secret with another public key; raise ValueError if that is weak."""
        return self._agreement.exchange(X25519PublicKey.from_public_bytes(public))

    def sign(self, message: bytes) -> bytes:
        """Sign; whoever knows `public` can verify."""
        signature = bytearray(self._signing.sign(message))
        signature[-1] |= self._signing.public_key().public_bytes_raw()[-1] & _SIGN_BIT
        return bytes(signature)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature over a message was made with the key of a Montgomery public key."""
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    u = int.from_bytes(public, "little") & _LOW_255_BITS
    y = (u - 1) * pow(u + 1, _PRIME - 2, _PRIME) % _PRIME
    edwards = bytearray(y.to_bytes(KEY_SIZE, "little"))
    edwards[-1] |= signature[-1] & _SIGN_BIT
    plain = signature[:-1] + bytes((signature[-1] & ~_SIGN_BIT,))
    try:
        Ed25519PublicKey.from_public_bytes(bytes(edwards)).verify(plain, message)
    except (InvalidSignature, ValueError):
        return False
    return True
