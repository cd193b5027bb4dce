"""What the runtime needs of WhatsApp, whichever library provides it.

A link delivers messages to a sink in the order in which they were decrypted. The sink journals the message and
returns; returning is the acknowledgement. A sink that raises makes the link end with `LinkStopped`, because nothing
may be received that cannot be journalled. Everything else a link has to say is a `LinkEvent`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from oxy_core.envelopes import MessageKind
from oxy_core.identity import Jid


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message in a direct chat, as the platform will see it."""

    whatsapp_id: str
    chat: Jid
    """LID where one is known."""
    chat_alias: Jid | None
    sender: Jid
    from_me: bool
    self_chat: bool
    content: MessageKind
    sent_at: datetime
    text: str | None = None
    push_name: str | None = None
    quoted_id: str | None = None
    secret: bytes | None = None
    """The message secret it carries: by it an own message is told from one that this runtime sent."""


@dataclass(frozen=True, slots=True)
class IgnoredMessage:
    """A message in a direct chat that the platform has no use for; remembered so that it is not taken for lost."""

    whatsapp_id: str
    chat: Jid
    from_me: bool


Received = IncomingMessage | IgnoredMessage


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
"""Reason of `Disconnected` when the server refused the login: the library does not try again by itself."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; the library may bring it back by itself."""

    reason: str


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
class CopyRefused:
    """The library got a message whose key it had used already: journalled before, or lost before the journal."""

    whatsapp_id: str
    chat: Jid | None


@dataclass(frozen=True, slots=True)
class LinkStopped:
    """The link's session ended and delivers nothing more.

    `opened` tells whether it had been delivering; if not, it could not connect at all.
    """

    error: str
    opened: bool


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
    | CopyRefused
    | LinkStopped
)

MessageSink = Callable[[Received], None]
"""Journals a message before it returns. Called from a thread of the link, one call at a time."""

EventSink = Callable[[LinkEvent], None]
"""Takes an event. Called from any thread, must not block."""


class WhatsAppLink(Protocol):
    """One account's connection to WhatsApp. At most one session is open at a time."""

    def open(self, on_message: MessageSink, on_event: EventSink, *, receipts: bool) -> None:
        """Start a session in the background; its fate is told by events. `receipts`: also tell `Delivered`."""

    async def close(self) -> bool:
        """End the session after what it had received was handed over; nothing happens if there is none.

        Returns whether it surely ended: if not, it could still compete with a new one.
        """

    async def request_pairing_code(self, phone: str) -> str:
        """Return the code to type on the phone with this E.164 number; raises LinkError."""

    async def send(self, chat: Jid, text: str, secret: bytes) -> str:
        """Send a text that carries `secret` and return its WhatsApp id.

        Raises LinkUnavailableError, SendRefusedError, SendUnconfirmedError.
        """

    async def send_filler(self, chat: Jid, target: str) -> None:
        """Send what phones do not show: it takes back a reaction, which there is not, to our own message `target`.

        Raises as `send` does.
        """

    def show_online(self, *, online: bool) -> None:
        """Show the account as online or not, without waiting; never raises, it is decoration."""

    async def show_typing(self, chat: Jid, *, typing: bool) -> None:
        """Show or hide that we are typing; never raises, it is decoration."""
