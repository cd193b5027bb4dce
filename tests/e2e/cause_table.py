"""What people must be told of each cause of a lost connection: the table in docs/architecture.md, in full.

It repeats on purpose what `oxy_core.instance.connection_causes` says: on a node, that is compared with it (`make
e2e-node-matrix`). A unit test compares it with the documentation, and fails for a cause that has no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one cause."""

    happened: str
    advice: str
    """A part of it that no other words contain; ``{instance}`` stands for the instance, as commands take it."""
    warns: bool = False
    """Whether a Kubernetes Event tells people; otherwise none does."""
    phase: str = "Reconnecting"
    exit_code: int | None = None
    """Of the container; None: the process goes on, and connects again by itself."""

    def advice_to(self, instance: str) -> str:
        """Return the advice to an instance, which is as commands take it."""
        return self.advice.replace("{instance}", instance)


_USUAL = "This is usual and passes. Oxy reconnects by itself"
_BY_ITSELF = "Oxy reconnects by itself"
_THEIRS = "The fault is WhatsApp's. Oxy tries again, more and more slowly"
_PATH = (
    "Check that pods, or their proxy if spec.network names one, can reach web.whatsapp.com:443; if they need one, set "
    "it there"
)
_AUTHORITY = "If that is a proxy of yours, name its certificate authority in spec.network"
_PROXY = (
    "Check the proxy, and its URL in the Secret that spec.network.proxySecretRef names. Oxy never connects directly"
)
_UPGRADE = "Check whether a newer version of Oxy exists, and upgrade"

