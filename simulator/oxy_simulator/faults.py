"""Faults: every way in which a connection to WhatsApp ends or misbehaves, each by one call.

Names and codes follow whatsmeow `connectionevents.go` and `types/events/events.go`.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from oxy_simulator import linking
from oxy_simulator.accounts import Account
from oxy_simulator.connection import Connection
from oxy_simulator.errors import RequestError
from oxy_simulator.faultkind import FaultKind as FaultKind  # noqa: PLC0414 - part of this module's interface
from oxy_simulator.faultkind import TlsTrouble
from oxy_simulator.frames import MAX_FRAME
from oxy_simulator.impairments import RULE_KINDS, Direction, Rule
from oxy_simulator.jid import SERVER_JID
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node

# Source: whatsmeow `types/events/events.go`, ConnectFailureReason.
LOGIN_FAILURES: Final = {
    FaultKind.LOGGED_OUT: 401,
    FaultKind.TEMPORARY_BAN: 402,
    FaultKind.LOCKED: 403,
    FaultKind.OUTDATED: 405,
    FaultKind.BANNED: 406,
    FaultKind.BAD_USER_AGENT: 409,
    FaultKind.NOT_FOUND: 415,
    FaultKind.LOGIN_ERROR: 500,
    FaultKind.LOGIN_UNAVAILABLE: 503,
}
BAN_CODES: Final = (101, 102, 103, 104, 106)
"""Why an account is banned for a time. Source: whatsmeow types/events/events.go, TempBanReason."""

# Source: whatsmeow `connectionevents.go`, handleStreamError, and `client.go`, handleFrame.
_STREAM_ERRORS: Final[dict[FaultKind, Callable[[], Node]]] = {
    FaultKind.RESTART: lambda: node("stream:error", {"code": "515"}),
    FaultKind.UNAVAILABLE: lambda: node("stream:error", {"code": "503"}),
    FaultKind.STREAM_END: lambda: node("xmlstreamend"),
    FaultKind.REPLACED: lambda: node("stream:error", content=[node("conflict", {"type": "replaced"})]),
}
_ENDS: Final = frozenset({*_STREAM_ERRORS, FaultKind.UNKNOWN_ERROR, FaultKind.CLOSE, FaultKind.ABORT})
"""What ends a connection and does nothing else."""

_GONE: Final = frozenset({FaultKind.LOGGED_OUT, FaultKind.LOCKED, FaultKind.BANNED})
"""What a server says at a login of a device that is no more, and to clients that it will not have linked."""

_DEFAULT_CODES: Final = {
    FaultKind.UNKNOWN_ERROR: 500,
    FaultKind.TEMPORARY_BAN: 101,
    FaultKind.REFUSE: 500,
    FaultKind.PROXY: 502,
}
# Rules that hold until they are cleared when neither a count nor a duration is given.
_LASTING: Final = frozenset({FaultKind.REACHOUT_LOCK})

_GCM_TAG: Final = 16  # bytes; NIST SP 800-38D, as Noise uses it
_GARBAGE_SIZE: Final = 64  # enough that it can be no compressed stanza by chance
_COMPRESSED: Final = b"\x02"  # whatsmeow `binary/unpack.go`, Unpack


@dataclass(frozen=True, slots=True)
class Breakage:
    """A fault in full. Seconds, bytes a second and codes as `FaultKind` explains them."""

    kind: FaultKind
    count: int | None = None
    code: int | None = None
    expire: int = 3600
    duration: float | None = None
    delay: float = 5.0
    direction: Direction | None = None
    peer: str | None = None
    limit: int = 0
    window: float = 60.0
    stanza: str | None = None
    rate: int = 1000
    tls: TlsTrouble = "untrusted"

    @property
    def times(self) -> int:
        """How often it happens: once, unless said otherwise."""
        return self.count or 1

    def code_of_kind(self) -> int:
        """Return the code, or the one that the kind has by itself; raise RequestError if it needs one."""
        code = self.code if self.code is not None else _DEFAULT_CODES.get(self.kind)
        if code is None:
            msg = f"fault {self.kind.value!r} needs 'code': with which error to fail"
            raise RequestError(msg)
        return code


def break_phone(network: Network, account: Account, breakage: Breakage) -> None:
    """Apply a fault to a phone's linked devices; raise RequestError if it lacks what it needs.

    A client that waits for its code to be typed on the phone is ended, too, by what does nothing else, and refused as a
    device would be that is no more.
    """
    kind = breakage.kind
    if kind in RULE_KINDS:
        network.impairments.add(_rule(network, account, breakage))
    elif kind in LOGIN_FAILURES or kind is FaultKind.LOGIN_FAILURE:
        failure = _login_failure(breakage)
        network.login_failures.setdefault(account.phone, deque()).extend([failure] * breakage.times)
        waiting = network.links.get(account.phone)
        if waiting is not None and kind in _GONE:
            waiting.connection.finish(failure)
    elif kind is FaultKind.FORGET_SESSIONS:
        account.sessions.clear()
    elif kind is FaultKind.UNLINKED:
        for device_id in list(account.devices):
            linking.unlink(network, account, device_id)
    for connection in list(_reached(network, account, kind)):
        if kind is FaultKind.LOGGED_IN_AGAIN:
            for _ in range(breakage.times):
                connection.send(node("success", {"t": int(network.clock()), "lid": connection.lid}))
        else:
            _break_connection(connection, breakage)
    network.changed(account)


def _reached(network: Network, account: Account, kind: FaultKind) -> Iterator[Connection]:
    yield from network.connections_of(account)
    waiting = network.links.get(account.phone)
    if waiting is not None and kind in _ENDS:
        yield waiting.connection


def _break_connection(connection: Connection, breakage: Breakage) -> None:
    kind = breakage.kind
    if kind in _STREAM_ERRORS:
        connection.finish(_STREAM_ERRORS[kind]())
    elif kind is FaultKind.UNKNOWN_ERROR:
        connection.finish(node("stream:error", {"code": breakage.code_of_kind()}))
    elif kind is FaultKind.CLOSE:
        connection.close()
    elif kind in LOGIN_FAILURES or kind in {FaultKind.ABORT, FaultKind.LOGIN_FAILURE}:
        connection.abort()
    else:
        _disturb_connection(connection, breakage)


def _disturb_connection(connection: Connection, breakage: Breakage) -> None:
    kind = breakage.kind
    if kind is FaultKind.SILENCE:
        connection.muted = True
    elif kind is FaultKind.HALF_OPEN:
        connection.pace.stop()
    elif kind is FaultKind.SLOW:
        connection.pace.slow(breakage.rate, breakage.direction)
    elif kind is FaultKind.GARBAGE:
        for _ in range(breakage.times):
            connection.send_plaintext(_COMPRESSED + os.urandom(_GARBAGE_SIZE))
    elif kind is FaultKind.UNKNOWN_STANZA:
        for _ in range(breakage.times):
            connection.send(node("oxymoron", {"from": SERVER_JID, "id": connection.next_id(), "type": "unheard-of"}))
    elif kind is FaultKind.OVERSIZED_FRAME:
        # With its 3 bytes of length this is beyond what clients read. Source: whatsmeow
        # socket/framesocket.go, SetReadLimit(FrameMaxSize).
        connection.send_plaintext(bytes(MAX_FRAME - 1 - _GCM_TAG))


def _rule(network: Network, account: Account, breakage: Breakage) -> Rule:
    lasting = breakage.duration is not None or breakage.limit > 0 or breakage.kind in _LASTING
    return Rule(
        kind=breakage.kind,
        phone=account.phone,
        left=breakage.count if lasting else breakage.times,
        until=None if breakage.duration is None else network.clock() + breakage.duration,
        direction=breakage.direction or ("inbound" if breakage.kind is FaultKind.CORRUPT else None),
        peer=breakage.peer,
        delay=breakage.delay,
        code=breakage.code_of_kind() if breakage.kind is FaultKind.REFUSE else 0,
        limit=breakage.limit,
        window=breakage.window,
        stanza=breakage.stanza,
    )


def _login_failure(breakage: Breakage) -> Node:
    kind = breakage.kind
    reason = LOGIN_FAILURES[kind] if kind in LOGIN_FAILURES else breakage.code_of_kind()
    attrs: Attrs = {"reason": reason, "location": "lla"}
    if kind is FaultKind.TEMPORARY_BAN:
        attrs = {**attrs, "code": breakage.code_of_kind(), "expire": breakage.expire}
    return node("failure", attrs)
