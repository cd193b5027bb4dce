"""Faults: every way in which a connection to WhatsApp ends or misbehaves, each by one call.

Names and codes follow whatsmeow `connectionevents.go` and `types/events/events.go`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oxy_simulator import linking
from oxy_simulator.accounts import Account
from oxy_simulator.connection import Connection
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node


class FaultKind(StrEnum):
    """What can be broken. All but `down` and `up` name a phone and act on its linked devices."""

    RESTART = "restart"
    """The server asks for a reconnect (stream error 515)."""
    UNAVAILABLE = "unavailable"
    """The server restarts (stream error 503)."""
    UNKNOWN_ERROR = "unknown-error"
    """A stream error that clients do not know (500)."""
    ABORT = "abort"
    """The TCP connection is cut."""
    CLOSE = "close"
    """The WebSocket is closed properly."""
    STREAM_END = "stream-end"
    """The server ends the stream, then closes."""
    REPLACED = "replaced"
    """Another client took the connection over (stream error, conflict replaced)."""
    UNLINKED = "unlinked"
    """The phone removes the device (401, device_removed); it must be linked again."""
    LOGGED_OUT = "logged-out"
    """The next `count` logins fail with 401: the device is gone."""
    BANNED = "banned"
    """The next `count` logins fail with 403: the account is banned."""
    LOCKED = "locked"
    """The next `count` logins fail with 406: the account is locked."""
    TEMPORARY_BAN = "temporary-ban"
    """The next `count` logins fail with 402, with `code` and `expire` seconds."""
    OUTDATED = "outdated"
    """The next `count` logins fail with 405: the client is too old."""
    BAD_USER_AGENT = "bad-user-agent"
    """The next `count` logins fail with 409."""
    LOGIN_ERROR = "login-error"
    """The next `count` logins fail with 500."""
    LOGIN_UNAVAILABLE = "login-unavailable"
    """The next `count` logins fail with 503."""
    SILENCE = "silence"
    """The connection stays open and the server says nothing more on it."""
    CORRUPT = "corrupt"
    """The next `count` messages to the phone's devices arrive damaged, and are asked for again."""
    FORGET_SESSIONS = "forget-sessions"
    """The phone loses its Signal sessions: it can neither read nor continue the old ones."""
    DOWN = "down"
    """Every connection is cut and new ones are refused until `up`."""
    UP = "up"
    """The end of `down`."""


LOGIN_FAILURES: Final = {
    FaultKind.LOGGED_OUT: 401,
    FaultKind.TEMPORARY_BAN: 402,
    FaultKind.BANNED: 403,
    FaultKind.OUTDATED: 405,
    FaultKind.LOCKED: 406,
    FaultKind.BAD_USER_AGENT: 409,
    FaultKind.LOGIN_ERROR: 500,
    FaultKind.LOGIN_UNAVAILABLE: 503,
}

_STREAM_ERRORS: Final[dict[FaultKind, Callable[[], Node]]] = {
    FaultKind.RESTART: lambda: node("stream:error", {"code": "515"}),
    FaultKind.UNAVAILABLE: lambda: node("stream:error", {"code": "503"}),
    FaultKind.UNKNOWN_ERROR: lambda: node("stream:error", {"code": "500"}),
    FaultKind.STREAM_END: lambda: node("xmlstreamend"),
    FaultKind.REPLACED: lambda: node("stream:error", content=[node("conflict", {"type": "replaced"})]),
}


@dataclass(frozen=True, slots=True)
class Breakage:
    """A fault in full: how often, and the ban's code and length in seconds where it is one."""

    kind: FaultKind
    count: int = 1
    code: int = 101
    expire: int = 3600


def break_phone(network: Network, account: Account, breakage: Breakage) -> None:
    """Apply a fault to a phone's linked devices."""
    kind = breakage.kind
    if kind in LOGIN_FAILURES:
        failures = network.login_failures.setdefault(account.phone, deque())
        failures.extend([_login_failure(breakage)] * breakage.count)
    elif kind is FaultKind.CORRUPT:
        network.corrupt_next[account.phone] = breakage.count
    elif kind is FaultKind.FORGET_SESSIONS:
        account.sessions.clear()
    elif kind is FaultKind.UNLINKED:
        for device_id in list(account.devices):
            linking.unlink(network, account, device_id)
    for connection in list(network.connections_of(account)):
        _break_connection(connection, kind)
    network.changed(account)


def _break_connection(connection: Connection, kind: FaultKind) -> None:
    if kind in _STREAM_ERRORS:
        connection.finish(_STREAM_ERRORS[kind]())
    elif kind is FaultKind.CLOSE:
        connection.close()
    elif kind is FaultKind.ABORT or kind in LOGIN_FAILURES:
        connection.abort()
    elif kind is FaultKind.SILENCE:
        connection.muted = True


def _login_failure(breakage: Breakage) -> Node:
    attrs: Attrs = {"reason": LOGIN_FAILURES[breakage.kind], "location": "lla"}
    if breakage.kind is FaultKind.TEMPORARY_BAN:
        attrs = {**attrs, "code": breakage.code, "expire": breakage.expire}
    return node("failure", attrs)
