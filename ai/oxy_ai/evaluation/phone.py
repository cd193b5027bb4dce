"""The pod of a dialogue's business, without a bus: reports what arrives, accepts and sends what waits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from oxy_ai.database import organization_transaction
from oxy_ai.engine.arrivals import Journey, inbound_report
from oxy_ai.engine.store import Engine, RelayLimits
from oxy_ai.evaluation.hearing import Hearing, has_file
from oxy_ai.golden.dialogue import SaidItem
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.media.records import FileKey
from oxy_ai.records import Acceptance, InboundBatch, Offered, OutboxRow, RelayTarget
from oxy_core.content import FileOffered, Quote, Reaction, Target
from oxy_core.envelopes import InstanceSettings, MessageSeen, Report, ReportBody, SendOutcome, SendResult
from oxy_core.identity import Jid, new_id
from oxy_core.message_kinds import MessageKind
from oxy_core.trace import new_trace

_LIMITS: Final = RelayLimits(timedelta(minutes=1), 20, timedelta(seconds=1), timedelta(seconds=1))
_NO_GAP: Final = timedelta(0)
_FILE_WAIT: Final = timedelta(minutes=10)
"""Until a file is given up: longer than it takes to settle what it says."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message of whoever writes, and how old it is."""

    item: SaidItem
    age: timedelta


@dataclass
class Phone:
    """The pod with its journal."""

    engine: Engine
    settings: InstanceSettings
    hearing: Hearing
    is_emergency: Callable[[str], bool]
    sent: list[OutboxRow] = field(default_factory=list)
    """Everything that was sent, whomever to."""
    _epoch: UUID = field(default_factory=uuid4)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _reported: int = 0
    _heard: int = 0
    _relay: UUID = field(default_factory=uuid4)

    async def hear(self, chat: Jid, name: str | None, spoken: Sequence[Spoken]) -> None:
        """Report messages of a chat, all at once: they are answered together."""
        messages = [self._message(chat, name, said) for said in spoken]
        await self._report([(message, said.age) for message, said in zip(messages, spoken, strict=True)])
        for message, said in zip(messages, spoken, strict=True):
            if message.file is not None:
                await self._read_file(message.file.id, said.item)

    async def _read_file(self, file: UUID, item: SaidItem) -> None:
        self.hearing.learn(file, item, self.is_emergency)
        key = FileKey(*self._target, file)
        async with organization_transaction(self.engine.pool, key.organization) as connection:
            await connection.execute("select queue_reading($1, $2, $3)", *key)
        await self.hearing.settle(key)

    @property
    def _target(self) -> RelayTarget:
        settings = self.settings
        return RelayTarget(
            organization_id(settings.organization), instance_id(settings.organization, settings.instance)
        )

    def _message(self, chat: Jid, name: str | None, said: Spoken) -> MessageSeen:
        self._heard += 1
        item, target = said.item, self._meant(chat, said.item)
        values: dict[str, object] = {
            "whatsapp_id": f"IN{self._heard}",
            "chat": chat,
            "sender": chat,
            "from_me": False,
            "push_name": name,
            "kind": kind_of(item),
            "text": item.text,
            "sent_at": datetime.now(UTC) - said.age,
            "delay_seconds": said.age.total_seconds(),
            "chat_sequence": self._heard,
            "forwarded": item.forwarded,
            "file": FileOffered(id=new_id()) if has_file(item) else None,
        }
        if item.reaction is not None:
            values["details"] = Reaction(target=Target(whatsapp_id=target, from_me=True), emoji=item.reaction)
        elif item.quotes is not None:
            values |= {"quoted_id": target, "quote": Quote(whatsapp_id=target, text=item.quotes)}
        return MessageSeen.model_validate(values)

    def _meant(self, chat: Jid, item: SaidItem) -> str:
        """Return the id of the text that a message quotes or reacts to: one that was sent, if it contains the words."""
        own = [row for row in self.sent if row.chat == chat]
        found = next((row for row in reversed(own) if (item.quotes or "") in (row.text or "")), None)
        return "UNKNOWN" if found is None else _whatsapp_id(found)

    async def take_texts(self) -> Sequence[OutboxRow]:
        """Accept and send whatever waits; returns it."""
        taken: list[OutboxRow] = []
        offered = Offered()
        while True:
            step = await self.engine.relay_step(self._target, self._relay, offered, _LIMITS)
            if step is None or not step.rows:
                break
            taken += step.rows
            offered = Offered([Acceptance(row.id, self._epoch) for row in step.rows])
        await self._report([(_result(row), timedelta(0)) for row in taken])
        self.sent += taken
        return taken

    async def _report(self, bodies: Sequence[tuple[ReportBody, timedelta]]) -> None:
        reports = (
            inbound_report(
                self._in_journal(body),
                self.settings.account,
                Journey(age.total_seconds(), datetime.now(UTC)),
                self.is_emergency,
            )
            for body, age in bodies
        )
        batch = InboundBatch(tuple(reports))
        outcomes = await self.engine.ingest(batch, _NO_GAP, _FILE_WAIT) if bodies else []
        if set(outcomes) - {"stored"}:
            message = f"messages were not stored: {outcomes}"
            raise RuntimeError(message)

    def _in_journal(self, body: ReportBody) -> Report:
        self._reported += 1
        return Report(
            id=new_id(),
            organization=self.settings.organization,
            instance=self.settings.instance,
            journal_epoch=self._epoch,
            journal_started_at=self._started_at,
            journal_sequence=self._reported,
            occurred_at=datetime.now(UTC),
            trace=new_trace(),
            body=body,
        )


def kind_of(item: SaidItem) -> MessageKind:
    """Return which kind of message something is said with."""
    if item.reaction is not None:
        return MessageKind.REACTION
    if item.voice is not None or item.unread == "voice":
        return MessageKind.VOICE_NOTE
    return MessageKind.IMAGE if item.image is not None or item.unread == "image" else MessageKind.TEXT


def _whatsapp_id(row: OutboxRow) -> str:
    return f"OUT{row.id.hex}"


def _result(row: OutboxRow) -> SendResult:
    return SendResult(request_id=row.id, outcome=SendOutcome.SENT, whatsapp_id=_whatsapp_id(row))
