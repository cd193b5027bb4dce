"""WhatsApp in memory, and a link to it: allowed in unit tests because it passes the same suite as real ones.

The suite: tests/integration/tenant/links/test_link_contract.py.
"""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oxy_core.content import ChatType
from oxy_core.identity import Jid, same_phone
from oxy_core.report_bodies import ReceiptKind
from oxy_tenant.content.arrival import ArrivedMessage, EnvelopeFacts
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile
from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    MediaCorruptError,
    MediaExpiredError,
    MediaTooLargeError,
    MediaUnavailableError,
    RefusalReason,
    SendRefusedError,
)
from oxy_tenant.links.events import CaughtUp, Connected, ContactEvent, Identified, Receipts
from oxy_tenant.links.neonize.library import load_messages
from oxy_tenant.links.protocol import DownloadedFile, EventSink, MessageSink, Sent


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Contact:
    """Somebody on WhatsApp, and what the account wrote and showed to them."""

    number: str
    lid: Jid
    name: str
    received: list[tuple[str, MessageProtobuf]] = field(default_factory=list)
    marked: dict[str, ReceiptKind] = field(default_factory=dict)
    """What was read and played of what they wrote, by id."""
    shown: list[str] = field(default_factory=list)

    @property
    def phone(self) -> Jid:
        return Jid.of_phone(self.number)


class MemoryWhatsApp:
    """The server: contacts, files, and what waits for an account that is offline."""

    def __init__(self, account: str) -> None:
        self.account = Jid.of_phone(account)
        self.contacts: dict[str, Contact] = {}
        self.files: dict[str, bytes] = {}
        self.failures: list[LinkError] = []
        """How the next sends fail."""
        self.link: MemoryLink | None = None
        """The link that is open."""
        self._queued: list[ArrivedMessage] = []
        self._numbers = itertools.count(1)

    def add(self, number: str, name: str) -> Contact:
        contact = Contact(number, Jid(user=f"{len(self.contacts) + 1}00", server="lid"), name)
        self.contacts[number] = contact
        return contact

    def new_id(self) -> str:
        return f"3EB0{next(self._numbers):08X}"

    def write(self, contact: Contact, message: MessageProtobuf, *, from_me: bool = False) -> str:
        """Let a contact write, or (`from_me`) the account's own phone; return the id."""
        facts = EnvelopeFacts(
            whatsapp_id=self.new_id(),
            chat=contact.lid,
            chat_alias=contact.phone,
            chat_type=ChatType.DIRECT,
            sender=self.account if from_me else contact.lid,
            sender_alias=None if from_me else contact.phone,
            sender_device=0,
            from_me=from_me,
            peer=False,
            is_edit=False,
            sent_at=now(),
            push_name=contact.name,
            business_name=None,
            live=self.link is not None,
        )
        arrival = ArrivedMessage(facts, message)
        if self.link is None:
            self._queued.append(arrival)
        else:
            self.link.deliver(arrival)
        return facts.whatsapp_id

    def tell(self, event: ContactEvent) -> None:
        if self.link is not None:
            self.link.report(event)

    def take_queued(self) -> list[ArrivedMessage]:
        queued, self._queued = self._queued, []
        return queued

    def find(self, chat: Jid) -> Contact | None:
        return next((one for one in self.contacts.values() if chat in {one.lid, one.phone}), None)


