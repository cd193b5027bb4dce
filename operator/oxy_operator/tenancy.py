"""What one instance is given on the bus: its account and credentials, as plain values."""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

ROTATION_SECONDS: Final = 15 * 86_400
"""How often an instance gets new credentials: half of their lifetime, so that an outage of a day disconnects nobody."""


@dataclass(frozen=True, slots=True)
class Validity:
    """When credentials were issued and expire, in seconds since 1970, UTC."""

    issued_at: int
    expires_at: int

    @classmethod
    def at(cls, now: float, owner: str, rotation: int = ROTATION_SECONDS) -> Self:
        """Return the validity to use at `now`: the same for a whole rotation period, in seconds.

        Each owner's periods begin at an offset of its own, so that a fleet does not rotate at one moment. The period
        is half the lifetime: whenever this changes, credentials issued before are valid for another half.
        """
        offset = int.from_bytes(hashlib.blake2b(owner.encode(), digest_size=8).digest()) % rotation
        issued_at = int(now - offset) // rotation * rotation + offset
        return cls(issued_at, issued_at + 2 * rotation)

    @property
    def renewed_at(self) -> int:
        """When `at` returns the next one."""
        return (self.issued_at + self.expires_at) // 2


@dataclass(frozen=True, slots=True)
class Tenancy:
    """An instance's account, and the credentials of the one user in it."""

    account: str
    """Public key of the account."""
    account_token: str
    """To be pushed to the server."""
    credentials: str
    """Content of the user's credentials file."""
    validity: Validity
    incarnation: str
    """uid of the custom resource that this was issued for."""
