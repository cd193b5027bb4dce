"""An instance's account and credentials on the bus, as plain values."""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

ROTATION_SECONDS: Final = 15 * 86_400
"""How often an instance gets new credentials: half their lifetime, so that an outage of a day disconnects nobody."""


@dataclass(frozen=True, slots=True)
class Validity:
    """When credentials were issued and expire, in seconds since 1970, UTC."""

    issued_at: int
    expires_at: int

    @classmethod
    def at(cls, now: float, owner: str, rotation: int = ROTATION_SECONDS) -> Self:
        """Return the validity to use at `now`; it stays the same for a period of `rotation` seconds.

        Each owner's periods start at a different offset, so that a fleet does not rotate all at once. A period is half
        the lifetime: when it ends, the credentials issued for it are still valid for the other half.
        """
        offset = int.from_bytes(hashlib.blake2b(owner.encode(), digest_size=8).digest()) % rotation
        issued_at = int(now - offset) // rotation * rotation + offset
        return cls(issued_at, issued_at + 2 * rotation)

    @property
    def renewed_at(self) -> int:
        """When to issue the next credentials, in seconds since 1970, UTC."""
        return (self.issued_at + self.expires_at) // 2


@dataclass(frozen=True, slots=True)
class Tenancy:
    """An instance's account, and the credentials of the one user in it."""

    account: str
    """Public key of the account."""
    account_token: str
    """The account's signed JWT, to be pushed to the server."""
    credentials: str
    """Content of the user's credentials file."""
    validity: Validity
    incarnation: str
    """uid of the custom resource that this was issued for."""
