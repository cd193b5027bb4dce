"""Events that a link reports in addition to messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from oxy_core.identity import Jid


@dataclass(frozen=True, slots=True)
class Identified:
    """The link has learned which account it is connected to."""

    phone: Jid
    lid: Jid | None


@dataclass(frozen=True, slots=True)
class Connected:
    """Logged in and receiving."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The server has delivered everything that it queued while we were offline."""


@dataclass(frozen=True, slots=True)
class LinkedToAnother:
    """The link is connected to another account than it should be. It delivers no message of it."""

    phone: str
    """The account's number, E.164."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost. The library tries to reconnect."""

    reason: str
    """CamelCase, for conditions."""


CONNECT_FAILURE: Final = "ConnectFailure"
CLIENT_REJECTED: Final = "ClientRejected"


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The server refused the login, and the library does not try again."""

    reason: str = CONNECT_FAILURE
    """CamelCase, for conditions."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The phone or the server removed this device."""


@dataclass(frozen=True, slots=True)
class AccountLocked:
    """WhatsApp locked the account; its devices are unlinked."""


@dataclass(frozen=True, slots=True)
class AccountBanned:
    """WhatsApp banned the account; its devices are unlinked."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another client connected with the same session."""


@dataclass(frozen=True, slots=True)
class Banned:
    """WhatsApp blocked the number for some time."""

    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outdated:
    """WhatsApp refuses this version of the library."""


@dataclass(frozen=True, slots=True)
class QrOffered:
    """The server offers to link this device; `qr` is the content of a QR code."""

    qr: str


@dataclass(frozen=True, slots=True)
class PairingStopped:
    """Pairing on this connection is over: the device was linked (`succeeded`), or there are no more codes."""

    succeeded: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """A receipt: a device of the recipient has decrypted these messages of ours."""

    whatsapp_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkStopped:
    """The session has ended and delivers nothing more."""

    error: str
    opened: bool
    """Whether it had logged in; if not, it could not connect at all."""


LinkEvent = (
    Identified
    | LinkedToAnother
    | Connected
    | CaughtUp
    | Disconnected
    | LoginRefused
    | LoggedOut
    | AccountLocked
    | AccountBanned
    | Replaced
    | Banned
    | Outdated
    | QrOffered
    | PairingStopped
    | Delivered
    | LinkStopped
)
