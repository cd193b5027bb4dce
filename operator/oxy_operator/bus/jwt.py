"""Signed claims: JSON web tokens in the form that nats-server reads (claims version 2).

Source of names and shapes: github.com/nats-io/jwt v2, account_claims.go, user_claims.go, exports.go, imports.go.
"""

import base64
import hashlib
import json
from typing import Any, Final

from oxy_operator.bus.nkeys import KeyPair

Claims = dict[str, Any]
"""The part of a token below ``nats``, as JSON."""

_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
_CLAIMS_VERSION: Final = 2


def signed(  # noqa: PLR0913 the fields of a token
    signer: KeyPair,
    *,
    subject: str,
    name: str,
    kind: str,
    claims: Claims,
    issued_at: int,
    expires_at: int | None = None,
) -> str:
    """Return a token about the public key `subject`, signed by `signer`.

    The same arguments give the same token, byte for byte. Times are seconds since 1970, UTC; no `expires_at` means
    that the token never expires.
    """
    token: Claims = {
        "iss": signer.public,
        "sub": subject,
        "name": name,
        "iat": issued_at,
        "nats": {"type": kind, "version": _CLAIMS_VERSION, **claims},
    }
    if expires_at is not None:
        token["exp"] = expires_at
    token["jti"] = base64.b32encode(hashlib.sha256(_json(token)).digest()).decode().rstrip("=")
    unsigned = f"{_base64(_json(_HEADER))}.{_base64(_json(token))}"
    return f"{unsigned}.{_base64(signer.sign(unsigned.encode()))}"


def decoded(token: str) -> Claims:
    """Return the claims of a token, without checking who signed it."""
    payload = token.split(".")[1]
    claims: Claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def same_claims(one: str, other: str) -> bool:
    """Whether two tokens carry the same claims, apart from when they were issued."""
    return _lasting(one) == _lasting(other)


def _lasting(token: str) -> Claims:
    return {name: value for name, value in decoded(token).items() if name not in {"iat", "jti"}}


def _json(value: Claims) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
