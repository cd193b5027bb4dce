"""Reports as an instance's journal holds them, and their way into the database without a bus."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from oxy_ai.engine.arrivals import Arrival, in_journal_order
from oxy_ai.engine.store import Engine, Entry, NewSettings
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.records import InboundBatch
from oxy_core.envelopes import InstanceSettings, MessageSeen, Report
from oxy_core.identity import Jid, new_id
from oxy_core.message_kinds import MessageKind
from oxy_core.trace import new_trace

GAP_WAIT = timedelta(seconds=8)


@dataclass
class WrittenJournal:
    """One journal of an instance: its reports have places without gaps, as in every chat of it."""

    settings: InstanceSettings
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    epoch: UUID = field(default_factory=uuid4)
    reports: list[Report] = field(default_factory=list)
    _chats: dict[Jid, int] = field(default_factory=dict)

    def _next_number(self, chat: Jid, alias: Jid | None) -> int:
        """Count as a pod does: two addresses that turn out to be one chat go on from the higher number."""
        number = max(self._chats.get(chat, 0), 0 if alias is None else self._chats.get(alias, 0)) + 1
        for address in (chat, alias):
            if address is not None:
                self._chats[address] = number
        return number

    def write(self, chat: Jid, text: str, *, own: object = False, **changes: object) -> Report:
        """Append a message of the chat's customer, or of a person of the business (`own`)."""
        alias = changes.get("chat_alias")
        number = self._next_number(chat, alias if isinstance(alias, Jid) else None)
        now = datetime.now(UTC)
        values: dict[str, object] = {
            "whatsapp_id": uuid4().hex.upper(),
            "chat": chat,
            "sender": Jid.of_phone(self.settings.phone_number) if own else chat,
            "from_me": bool(own),
            "kind": MessageKind.TEXT,
            "text": text,
            "sent_at": now,
            "delay_seconds": 0,
            "chat_sequence": number,
        }
        report = Report(
            id=new_id(),
            organization=self.settings.organization,
            instance=self.settings.instance,
            journal_epoch=self.epoch,
            journal_started_at=self.started_at,
            journal_sequence=len(self.reports) + 1,
            occurred_at=now,
            trace=new_trace(),
            body=MessageSeen.model_validate(values | changes),
        )
        self.reports.append(report)
        return report


async def apply(engine: Engine, settings: InstanceSettings) -> None:
    """Make the instance known to the database."""
    organization = organization_id(settings.organization)
    stored = NewSettings(settings.model_dump_json(), settings.owners)
    entry = Entry(datetime.now(UTC), 1, 1, await engine.begin_settings_reading())
    await engine.apply_instance(organization, instance_id(settings.organization, settings.instance), stored, entry)


async def ingest(engine: Engine, account: str, reports: Sequence[Report]) -> list[str]:
    """Store a batch as a worker does that pulled the reports in this order."""
    now = datetime.now(UTC)
    arrivals = [Arrival(_pulled(place, now), account, report) for place, report in enumerate(reports)]
    batch = InboundBatch(tuple(arrival.item(now, lambda _: False) for arrival in in_journal_order(arrivals)))
    return await engine.ingest(batch, GAP_WAIT, GAP_WAIT)


def _pulled(place: int, now: datetime) -> Any:  # noqa: ANN401 what ingest reads of a bus message
    sequence = SimpleNamespace(stream=place)
    return SimpleNamespace(headers=None, metadata=SimpleNamespace(timestamp=now, sequence=sequence))
