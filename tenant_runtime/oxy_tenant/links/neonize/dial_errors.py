"""What an error means with which no connection could be made. Pure.

Source of the texts: Go's crypto/x509, crypto/tls and net, and whatsmeow socket/framesocket.go, client.go.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from oxy_core.identity import mask
from oxy_core.instance.connection_causes import MAX_DETAIL
from oxy_tenant.links.events import SERVER_UNREACHABLE
from oxy_tenant.links.neonize.proxy_errors import proxy_failure

_REASONS: Final[Mapping[str, str]] = {
    "certificate signed by unknown authority": "CertificateUntrusted",
    "certificate has expired or is not yet valid": "CertificateExpired",
    "certificate is valid for": "CertificateWrongName",
    "certificate is not valid for any names": "CertificateWrongName",
    "cannot validate certificate for": "CertificateWrongName",
    "TLS handshake timeout": "TlsFailed",
    "server gave HTTP response to HTTPS client": "TlsFailed",
    "tls: ": "TlsFailed",
    "x509: ": "CertificateUntrusted",
    ": lookup ": "NameNotResolved",
    "noise handshake failed": "HandshakeFailed",
}
"""Reasons by what the error contains; the first counts."""

_PREFIX: Final = re.compile(
    r"^(?:failed to dial whatsapp web websocket: |failed to WebSocket dial: |failed to send handshake request: "
    r'|Get "https?://[^"]*": )+'
)
"""What every such error begins with, which says nothing."""

_USER_INFO: Final = re.compile(r"//[^/\s@]*@")
"""Credentials in a URL."""

_LOCAL_END: Final = re.compile(r"\b(read|write) (tcp|udp) \S+->")
"""Our own end of a connection, which differs each time."""

_LONG_NUMBER: Final = re.compile(r"\d{8,}")
"""Phone numbers and LIDs."""


def failure_of(error: str, hide: Callable[[str], str] = str) -> tuple[str, str]:
    """Return what an error stands for: the reason, of a row of `connection_causes`, and the detail.

    `hide`: see `detail_of`.
    """
    failure = proxy_failure(error)
    if failure is not None:
        return failure.reason, detail_of(failure.detail, hide)
    reason = next((reason for text, reason in _REASONS.items() if text in error), SERVER_UNREACHABLE)
    return reason, detail_of(error, hide)


def detail_of(error: str, hide: Callable[[str], str] = str) -> str:
    """Return the part of an error that tells people something: one line, bounded, without credentials and numbers.

    `hide` removes credentials of the proxy that the error may quote. What it leaves can no longer be read: a user may
    be called as any word of the error.
    """
    text = hide(_LOCAL_END.sub(r"\1 \2 ", _USER_INFO.sub("//", _PREFIX.sub("", error))))
    text = "".join(character if character.isprintable() else " " for character in text)
    return _LONG_NUMBER.sub(lambda number: mask(number[0]), " ".join(text.split()))[:MAX_DETAIL]
