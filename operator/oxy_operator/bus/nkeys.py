"""Ed25519 keys on NATS ("nkeys"), all derived from two seeds in one Secret.

Every account and user key is derived by HKDF (RFC 5869) from the root seed and the owner's names. So any process can
issue the same credentials again from that Secret alone, without NATS.
"""

import secrets
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Final, Self

import nkeys
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field

SEED_BYTES: Final = 32
"""Length of an Ed25519 seed (RFC 8032)."""


class KeyRole(IntEnum):
    """What a key is for; the values are nkeys' prefix bytes."""

    OPERATOR = nkeys.PREFIX_BYTE_OPERATOR
    ACCOUNT = nkeys.PREFIX_BYTE_ACCOUNT
    USER = nkeys.PREFIX_BYTE_USER


@dataclass(frozen=True)
class KeyPair:
    """A key pair in text form; its repr hides the seed."""

    seed: str
    """Secret; starts with SO, SA or SU."""

    @cached_property
    def _pair(self) -> nkeys.KeyPair:
        return nkeys.from_seed(self.seed.encode())

    @cached_property
    def public(self) -> str:
        """Public key; starts with O, A or U."""
        public: bytes = self._pair.public_key
        return public.decode()

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""
        signature: bytes = self._pair.sign(data)
        return signature

    def __repr__(self) -> str:
        return f"KeyPair({self.public})"


def _encode(seed: bytes, role: KeyRole) -> KeyPair:
    encoded: bytes = nkeys.encode_seed(seed, int(role))
    return KeyPair(encoded.decode())


class PlatformKeys(BaseModel):
    """The two secrets from which all keys on the bus are derived; serialisable."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    operator_seed: Annotated[str, Field(pattern=r"^SO[A-Z2-7]{56}$", repr=False)]
    """Signs every account; nkey form."""
    root_seed: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    """32 bytes in hexadecimal, from which account and user keys derive."""

    @classmethod
    def generate(cls) -> Self:
        """Return fresh keys from the system's source of randomness."""
        operator = _encode(secrets.token_bytes(SEED_BYTES), KeyRole.OPERATOR)
        return cls(operator_seed=operator.seed, root_seed=secrets.token_hex(SEED_BYTES))

    @property
    def operator(self) -> KeyPair:
        """Key pair that signs accounts."""
        return KeyPair(self.operator_seed)

    @property
    def system_account(self) -> KeyPair:
        """Account whose users may change accounts."""
        return self._derived(KeyRole.ACCOUNT, "system")

    @property
    def system_user(self) -> KeyPair:
        """The system account's only user."""
        return self._derived(KeyRole.USER, "system")

    @property
    def platform_account(self) -> KeyPair:
        """Account of operator and workers, with JetStream."""
        return self._derived(KeyRole.ACCOUNT, "platform")

    @property
    def platform_user(self) -> KeyPair:
        """The platform account's only user."""
        return self._derived(KeyRole.USER, "platform")

    def tenant_account(self, organization: str, instance: str) -> KeyPair:
        """Account of one instance."""
        return self._derived(KeyRole.ACCOUNT, "tenant", organization, instance)

    def tenant_user(self, organization: str, instance: str) -> KeyPair:
        """Key pair of the only user in an instance's account."""
        return self._derived(KeyRole.USER, "tenant", organization, instance)

    def proxy_key(self, organization: str, instance: str) -> bytes:
        """Return the key of the digest that stands for an instance's proxy where anybody may read it."""
        return self._bytes("proxy", organization, instance)

    def backup_key(self, organization: str, instance: str) -> bytes:
        """Return the key of an instance's backups; it outlives the custom resource, as the names do."""
        return self._bytes("backup", organization, instance)

    def _derived(self, role: KeyRole, *owner: str) -> KeyPair:
        return _encode(self._bytes(role.name.lower(), *owner), role)

    def _bytes(self, *names: str) -> bytes:
        """Return 32 bytes that only `names` and the root seed lead to."""
        # No name contains a slash, so two owners never share a context.
        context = "/".join(("oxy", "v1", *names))
        derivation = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=None, info=context.encode())
        return derivation.derive(bytes.fromhex(self.root_seed))
