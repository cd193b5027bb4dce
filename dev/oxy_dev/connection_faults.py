"""What can go wrong with a connection to WhatsApp: how the simulator brings it about, and what Oxy makes of it.

One row for each fault. The tests of the runtime and those on a node go through the same rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from oxy_core.instance.connection_causes import CONNECTION_CAUSES, ConnectionCause
from oxy_simulator.faultkind import SERVER_KINDS, FaultKind
from oxy_simulator.testing import Phone, WhatsApp


@dataclass(frozen=True, slots=True)
class ConnectionFault:
    """A fault of one instance's connection."""

    name: str
    """Also the name of an instance."""
    kind: FaultKind
    reason: str
    """Of the cause that is shown."""
    options: Mapping[str, object] = field(default_factory=dict)
    says: str = ""
    """What the underlying error contains; empty: nothing in particular, or there is none."""

    @property
    def cause(self) -> ConnectionCause:
        """What is known of the cause."""
        return CONNECTION_CAUSES[self.reason]

    @property
    def of_server(self) -> bool:
        """Whether it concerns whoever connects next, so that no other instance may connect meanwhile."""
        return self.kind in SERVER_KINDS

    async def inflict(self, whatsapp: WhatsApp, business: Phone) -> None:
        """Break the connection of the client that is linked with `business`."""
        if self.of_server:
            await whatsapp.fault(self.kind, **self.options)
            await business.fault(FaultKind.ABORT)
        else:
            await business.fault(self.kind, **self.options)


_LOGINS: Final = 3
"""How many logins meet a fault: the library may begin one in the moment in which its session is closed."""


def _login_failure(name: str, code: int, reason: str) -> ConnectionFault:
    options = {"code": code, "count": _LOGINS}
    return ConnectionFault(name, FaultKind.LOGIN_FAILURE, reason, options, f"code {code}")


def _final_login(name: str, kind: FaultKind, reason: str, says: str = "", **options: object) -> ConnectionFault:
    return ConnectionFault(name, kind, reason, {"count": _LOGINS, **options}, says)


def _tls(name: str, tls: str, reason: str, says: str) -> ConnectionFault:
    return ConnectionFault(name, FaultKind.TLS, reason, {"tls": tls, "count": _LOGINS}, says)


PASSING: Final = (
    ConnectionFault("restart", FaultKind.RESTART, "RestartRequired"),
    ConnectionFault("unavailable", FaultKind.UNAVAILABLE, "ServerRestarting"),
    ConnectionFault("unknown-error", FaultKind.UNKNOWN_ERROR, "StreamError", {"code": 500}, "code 500"),
    ConnectionFault("rate-limited", FaultKind.UNKNOWN_ERROR, "StreamError", {"code": 429}, "code 429"),
    ConnectionFault("stream-end", FaultKind.STREAM_END, "StreamEnded"),
    ConnectionFault("abort", FaultKind.ABORT, "ConnectionLost", says="failed to read frame header"),
    ConnectionFault("close", FaultKind.CLOSE, "ConnectionClosed"),
    ConnectionFault("corrupt-frame", FaultKind.CORRUPT_FRAME, "FrameUnreadable", {"count": 1}, "authentication failed"),
    ConnectionFault("garbage", FaultKind.GARBAGE, "FrameUnreadable", {"count": 1}),
    ConnectionFault("oversized-frame", FaultKind.OVERSIZED_FRAME, "FrameTooLarge"),
    ConnectionFault("unsteady", FaultKind.LOGGED_IN_AGAIN, "ConnectionUnsteady", {"count": 2}),
    ConnectionFault("login-error", FaultKind.LOGIN_ERROR, "LoginServerError", {"count": _LOGINS}, "code 500"),
    ConnectionFault(
        "login-unavailable", FaultKind.LOGIN_UNAVAILABLE, "LoginUnavailable", {"count": _LOGINS}, "code 503"
    ),
    ConnectionFault("bad-user-agent", FaultKind.BAD_USER_AGENT, "ClientRejected", {"count": _LOGINS}, "code 409"),
    ConnectionFault("not-found", FaultKind.NOT_FOUND, "LoginNotFound", {"count": _LOGINS}, "code 415"),
    _login_failure("login-rate-limited", 429, "LoginRateLimited"),
    _login_failure("generic-failure", 400, "ConnectFailure"),
    _login_failure("unknown-client", 418, "ConnectFailure"),
    _login_failure("unknown-failure", 777, "ConnectFailure"),
)
"""Faults of one connection after which it comes back by itself."""

OF_SERVER: Final = (
    _tls("tls-untrusted", "untrusted", "CertificateUntrusted", "x509: certificate signed by unknown authority"),
    _tls("tls-expired", "expired", "CertificateExpired", "x509: certificate has expired"),
    _tls("tls-wrong-name", "wrong-name", "CertificateWrongName", "x509: certificate is valid for"),
    _tls("tls-plain", "plain", "TlsFailed", "http: server gave HTTP response to HTTPS client"),
    _tls("tls-cut", "cut", "ServerUnreachable", "EOF"),
    _tls("impostor", "impostor", "HandshakeFailed", "noise handshake failed"),
)
"""Faults of whoever connects next, after which the connection comes back by itself."""

SILENT: Final = (
    ConnectionFault("silence", FaultKind.SILENCE, "NothingReceived", says="nothing for"),
    ConnectionFault("half-open", FaultKind.HALF_OPEN, "NothingReceived", says="nothing for"),
)
"""Faults that only time reveals."""

UNANSWERED: Final = ConnectionFault(
    "login-unanswered", FaultKind.LOGIN_FAILURE, "LoginTimedOut", {"code": 0, "count": 2}
)
"""One more that only time reveals: at a login. The library's own attempt meets it, too, and is given up for another."""

FINAL: Final = (
    ConnectionFault("unlinked", FaultKind.UNLINKED, "LoggedOut"),
    _final_login("logged-out", FaultKind.LOGGED_OUT, "LoggedOut"),
    _final_login("locked", FaultKind.LOCKED, "AccountLocked"),
    _final_login("banned", FaultKind.BANNED, "AccountBanned"),
    _final_login(
        "temporary-ban",
        FaultKind.TEMPORARY_BAN,
        "TemporaryBan",
        "too many messages to people who do not have this number in their address books",
        code=101,
        expire=7200,
    ),
    _final_login("unknown-ban", FaultKind.TEMPORARY_BAN, "TemporaryBan", code=777, expire=7200),
    _final_login("outdated", FaultKind.OUTDATED, "ClientOutdated"),
    ConnectionFault("replaced", FaultKind.REPLACED, "ConnectionReplaced"),
)
"""Faults after which nothing connects again until a person acts."""
