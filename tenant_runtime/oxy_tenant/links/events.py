"""What a link reports besides messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from oxy_core.identity import Jid


@dataclass(frozen=True, slots=True)
class Identified:
    """The link knows the account that it is connected with."""

    phone: Jid
    lid: Jid | None


@dataclass(frozen=True, slots=True)
class Connected:
    """Logged in and receiving."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything that waited on the server while we were away has been delivered."""


CONNECT_FAILURE: Final = "ConnectFailure"
"""Reason of `Disconnected` when the server refused the login: the library does not retry."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost; unless the login was refused, the library reconnects for a while."""

    reason: str
    """CamelCase, for conditions."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The phone or the server removed this device."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another client connected with the same session."""


@dataclass(frozen=True, slots=True)
class Banned:
    """WhatsApp blocked the number."""

    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outdated:
    """WhatsApp refuses this version of the library."""


@dataclass(frozen=True, slots=True)
class QrOffered:
    """The server waits for this device to be linked; `qr` is the content of a QR code."""

    qr: str


@dataclass(frozen=True, slots=True)
class PairingStopped:
    """The server offers no more codes on this connection, or the device was linked (`succeeded`)."""

    succeeded: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """A receipt: these messages that we sent reached a device that could read them."""

    whatsapp_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkStopped:
    """The link's session ended and delivers nothing more."""

    error: str
    opened: bool
    """Whether it had been delivering; if not, it could not connect at all."""


LinkEvent = (
    Identified
    | Connected
    | CaughtUp
    | Disconnected
    | LoggedOut
    | Replaced
    | Banned
    | Outdated
    | QrOffered
    | PairingStopped
    | Delivered
    | LinkStopped
)
