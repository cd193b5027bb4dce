"""Why a connection to WhatsApp was lost, refused or is in trouble: one row for each cause.

Each row says what the runtime does about it, and what a person can do. The runtime names the cause in its live state,
its reports and its termination message; the operator words conditions and events from the same row. Causes after
which nothing connects again are described in `terminal_causes`, and listed here with the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, ExitCode, TerminalCause

MAX_DETAIL: Final = 300
"""Longest detail in characters."""


class Effect(Enum):
    """What the runtime does about a cause."""

    HOLDS = "holds"
    """The connection stays."""
    RECONNECTS = "reconnects"
    """It connects again, with back-off. After the last attempt a new process goes on."""
    ENDS = "ends"
    """Nothing connects again until a person acts."""


@dataclass(frozen=True, slots=True)
class ConnectionCause:
    """One cause."""

    reason: str
    """CamelCase, for conditions; unique."""
    happened: str
    """What happened, as a sentence without its full stop."""
    advice: str
    """What Oxy does or what to do, as one sentence without its full stop; see `TerminalCause.advice`."""
    effect: Effect = Effect.RECONNECTS
    exit_code: ExitCode | None = None
    """With which the process exits; None: it goes on."""
    warns: bool = False
    """Whether a person should hear of it at once: it does not pass by itself, or not soon."""
    terminal: TerminalCause | None = None

    @property
    def reconnects(self) -> bool:
        """Whether the runtime connects again by itself."""
        return self.effect is Effect.RECONNECTS

    def explain(self, instance: str, detail: str = "") -> str:
        """Return what happened to `instance` and what to do, each once.

        `instance` is as `TerminalCause.explain` takes it; `detail` is the underlying error, bounded and without
        secrets; empty: none is known.
        """
        known = f": {detail.rstrip('.')}" if detail else ""
        if self.terminal is not None:
            return self.terminal.explain(instance, detail=known)
        return f"{self.happened}{known}. {self.advice}."


_RECONNECTS: Final = "Oxy reconnects by itself"
_EXPECTED: Final = "This is usual and passes. " + _RECONNECTS
_THEIRS: Final = "The fault is WhatsApp's. Oxy tries again, more and more slowly"
_PATH: Final = (
    "Check that pods, or their proxy if spec.network names one, can reach web.whatsapp.com:443; if they need one, set "
    "it there"
)
_PROXY: Final = (
    "Check the proxy, and its URL in the Secret that spec.network.proxySecretRef names. Oxy never connects directly"
)
_AUTHORITIES: Final = (
    "Something between the pod and WhatsApp answers in its place. If that is a proxy of yours, name its certificate "
    "authority in spec.network"
)
_VERSION: Final = (
    "Check whether a newer version of Oxy exists, and upgrade. Until then Oxy tries again, ever more slowly"
)

_LOST: Final = (
    ConnectionCause("RestartRequired", "WhatsApp asked for a reconnect", _EXPECTED),
    ConnectionCause("ServerRestarting", "WhatsApp restarted the server of this connection", _EXPECTED),
    ConnectionCause("StreamEnded", "WhatsApp ended the connection", _EXPECTED),
    ConnectionCause("StreamError", "WhatsApp ended the connection with an error that Oxy does not know", _RECONNECTS),
    ConnectionCause("ConnectionClosed", "WhatsApp closed the connection", _EXPECTED),
    ConnectionCause("ConnectionLost", "The network connection to WhatsApp was cut", _RECONNECTS),
    ConnectionCause("FrameTooLarge", "WhatsApp sent more at once than the library reads", _RECONNECTS),
    ConnectionCause(
        "FrameUnreadable",
        "WhatsApp sent something that cannot be read",
        "Oxy reconnects, so that what was missed comes again",
    ),
    ConnectionCause(
        "NothingReceived",
        "The connection is open, but nothing comes from WhatsApp any more",
        "Oxy replaces the connection, and if that does not help the process",
        warns=True,
    ),
    ConnectionCause("SlowAcknowledgement", "WhatsApp did not confirm a message that was sent", _RECONNECTS),
    ConnectionCause(
        "ConnectionUnsteady",
        "WhatsApp replaces one connection by the next",
        "Check whether another program uses the same session. Oxy tries again, more and more slowly",
        warns=True,
    ),
)

_HELD: Final = (
    ConnectionCause(
        "VolumeFull",
        "The session volume is almost full, so the instance has disconnected and WhatsApp keeps what arrives",
        "Enlarge the volume, or delete sessions that were set aside over 30 days ago (oxy sessions prune). Oxy "
        "then reconnects",
        warns=True,
    ),
    ConnectionCause(
        "JournalFull",
        "The journal has used up its share of the volume with what the bus has not taken, so the instance has "
        "disconnected and WhatsApp keeps what arrives",
        "Check NATS and the workers. Oxy reconnects once the journal is published. Its share is "
        "spec.session.journalPercent",
        warns=True,
    ),
)

_UNREACHABLE: Final = (
    ConnectionCause("ServerUnreachable", "WhatsApp cannot be reached", _PATH, warns=True),
    ConnectionCause(
        "NameNotResolved",
        "The name of WhatsApp's server cannot be resolved",
        "Check the cluster's DNS and whether pods may use it",
        warns=True,
    ),
    ConnectionCause(
        "CertificateUntrusted", "WhatsApp's certificate is of an unknown authority", _AUTHORITIES, warns=True
    ),
    ConnectionCause(
        "CertificateExpired",
        "WhatsApp's certificate is not valid at this time",
        "Check the clock of the pod's node, and what answers in WhatsApp's place",
        warns=True,
    ),
    ConnectionCause("CertificateWrongName", "WhatsApp's certificate is for another name", _AUTHORITIES, warns=True),
    ConnectionCause("TlsFailed", "No encrypted connection to WhatsApp could be made", _PATH, warns=True),
    ConnectionCause("ProxyUnreachable", "The instance's proxy cannot be reached", _PROXY, warns=True),
    ConnectionCause(
        "ProxyTimedOut",
        "The instance's proxy takes connections and does not connect them to WhatsApp",
        _PROXY,
        warns=True,
    ),
    ConnectionCause("ProxyRefused", "The instance's proxy refuses to connect to WhatsApp", _PROXY, warns=True),
    ConnectionCause(
        "ProxyAuthenticationFailed",
        "The instance's proxy does not accept the user or the password",
        "Correct the URL in the Secret that spec.network.proxySecretRef names. Oxy uses it within a minute",
        warns=True,
    ),
    ConnectionCause("HandshakeFailed", "WhatsApp's handshake failed", _AUTHORITIES, warns=True),
)

_REFUSED: Final = (
    ConnectionCause("LoginTimedOut", "WhatsApp did not answer the login in time", _PATH, warns=True),
    ConnectionCause("LoginUnavailable", "WhatsApp refuses logins at present", _THEIRS),
    ConnectionCause("LoginServerError", "WhatsApp failed at the login", _THEIRS),
    ConnectionCause(
        "LoginRateLimited",
        "WhatsApp refuses the login because there were too many",
        "Leave the instance alone: do not restart or pair it. Oxy tries again, more and more slowly",
        warns=True,
    ),
    ConnectionCause("ClientRejected", "WhatsApp refuses how this client introduces itself", _VERSION, warns=True),
    ConnectionCause(
        "LoginNotFound", "WhatsApp does not find what the client asks for at the login", _VERSION, warns=True
    ),
    ConnectionCause(
        "ConnectFailure", "WhatsApp refuses the login for a reason that Oxy does not know", _VERSION, warns=True
    ),
    ConnectionCause(
        "PairingDenied",
        "The phone did not accept the code",
        "Type it again, exactly as it is shown, on the phone with the instance's number. If that does not help, use "
        "the next code",
        Effect.HOLDS,
    ),
    ConnectionCause(
        "PhoneCodeRefused",
        "WhatsApp gives no code to type for this number",
        "Scan the QR code instead",
        Effect.HOLDS,
    ),
    ConnectionCause(
        "LinkingRefused",
        "WhatsApp refuses to have a phone linked on this connection",
        "It knows no number yet, so this is about the client, or the address that it connects from. Oxy tries again, "
        "more and more slowly. If it goes on, upgrade Oxy, or connect from another address (spec.network), and leave "
        "an hour between attempts",
        warns=True,
    ),
    ConnectionCause("PairingInterrupted", "WhatsApp closed the connection while a code was shown", _RECONNECTS),
    ConnectionCause(
        "RequestsRateLimited",
        "WhatsApp answers no more requests for now, because there were too many",
        "Messages go on. Send fewer messages to new people",
        Effect.HOLDS,
        warns=True,
    ),
    ConnectionCause(
        "AttemptsExhausted",
        "No connection to WhatsApp after all attempts",
        "Oxy goes on with a new process",
        exit_code=ExitCode.ATTEMPTS_EXHAUSTED,
        warns=True,
    ),
)


def _final(cause: TerminalCause) -> ConnectionCause:
    """Return the row of a cause that ends the epoch."""
    return ConnectionCause(
        cause.reason,
        cause.happened,
        f"{cause.advice}: oxy pair",
        Effect.ENDS,
        cause.exit_code,
        warns=True,
        terminal=cause,
    )


CONNECTION_CAUSES: Final[Mapping[str, ConnectionCause]] = {
    cause.reason: cause for cause in (*_LOST, *_HELD, *_UNREACHABLE, *_REFUSED, *map(_final, TERMINAL_CAUSES.values()))
}
"""By reason."""


def connection_cause(reason: str | None) -> ConnectionCause | None:
    """Return the row of a reason; None if this version does not know it."""
    return CONNECTION_CAUSES.get(reason or "")
