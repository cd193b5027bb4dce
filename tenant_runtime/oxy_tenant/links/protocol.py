"""What the runtime needs of WhatsApp, whichever library provides it.

A link delivers messages to a sink in the order in which they were decrypted. The sink journals the message and
returns; returning is the acknowledgement. A sink that raises makes the link end with `LinkStopped`, because nothing
may be received that cannot be journalled. Everything else a link has to say is a `LinkEvent`.
"""

from collections.abc import Callable
from typing import Protocol

from oxy_core.identity import Jid
from oxy_tenant.content.received import Received
from oxy_tenant.links.events import LinkEvent

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
