"""Events that a link reports in addition to messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from oxy_core.identity import Jid
from oxy_core.report_bodies import ReceiptKind


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
class TroubleNoticed:
    """The library says what is wrong with the connection, or why it could not make one.

    What becomes of the connection follows as another event, or nothing does: then it holds.
    """

    reason: str
    """As in `Disconnected`."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost. The library tries to reconnect."""

    reason: str
    """Of a row of `oxy_core.instance.connection_causes`."""
    detail: str = ""
    """The underlying error, bounded, escaped and without secrets; empty: none is known."""


CONNECT_FAILURE: Final = "ConnectFailure"
SERVER_UNREACHABLE: Final = "ServerUnreachable"
FRAME_UNREADABLE: Final = "FrameUnreadable"
RESTART_REQUIRED: Final = "RestartRequired"


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The server refused the login, and the library does not try again."""

    reason: str = CONNECT_FAILURE
    """As in `Disconnected`."""
    detail: str = ""
    fatal: bool = False
    """Whether the library breaks down over it, and ends the process at once."""


@dataclass(frozen=True, slots=True)
class DeviceRefused:
    """The server says that this device is none of the account's, as it says of a connection without a device, too.

    Of a linked one the library deletes the device after this, and reports `LoggedOut`, `AccountLocked` or
    `AccountBanned`; without one these mean nothing.
    """

    reason: str
    """Of the terminal cause that it is for a linked device."""
    detail: str = ""


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
    detail: str = ""
    """Why, in WhatsApp's words; empty: unknown."""


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
class Receipts:
    """Receipts of one kind for messages of one chat."""

    kind: ReceiptKind
    whatsapp_ids: tuple[str, ...]
    """Bounded as the ids of messages are."""
    chat: Jid
    by: Jid
    """Who received, read or played them; one of our own addresses if our phone did."""
    at: datetime | None
    """By WhatsApp's clock; None: unknown."""
    from_me: bool = False
    """Whether a device of our own sent it: it confirms that a message of ours was sent, but not that anybody has it."""
    by_phone: bool = False
    """Whether that device is the phone itself."""


@dataclass(frozen=True, slots=True)
class CallMissed:
    """Somebody called and was not answered on any device."""

    call_id: str
    chat: Jid
    """Who called: the LID if WhatsApp gave one."""
    chat_alias: Jid | None
    """The caller's phone number, if WhatsApp gave both."""
    at: datetime | None
    """By WhatsApp's clock; None: unknown."""
    video: bool = False
    group: bool = False


@dataclass(frozen=True, slots=True)
class ChangedNumber:
    """A contact keeps the account under another number. WhatsApp says so; nobody else can."""

    old: Jid
    new: Jid
    at: datetime | None
    old_lid: Jid | None = None
    new_lid: Jid | None = None


@dataclass(frozen=True, slots=True)
class LinkStopped:
    """The session has ended and delivers nothing more."""

    error: str
    """Bounded, escaped and without secrets."""
    opened: bool
    """Whether it had logged in; if not, it could not connect at all."""
    reason: str = SERVER_UNREACHABLE
    """Why it could not connect, as in `Disconnected`."""


ContactEvent = Receipts | CallMissed | ChangedNumber
"""What contacts do beside writing."""

LinkEvent = (
    Identified
    | LinkedToAnother
    | Connected
    | CaughtUp
    | TroubleNoticed
    | Disconnected
    | LoginRefused
    | DeviceRefused
    | LoggedOut
    | AccountLocked
    | AccountBanned
    | Replaced
    | Banned
    | Outdated
    | QrOffered
    | PairingStopped
    | ContactEvent
    | LinkStopped
)
