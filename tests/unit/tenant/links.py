"""A scripted WhatsApp, and settings to run parts of the runtime against it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from oxy_core.identity import Jid
from oxy_core.tenant import TenantSettings
from oxy_tenant.links.errors import LinkError
from oxy_tenant.links.protocol import EventSink, MessageSink
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

    def open(self, on_message: MessageSink, on_event: EventSink, *, receipts: bool) -> None:
        del on_message, receipts
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

    async def send(self, chat: Jid, text: str, secret: bytes) -> str:
        del secret
        self.texts.append(text)
        self.chats.append(chat)
        await self.answering.wait()
        if self.refusals.get(text):
            raise self.refusals[text].pop(0)
        return f"3EB0{len(self.texts)}"

    def show_online(self, *, online: bool) -> None:
        self.online.append(online)

    async def show_typing(self, chat: Jid, *, typing: bool) -> None:
        message = f"nothing here is paced: {chat}, {typing}"
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
