"""The interface to WhatsApp, whichever library implements it.

A link delivers messages to a sink in the order in which they were decrypted. The sink journals the message and
returns; returning is the acknowledgement. If the sink raises, the link ends with `LinkStopped`, because nothing may be
received that cannot be journalled. Everything else is reported as a `LinkEvent`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from oxy_core.identity import Jid
from oxy_tenant.content.received import Received
from oxy_tenant.links.events import LinkEvent

MessageSink = Callable[[Received], None]
"""Journals a message before returning. Called from a thread of the link, one call at a time."""

EventSink = Callable[[LinkEvent], None]
"""Takes an event. Called from any thread; must not block."""


class WhatsAppLink(Protocol):
    """One account's connection to WhatsApp. At most one session is open at a time."""

    def open(self, on_message: MessageSink, on_event: EventSink, *, receipts: bool) -> None:
        """Start a session in the background; its progress is reported as events, `Delivered` only with `receipts`."""

    async def close(self) -> bool:
        """Deliver what the session has received, then end it; does nothing if there is none.

        Returns whether the session has certainly ended. If not, it could compete with a new one.
        """

    async def request_pairing_code(self, phone: str) -> str:
        """Return the code to type on the phone with this E.164 number; raises LinkError."""

    async def log_out(self) -> None:
        """Remove this device from the account, and its keys from the session; needs a connection. Raises LinkError."""

    def sending_turn(self, chat: Jid) -> AbstractAsyncContextManager[None]:
        """Wait until a message to `chat` can be sent safely; no other turn is granted before the context ends.

        Entering may take long and may first send messages that the library needs, so check afterwards whether the
        message should still be sent. Raises LinkUnavailableError.
        """

    async def send(self, chat: Jid, text: str, secret: bytes) -> str:
        """Send a text with this message secret and return its WhatsApp id; call it within a turn.

        Raises LinkUnavailableError, SendDeferredError, SendRefusedError, SendUnconfirmedError.
        """

    def show_online(self, *, online: bool) -> None:
        """Show the account as online or offline; does not wait and never raises, because it is only cosmetic."""

    async def show_typing(self, chat: Jid, *, typing: bool) -> None:
        """Show or hide that we are typing; never raises, because it is only cosmetic."""


@dataclass(frozen=True, slots=True)
class LinkedDevice:
    """The device whose credentials a session holds."""

    address: Jid | None
    """Its address; None if it cannot be read."""


class StoredSession(Protocol):
    """The credentials and keys that a library keeps on the volume. All methods block.

    Raises SessionError if the session is damaged, VolumeError if the volume cannot be used.
    """

    @property
    def size(self) -> int:
        """Bytes on the volume."""

    def examine(self) -> LinkedDevice | None:
        """Check the session and return the device that is linked with it; None if there is none."""

    def copy(self) -> None:
        """Copy a session that holds a linked device, in place of the last copy; keeps the last copy of any other."""

    def set_aside(self, now: datetime) -> bool:
        """Rename a damaged session, without deleting it; returns whether it is the second within a day."""

    def set_aside_foreign(self, now: datetime) -> None:
        """Rename a session that belongs to another account, without deleting it."""

    def id_of(self, secrets: Sequence[bytes]) -> str | None:
        """Return the WhatsApp id of the newest send with one of these message secrets; None if none was begun.

        Raises UnlinkedError if the session has forgotten what it sent.
        """
