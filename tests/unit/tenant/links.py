"""A scripted WhatsApp, and settings to run parts of the runtime against it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from oxy_core.identity import Jid
from oxy_core.tenant import TenantSettings
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile
from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule
from oxy_tenant.links.errors import LinkError
from oxy_tenant.links.neonize.library import load_messages
from oxy_tenant.links.protocol import DownloadedFile, EventSink, MessageSink, Sent
from oxy_tenant.settings import RuntimeSettings


@dataclass
class ScriptedLink:
    """A link whose sessions, codes and turns the test controls."""

    codes: list[str] = field(default_factory=list)
    sessions: list[EventSink] = field(default_factory=list)
    closes_cleanly: bool = True
    online: list[bool] = field(default_factory=list)
    logouts: int = 0
    refuses_logout: bool = False
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    """Turns to send are granted while it is set."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Sends are answered while it is set."""
    texts: list[str] = field(default_factory=list)
    """Everything that was to be sent, refused or not."""
    chats: list[Jid] = field(default_factory=list)
    """Where each of them went."""
    refusals: dict[str, list[LinkError]] = field(default_factory=dict)
    """By text: how its next attempts fail."""

    accounts: dict[str, Jid] | None = None
    """By number: its account; None: every number has one."""
    resolved: list[str] = field(default_factory=list)
    """The numbers that were asked about."""

    last_frame: float | None = None

    @property
    def messages(self) -> MessagesModule:
        return load_messages()[1]

    def open(self, on_message: MessageSink, on_event: EventSink) -> None:
        del on_message
        self.sessions.append(on_event)

    async def close(self) -> bool:
        return self.closes_cleanly

    async def request_pairing_code(self, phone: str) -> str:
        del phone
        if not self.codes:
            message = "too many codes"
            raise LinkError(message)
        return self.codes.pop(0)

    async def log_out(self) -> None:
        if self.refuses_logout:
            message = "websocket not connected"
            raise LinkError(message)
        self.logouts += 1

    @asynccontextmanager
    async def sending_turn(self, chat: Jid) -> AsyncIterator[None]:
        del chat
        await self.turn.wait()
        yield

    async def send(self, chat: Jid, compose: Callable[[], MessageProtobuf]) -> Sent:
        text = str((await asyncio.to_thread(compose)).conversation)
        self.texts.append(text)
        self.chats.append(chat)
        await self.answering.wait()
        if self.refusals.get(text):
            raise self.refusals[text].pop(0)
        return Sent(f"3EB0{len(self.texts)}", None)

    def download(self, pointer: MediaPointer, *, max_bytes: int) -> AbstractAsyncContextManager[DownloadedFile]:
        message = f"nothing here has files: {pointer}, {max_bytes}"
        raise AssertionError(message)

    async def upload(self, content: bytes, media_type: MediaType) -> UploadedFile:
        message = f"nothing here has files: {len(content)}, {media_type}"
        raise AssertionError(message)

    async def mark_read(self, chat: Jid, sender: Jid, whatsapp_ids: Sequence[str], *, played: bool = False) -> None:
        message = f"nothing here is read: {chat}, {sender}, {whatsapp_ids}, {played}"
        raise AssertionError(message)

    async def resolve(self, phone: str) -> Jid | None:
        self.resolved.append(phone)
        return Jid.of_phone(phone) if self.accounts is None else self.accounts.get(phone)

    def show_online(self, *, online: bool) -> None:
        self.online.append(online)

    async def show_typing(self, chat: Jid, *, typing: bool, recording: bool = False) -> None:
        message = f"nothing here is paced: {chat}, {typing}, {recording}"
        raise AssertionError(message)


def environment_in(folder: Path, **settings: object) -> RuntimeSettings:
    """Return the environment of a runtime whose settings and session are in `folder`."""
    values = {"organization": "acme", "instance": "shop", "phone_number": "+5511900000001", **settings}
    (folder / "settings.json").write_bytes(TenantSettings.model_validate(values).encode())
    return RuntimeSettings(
        organization="acme",
        instance="shop",
        account="A" + "B" * 55,
        nats_url="nats://127.0.0.1:1",
        settings=folder / "settings.json",
        session=folder,
        epoch=1,
        pod_uid="pod-1",
    )