SHOWN: Final[Mapping[str, Shown]] = {
    "RestartRequired": Shown("WhatsApp asked for a reconnect", _USUAL),
    "ServerRestarting": Shown("WhatsApp restarted the server of this connection", _USUAL),
    "StreamEnded": Shown("WhatsApp ended the connection.", _USUAL),
    "StreamError": Shown("WhatsApp ended the connection with an error that Oxy does not know", _BY_ITSELF),
    "ConnectionClosed": Shown("WhatsApp closed the connection", _USUAL),
    "ConnectionLost": Shown("The network connection to WhatsApp was cut", _BY_ITSELF),
    "FrameTooLarge": Shown("WhatsApp sent more at once than the library reads", _BY_ITSELF),
    "FrameUnreadable": Shown("WhatsApp sent something that cannot be read", "so that what was missed comes again"),
    "NothingReceived": Shown(
        "The connection is open, but nothing comes from WhatsApp any more",
        "Oxy replaces the connection, and if that does not help the process",
        warns=True,
    ),
    "SlowAcknowledgement": Shown("WhatsApp did not confirm a message that was sent", _BY_ITSELF),
    "ConnectionUnsteady": Shown(
        "WhatsApp replaces one connection by the next",
        "Check whether another program uses the same session",
        warns=True,
    ),
    "VolumeFull": Shown(
        "The session volume is almost full",
        "Enlarge the volume, or delete sessions that were set aside over 30 days ago (oxy sessions prune). Oxy "
        "then reconnects",
        warns=True,
    ),
    "ServerUnreachable": Shown("WhatsApp cannot be reached", _PATH, warns=True),
    "NameNotResolved": Shown(
        "The name of WhatsApp's server cannot be resolved",
        "Check the cluster's DNS and whether pods may use it",
        warns=True,
    ),
    "CertificateUntrusted": Shown("WhatsApp's certificate is of an unknown authority", _AUTHORITY, warns=True),
    "CertificateExpired": Shown(
        "WhatsApp's certificate is not valid at this time", "Check the clock of the pod's node", warns=True
    ),
    "CertificateWrongName": Shown("WhatsApp's certificate is for another name", _AUTHORITY, warns=True),
    "TlsFailed": Shown("No encrypted connection to WhatsApp could be made", _PATH, warns=True),
    "HandshakeFailed": Shown("WhatsApp's handshake failed", _AUTHORITY, warns=True),
    "ProxyUnreachable": Shown("The instance's proxy cannot be reached", _PROXY, warns=True),
    "ProxyTimedOut": Shown(
        "The instance's proxy takes connections and does not connect them to WhatsApp", _PROXY, warns=True
    ),
    "ProxyRefused": Shown("The instance's proxy refuses to connect to WhatsApp", _PROXY, warns=True),
    "ProxyAuthenticationFailed": Shown(
        "The instance's proxy does not accept the user or the password",
        "Correct the URL in the Secret that spec.network.proxySecretRef names. Oxy uses it within a minute",
        warns=True,
    ),
    "LoginTimedOut": Shown("WhatsApp did not answer the login in time", _PATH, warns=True),
    "LoginUnavailable": Shown("WhatsApp refuses logins at present", _THEIRS),
    "LoginServerError": Shown("WhatsApp failed at the login", _THEIRS),
    "LoginRateLimited": Shown(
        "WhatsApp refuses the login because there were too many",
        "Leave the instance alone: do not restart or pair it",
        warns=True,
    ),
    "ClientRejected": Shown("WhatsApp refuses how this client introduces itself", _UPGRADE, warns=True),
    "LoginNotFound": Shown("WhatsApp does not find what the client asks for at the login", _UPGRADE, warns=True),
    "ConnectFailure": Shown("WhatsApp refuses the login for a reason that Oxy does not know", _UPGRADE, warns=True),
    "AttemptsExhausted": Shown(
        "No connection to WhatsApp after", "Oxy goes on with a new process", warns=True, exit_code=70
    ),
    "RequestsRateLimited": Shown(
        "WhatsApp answers no more requests for now, because there were too many",
        "Messages go on. Send fewer messages to new people",
        warns=True,
        phase="Connected",
    ),
    "PairingDenied": Shown(
        "The phone did not accept the code", "Type it again, exactly as it is shown", phase="Pairing"
    ),
    "PhoneCodeRefused": Shown(
        "WhatsApp gives no code to type for this number", "Scan the QR code instead", phase="Pairing"
    ),
    "PairingInterrupted": Shown("WhatsApp closed the connection while a code was shown", _BY_ITSELF, phase="Pairing"),
    "LinkingRefused": Shown(
        "WhatsApp refuses to have a phone linked on this connection",
        "If it goes on, upgrade Oxy, or connect from another address (spec.network)",
        warns=True,
        phase="Pairing",
    ),
    "LoggedOut": Shown(
        "The linked device was removed on the phone",
        "To link it again, run: oxy pair",
        warns=True,
        phase="LoggedOut",
        exit_code=64,
    ),
    "ConnectionReplaced": Shown(
        "Another client connected with the same session",
        "Oxy does not compete with it. Stop the other client, then run: oxy pair",
        warns=True,
        phase="Paused",
        exit_code=65,
    ),
    "TemporaryBan": Shown(
        "WhatsApp has temporarily banned this number until",
        "Send fewer messages, wait until the ban ends, then run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=66,
    ),
    "ClientOutdated": Shown(
        "WhatsApp no longer accepts this client version",
        "Upgrade Oxy, then run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=67,
    ),
    "AccountLocked": Shown(
        "WhatsApp has locked this account and unlinked its devices",
        "Open WhatsApp on the phone and do what it asks, then run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=69,
    ),
    "AccountBanned": Shown(
        "WhatsApp has banned this account and unlinked its devices",
        "Request a review in WhatsApp on the phone. Once the ban is lifted, run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=69,
    ),
    "BadSession": Shown(
        "The stored session is damaged; it was set aside",
        "Restore the newest backup, for which no phone is needed: oxy sessions restore {instance}, or "
        "spec.session.restoreFrom with a new request. Without a backup of it, remove the old device on the phone, then "
        "run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=68,
    ),
    "SessionMissing": Shown(
        "The session on the volume is gone or empty, although a phone was linked with it and has not removed it",
        "Restore the newest backup, for which no phone is needed: oxy sessions restore {instance}, or "
        "spec.session.restoreFrom with a new request. Without a backup of it, remove the old device on the phone, then "
        "run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=68,
    ),
    "LinkedToAnotherNumber": Shown(
        "The phone that was linked has another number than this instance",
        "To link the right phone, run: oxy pair",
        warns=True,
        phase="Failed",
        exit_code=72,
    ),
}
"""By reason."""

ELSEWHERE: Final[Mapping[str, str]] = {"JournalFull": "tests/integration/tenant/test_full_volume.py"}
"""Causes that no row brings about on a node, and the tests that have them. While the bus is there to tell of a full
journal, it soon takes what the journal holds."""
