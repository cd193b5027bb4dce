"""Builds incoming messages and requests for the runtime's unit tests."""

from datetime import UTC, datetime, timedelta

from oxy_core.envelopes import SendRequest
from oxy_core.identity import Jid, new_id
from oxy_core.message_kinds import MessageKind
from oxy_core.trace import new_trace
from oxy_tenant.content.received import IncomingMessage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LID = Jid.parse("111@lid")
PHONE = Jid.parse("5511911111111@s.whatsapp.net")
OWN = Jid.parse("999@lid")


class Clock:
    """A clock that only `advance` moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def incoming(whatsapp_id: str, chat: Jid = LID, **changes: object) -> IncomingMessage:
    """Return a text from the customer of `chat`, with `changes` to its fields."""
    values: dict[str, object] = {
        "chat_alias": None,
        "sender": OWN if changes.get("from_me") else chat,
        "from_me": False,
        "self_chat": False,
        "kind": MessageKind.TEXT,
        "sent_at": NOW,
        "text": "oi",
        **changes,
    }
    return IncomingMessage(whatsapp_id=whatsapp_id, chat=chat, **values)  # type: ignore[arg-type]  # values by name


def request(text: str | None = "Olá!", chat: Jid = LID, **changes: object) -> SendRequest:
    """Return a request to send a text."""
    values = {
        "id": new_id(),
        "organization": "acme",
        "instance": "shop",
        "chat": chat,
        "text": text,
        "created_at": NOW,
        "trace": new_trace(),
        **changes,
    }
    return SendRequest.model_validate(values)
