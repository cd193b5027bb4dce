"""The names of all faults, and the options that each takes beside its name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

TlsTrouble = Literal["untrusted", "expired", "wrong-name", "plain", "cut", "hang", "impostor"]
"""How TLS fails: by its certificate, as there is none, by an end, by silence; `impostor`: what is behind it fails."""


class FaultKind(StrEnum):
    """What can be broken; `break_phone` and `Service.fault` say what each acts on."""

    # How a connection ends. Each names a phone and acts on its linked devices; those that end a connection and nothing
    # else, also on a client that waits for its code to be typed there. That is refused with 401, 403 and 406, too.
    RESTART = "restart"
    """The server asks for a reconnect (stream error 515)."""
    UNAVAILABLE = "unavailable"
    """The server restarts (stream error 503)."""
    UNKNOWN_ERROR = "unknown-error"
    """A stream error that clients do not know (`code`, 500 if none is given)."""
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
    LOCKED = "locked"
    """The next `count` logins fail with 403: the account is locked (WhatsApp Web's name for it)."""
    BANNED = "banned"
    """The next `count` logins fail with 406: the account is banned (WhatsApp Web's name for it)."""
    TEMPORARY_BAN = "temporary-ban"
    """The next `count` logins fail with 402, with the ban's `code` and `expire` seconds."""
    OUTDATED = "outdated"
    """The next `count` logins fail with 405: the client is too old."""
    BAD_USER_AGENT = "bad-user-agent"
    """The next `count` logins fail with 409."""
    NOT_FOUND = "not-found"
    """The next `count` logins fail with 415."""
    LOGIN_ERROR = "login-error"
    """The next `count` logins fail with 500."""
    LOGIN_UNAVAILABLE = "login-unavailable"
    """The next `count` logins fail with 503."""
    LOGIN_FAILURE = "login-failure"
    """The next `count` logins fail with any `code`, or are never answered (0)."""

    # How a connection misbehaves while it stays open.
    SILENCE = "silence"
    """The connection stays open and the server says nothing more on it."""
    HALF_OPEN = "half-open"
    """The other end is gone without a word: nothing more is read or written, and nobody notices."""
    SLOW = "slow"
    """The connection passes `rate` bytes a second in `direction` (both if none is given)."""
    CORRUPT_FRAME = "corrupt-frame"
    """The next `count` frames (only those of a `stanza`, if given) fail authentication at the client."""
    GARBAGE = "garbage"
    """The client gets `count` frames that decrypt to no node."""
    UNKNOWN_STANZA = "unknown-stanza"
    """The client gets `count` stanzas of a kind that does not exist."""
    OVERSIZED_FRAME = "oversized-frame"
    """The client gets a frame just beyond the protocol's limit."""
    LOGGED_IN_AGAIN = "logged-in-again"
    """The client is told `count` times that it has logged in, and never that an earlier connection has ended."""

    # What happens to messages and requests. A rule holds for `count` times or `duration` seconds.
    CORRUPT = "corrupt"
    """Messages to the phone's devices (or from them, by `direction`) arrive damaged, and are asked for again."""
    DROP = "drop"
    """Messages get lost on the way, for good."""
    DUPLICATE = "duplicate"
    """Messages are carried twice, with the same ciphertext."""
    DELAY = "delay"
    """Messages are held for `delay` seconds."""
    REORDER = "reorder"
    """The next `count` messages are held and carried in reverse (after `delay` seconds at the latest)."""
    NO_ACK = "no-ack"
    """The devices' messages are carried, and the server never says so."""
    LATE_ACK = "late-ack"
    """The devices' messages are carried, and the server says so `delay` seconds later."""
    REFUSE = "refuse"
    """The devices' messages are refused with `code` (500 if none is given)."""
    REACHOUT_LOCK = "reachout-lock"
    """Messages to people who never wrote to the account are refused with 463."""
    RATE_LIMIT = "rate-limit"
    """Messages beyond `limit` in `window` seconds (all, without a limit) are refused with 429."""
    RATE_LIMIT_REQUESTS = "rate-limit-requests"
    """As `rate-limit`, for requests (IQs), also one for a code that links the phone: 429 rate-overlimit."""
    FORGET_SESSIONS = "forget-sessions"
    """The phone loses its Signal sessions: it can neither read nor continue the old ones."""

    # The whole server, without a phone.
    TLS = "tls"
    """The next `count` connections meet a broken TLS (`tls`: untrusted, expired, wrong-name, plain, cut, hang), or
    behind it a server that cannot prove who it is (impostor)."""
    PROXY = "proxy"
    """The next `count` connections are refused by the proxy with `code`, or hang (0)."""
    DOWN = "down"
    """Every connection is cut and new ones are refused until `up`."""
    UP = "up"
    """The end of `down`."""


SERVER_KINDS: Final = frozenset({FaultKind.TLS, FaultKind.PROXY, FaultKind.DOWN, FaultKind.UP})
"""Faults of the whole server: they take no phone."""

_RULE: Final = ("count", "duration")
_CARRIAGE: Final = (*_RULE, "peer", "direction")

OPTIONS: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.RESTART: (),
    FaultKind.UNAVAILABLE: (),
    FaultKind.UNKNOWN_ERROR: ("code",),
    FaultKind.ABORT: (),
    FaultKind.CLOSE: (),
    FaultKind.STREAM_END: (),
    FaultKind.REPLACED: (),
    FaultKind.UNLINKED: (),
    FaultKind.LOGGED_OUT: ("count",),
    FaultKind.BANNED: ("count",),
    FaultKind.LOCKED: ("count",),
    FaultKind.TEMPORARY_BAN: ("count", "code", "expire"),
    FaultKind.OUTDATED: ("count",),
    FaultKind.BAD_USER_AGENT: ("count",),
    FaultKind.NOT_FOUND: ("count",),
    FaultKind.LOGIN_ERROR: ("count",),
    FaultKind.LOGIN_UNAVAILABLE: ("count",),
    FaultKind.LOGIN_FAILURE: ("count", "code"),
    FaultKind.SILENCE: (),
    FaultKind.HALF_OPEN: (),
    FaultKind.SLOW: ("rate", "direction"),
    FaultKind.CORRUPT_FRAME: (*_RULE, "stanza"),
    FaultKind.GARBAGE: ("count",),
    FaultKind.UNKNOWN_STANZA: ("count",),
    FaultKind.OVERSIZED_FRAME: (),
    FaultKind.LOGGED_IN_AGAIN: ("count",),
    FaultKind.CORRUPT: _CARRIAGE,
    FaultKind.DROP: _CARRIAGE,
    FaultKind.DUPLICATE: _CARRIAGE,
    FaultKind.DELAY: (*_CARRIAGE, "delay"),
    FaultKind.REORDER: (*_CARRIAGE, "delay"),
    FaultKind.NO_ACK: (*_RULE, "peer"),
    FaultKind.LATE_ACK: (*_RULE, "peer", "delay"),
    FaultKind.REFUSE: (*_RULE, "peer", "code"),
    FaultKind.REACHOUT_LOCK: (*_RULE, "peer"),
    FaultKind.RATE_LIMIT: (*_RULE, "peer", "limit", "window"),
    FaultKind.RATE_LIMIT_REQUESTS: (*_RULE, "limit", "window"),
    FaultKind.FORGET_SESSIONS: (),
    FaultKind.TLS: (*_RULE, "tls"),
    FaultKind.PROXY: (*_RULE, "code"),
    FaultKind.DOWN: (),
    FaultKind.UP: (),
}
"""What each kind takes beside its `phone` (which all take but those of the whole server)."""


def foreign_options(kind: str, taken: tuple[str, ...], given: set[str]) -> str | None:
    """Explain which options do not belong to a kind, which would be broader than meant without them; None if all do."""
    foreign = sorted(given - set(taken))
    if not foreign:
        return None
    return f"{kind} takes {', '.join(taken) or 'no options'}; not {', '.join(foreign)}"
