"""What the runtime needs of WhatsApp, whichever library provides it.

A link delivers messages to a sink in the order in which they were decrypted. The sink journals the message and
returns; returning is the acknowledgement. A sink that raises makes the link end with `LinkStopped`, because nothing
may be received that cannot be journalled. Everything else a link has to say is a `LinkEvent`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
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
        """Start a session in the background; events report what becomes of it. `receipts`: report `Delivered` too."""

    async def close(self) -> bool:
        """End the session after delivering what it had received; does nothing if there is none.

        Returns whether it certainly ended: if not, it could still compete with a new one.
        """

    async def request_pairing_code(self, phone: str) -> str:
        """Return the code to type on the phone with this E.164 number; raises LinkError."""

    def sending_turn(self, chat: Jid) -> AbstractAsyncContextManager[None]:
        """Wait until it is safe to send to `chat`, and keep all other turns waiting until the context ends.

        What a library needs before a message happens while entering. Whoever got the turn checks once more whether
        to send, because entering may take long. Raises LinkUnavailableError.
        """

    async def send(self, chat: Jid, text: str, secret: bytes) -> str:
        """Send a text that carries `secret` and return its WhatsApp id; call it within a turn.

        Raises LinkUnavailableError, SendRefusedError, SendUnconfirmedError.
        """

    def show_online(self, *, online: bool) -> None:
        """Show the account as online or not, without waiting; decoration, never raises."""

    async def show_typing(self, chat: Jid, *, typing: bool) -> None:
        """Show or hide that we are typing; decoration, never raises."""


class StoredSession(Protocol):
    """What a library keeps on the volume to connect again without pairing. All methods block.

    They raise SessionError where it is damaged, VolumeError where the volume is at fault.
    """

    @property
    def size(self) -> int:
        """Bytes on the volume."""

    def examine(self) -> bool:
        """Check and copy the session and return whether it holds a linked device."""

    def set_aside(self, now: datetime) -> bool:
        """Move a damaged session out of the way, keeping it; returns whether it is the second one within a day."""

    def id_of(self, secrets: Sequence[bytes]) -> str | None:
        """Return the WhatsApp id chosen for the newest of these message secrets, None if none of them was used."""
