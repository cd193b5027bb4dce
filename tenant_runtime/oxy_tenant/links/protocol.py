"""The interface to WhatsApp, whichever library implements it.

A link delivers messages to a sink in the order in which they were decrypted. The sink journals the message and
returns; returning is the acknowledgement. If the sink raises, the link ends with `LinkStopped`, because nothing may be
received that cannot be journalled. Everything else is reported as a `LinkEvent`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from oxy_core.identity import Jid
from oxy_core.report_bodies import MessageLost
from oxy_tenant.content.arrival import ArrivedMessage
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile
from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule
from oxy_tenant.links.events import LinkEvent

MessageSink = Callable[[ArrivedMessage], None]
"""Journals a message before returning. Called from a thread of the link, one call at a time."""

EventSink = Callable[[LinkEvent], None]
"""Takes an event. Called from any thread; must not block."""

LossSink = Callable[[MessageLost], bool]
"""Journals that a message was lost before returning whether that is news. Called from any thread."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that WhatsApp has accepted."""

    whatsapp_id: str
    timestamp: datetime | None
    """WhatsApp's time of the message; None: it gave none."""


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A decrypted file in memory, whose hash is the announced one; valid until its context ends."""

    content: memoryview = field(repr=False)
    sha256: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)


class WhatsAppLink(Protocol):
    """One account's connection to WhatsApp. At most one session is open at a time."""

    @property
    def last_frame(self) -> float | None:
        """When the open session last received anything, on the monotonic clock; None: not yet, or there is none."""

    @property
    def messages(self) -> MessagesModule:
        """The generated module of the messages that this link delivers and takes."""

    def open(self, on_message: MessageSink, on_event: EventSink) -> None:
        """Start a session in the background; its progress is reported as events."""

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

    async def send(self, chat: Jid, compose: Callable[[], MessageProtobuf]) -> Sent:
        """Send the message that `compose` returns, with the message secret that it contains; call it within a turn.

        `compose` is called in the thread that sends, just before, and may block; what it raises is raised here.

        Raises LinkUnavailableError, SendDeferredError, SendRefusedError, SendUnconfirmedError.
        """

    def download(self, pointer: MediaPointer, *, max_bytes: int) -> AbstractAsyncContextManager[DownloadedFile]:
        """Download and decrypt a file of at most `max_bytes`; its memory is given back when the context ends.

        One transfer runs at a time; neither sends nor messages wait for it. Raises MediaError.
        """

    async def upload(self, content: bytes, media_type: MediaType) -> UploadedFile:
        """Encrypt and upload a file, whole; waits like `download`. Raises MediaError."""

    async def mark_read(self, chat: Jid, sender: Jid, whatsapp_ids: Sequence[str], *, played: bool = False) -> None:
        """Tell WhatsApp that messages of `sender` were read, or `played`; raises LinkError.

        Whoever sent them sees it. In a direct chat, `sender` is the chat.
        """

    async def resolve(self, phone: str) -> Jid | None:
        """Return the address of an E.164 number as WhatsApp has registered it; None: it has no account.

        Brazilian mobile numbers have two spellings, with and without their ninth digit. Raises LinkError.
        """

    def show_online(self, *, online: bool) -> None:
        """Show the account as online or offline; does not wait and never raises, because it is only cosmetic.

        While it is online, the owner's phone gets no notifications.
        """

    async def show_typing(self, chat: Jid, *, typing: bool, recording: bool = False) -> None:
        """Show or hide that we are typing, or `recording`; never raises, because it is only cosmetic."""


@runtime_checkable
class RequestsAgain(Protocol):
    """An optional capability of a link: asking the account's phone for what is missing here."""

    async def request_again(self, chat: Jid, sender: Jid, whatsapp_id: str) -> None:
        """Ask the phone for a message and its file; what it sends arrives as any message. Raises LinkError."""


@dataclass(frozen=True, slots=True)
class LinkedDevice:
    """The device whose credentials a session holds."""

    address: Jid | None
    """Its address; None if it cannot be read."""
    digest: str = ""
    """SHA-256 of its address as the library writes it, in hex: the same for the same device."""
    peers: int = 0
    """Other devices with which it has a ratchet."""


class StoredSession(Protocol):
    """The credentials and keys that a library keeps on the volume. All methods block.

    Raises SessionError if the session is damaged, VolumeError if the volume cannot be used.
    """

    @property
    def size(self) -> int:
        """Bytes on the volume."""

    @property
    def has_content(self) -> bool:
        """Whether anything is there, be it damaged, or without a device."""

    def examine(self) -> LinkedDevice | None:
        """Check the session and return the device that is linked with it; None if there is none."""

    def copy(self) -> None:
        """Copy a session that holds a linked device, in place of the last copy; keeps the last copy of any other."""

    def set_aside(self, now: datetime) -> None:
        """Rename a damaged session, or what is left of one under its name, without deleting it."""

    def set_aside_foreign(self, now: datetime) -> None:
        """Rename a session that belongs to another account, without deleting it."""

    def set_aside_rest(self, now: datetime) -> None:
        """Rename what is left of a session that has lost its device, if anything, without deleting it."""

    def forget(self, is_theirs: Callable[[Jid], bool]) -> tuple[str, ...]:
        """Delete what is kept of a person, in copies and in what was set aside too.

        `is_theirs` tells the person's addresses. Returns the names of files that cannot be read.
        """

    def id_of(self, secrets: Sequence[bytes]) -> str | None:
        """Return the WhatsApp id of the newest send with one of these message secrets; None if none was begun.

        Raises UnlinkedError if the session has forgotten what it sent.
        """
