"""Curve25519 keys that sign and agree, as Signal uses them.

Signal verifies XEdDSA signatures made with a Montgomery key. A plain Ed25519 key does the same
without XEdDSA's arithmetic: publish the Montgomery form u = (1+y)/(1-y) of its public key, sign
as usual, and put the sign bit of the Edwards point into the top bit of the signature. The same
seed's SHA-512 gives the scalar for X25519. Source: RFC 7748 section 4.1, libsignal
`curve25519/curve_sigs.c`.
"""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
DJB_TYPE: Final = b"\x05"  # before public keys on the wire; libsignal ecc/Curve.go, DjbType

_PRIME: Final = 2**255 - 19
_LOW_255_BITS: Final = (1 << 255) - 1
_SIGN_BIT: Final = 0x80


class KeyPair:
    """A key pair for X25519 and, as Signal does it, for signatures.

    Only the seed is kept at first; what is derived from it is made when it is needed.
    """

    __slots__ = ("_agreement", "_public", "_signing", "seed")

    def __init__(self, seed: bytes) -> None:
        self.seed: Final = seed
        self._public: bytes | None = None
        self._agreement: X25519PrivateKey | None = None
        self._signing: Ed25519PrivateKey | None = None

    @classmethod
    def generate(cls) -> "KeyPair":
        """Make a new random key pair."""
        return cls(os.urandom(KEY_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> "KeyPair":
        """Rebuild the key pair of a 32-byte seed; raise ValueError if it has another size."""
        if len(seed) != KEY_SIZE:
            msg = f"the seed of a key pair has {KEY_SIZE} bytes, not {len(seed)}"
            raise ValueError(msg)
        return cls(seed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyPair) and self.seed == other.seed

    def __hash__(self) -> int:
        return hash(self.seed)

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public.hex()})"

    @property
    def public(self) -> bytes:
        """The public key in Montgomery form."""
        if self._public is None:
            self._public = self._private_key().public_key().public_bytes_raw()
        return self._public

    @property
    def serialized(self) -> bytes:
        """The public key with Signal's type byte before it."""
        return DJB_TYPE + self.public

    def agree(self, public: bytes) -> bytes:
        """Return the shared secret with another public key; raise ValueError if that is weak."""
        return self._private_key().exchange(X25519PublicKey.from_public_bytes(public))

    def sign(self, message: bytes) -> bytes:
        """Sign; whoever knows `public` can verify."""
        if self._signing is None:
            self._signing = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = bytearray(self._signing.sign(message))
        signature[-1] |= self._signing.public_key().public_bytes_raw()[-1] & _SIGN_BIT
        return bytes(signature)

    def _private_key(self) -> X25519PrivateKey:
        if self._agreement is None:
            self._agreement = X25519PrivateKey.from_private_bytes(hashlib.sha512(self.seed).digest()[:KEY_SIZE])
        return self._agreement


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