class MemoryLink:
    """A link to `MemoryWhatsApp`."""

    def __init__(self, whatsapp: MemoryWhatsApp) -> None:
        self._whatsapp = whatsapp
        self._turn = asyncio.Lock()
        self._transfer = asyncio.Lock()
        self._sinks: tuple[MessageSink, EventSink] | None = None
        self.online: bool | None = None
        self.last_frame: float | None = None

    @property
    def messages(self) -> MessagesModule:
        return load_messages()[1]

    def open(self, on_message: MessageSink, on_event: EventSink) -> None:
        self._sinks = on_message, on_event
        on_event(Identified(self._whatsapp.account, None))
        on_event(Connected())
        for arrival in self._whatsapp.take_queued():
            on_message(arrival)
        on_event(CaughtUp())
        self._whatsapp.link = self

    async def close(self) -> bool:
        self._sinks = self._whatsapp.link = None
        return True

    def deliver(self, arrival: ArrivedMessage) -> None:
        assert self._sinks is not None
        self._sinks[0](arrival)

    def report(self, event: ContactEvent) -> None:
        assert self._sinks is not None
        self._sinks[1](event)

    def _require_session(self) -> None:
        if self._sinks is None:
            message = "there is no WhatsApp session"
            raise LinkUnavailableError(message)

    async def request_pairing_code(self, phone: str) -> str:
        message = f"this account is linked: {phone}"
        raise LinkError(message)

    async def log_out(self) -> None:
        self._require_session()
        await self.close()

    @asynccontextmanager
    async def sending_turn(self, chat: Jid) -> AsyncIterator[None]:
        del chat
        async with self._turn:
            yield

    async def send(self, chat: Jid, compose: Callable[[], MessageProtobuf]) -> Sent:
        self._require_session()
        message = await asyncio.to_thread(compose)
        if self._whatsapp.failures:
            raise self._whatsapp.failures.pop(0)
        contact = self._whatsapp.find(chat)
        if contact is None:
            text = "nobody has this address"
            raise SendRefusedError(text, reason=RefusalReason.NOT_ON_WHATSAPP)
        whatsapp_id, at = self._whatsapp.new_id(), now()
        contact.received.append((whatsapp_id, message))
        self.report(Receipts(ReceiptKind.DELIVERED, (whatsapp_id,), contact.lid, contact.lid, at))
        return Sent(whatsapp_id, at)

    @asynccontextmanager
    async def download(self, pointer: MediaPointer, *, max_bytes: int) -> AsyncIterator[DownloadedFile]:
        if self._sinks is None:
            message = "there is no WhatsApp session"
            raise MediaUnavailableError(message)
        async with self._transfer:
            content = self._whatsapp.files.get(pointer.direct_path)
            if content is None:
                raise MediaExpiredError(pointer.direct_path)
            if max(pointer.size, len(content)) > max_bytes:
                raise MediaTooLargeError(pointer.direct_path)
            if hashlib.sha256(content).digest() != pointer.file_sha256:
                raise MediaCorruptError(pointer.direct_path)
            with memoryview(content) as view:
                yield DownloadedFile(view, pointer.file_sha256)

    async def upload(self, content: bytes, media_type: MediaType) -> UploadedFile:
        if self._sinks is None:
            message = "there is no WhatsApp session"
            raise MediaUnavailableError(message)
        digest = hashlib.sha256(content).digest()
        path = f"/v/{digest.hex()}"
        self._whatsapp.files[path] = content
        pointer = MediaPointer(media_type, path, bytes(32), digest, digest, len(content))
        return UploadedFile(pointer, f"https://mmg.whatsapp.net{path}")

    async def mark_read(self, chat: Jid, sender: Jid, whatsapp_ids: Sequence[str], *, played: bool = False) -> None:
        del sender
        self._require_session()
        contact = self._whatsapp.find(chat)
        assert contact is not None
        contact.marked.update(dict.fromkeys(whatsapp_ids, ReceiptKind.PLAYED if played else ReceiptKind.READ))

    async def resolve(self, phone: str) -> Jid | None:
        self._require_session()
        found = next((one for number, one in self._whatsapp.contacts.items() if same_phone(number, phone)), None)
        return None if found is None else found.lid

    def show_online(self, *, online: bool) -> None:
        self.online = online

    async def show_typing(self, chat: Jid, *, typing: bool, recording: bool = False) -> None:
        contact = self._whatsapp.find(chat)
        if contact is not None:
            contact.shown.append("recording" if recording else "composing" if typing else "paused")
