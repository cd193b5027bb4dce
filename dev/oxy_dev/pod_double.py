"""A stand-in for a tenant pod, for tests and benchmarks of the workers.

It keeps the contract of the tenant runtime on the bus, which one test suite checks against both
(`tests/integration/tenant/test_pod_contract.py`): what is journalled and in which place, the order of publishing,
acceptance, and the gate before a send. It has no WhatsApp: `receive` takes messages, and what passes the gate counts as
sent.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final, cast
from uuid import UUID, uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_core.chat_commands import is_hand_back
from oxy_core.content import AUTOMATIC_SOURCES
from oxy_core.envelopes import (
    MESSAGE_ID_HEADER,
    PUBLISHED_AGAIN_HEADER,
    WAITED_HEADER,
    Accepted,
    EraseRequest,
    InstanceSettings,
    MessageSeen,
    Report,
    ReportBody,
    ResumeRequest,
    SendOutcome,
    SendRequest,
    SendResult,
    Settled,
)
from oxy_core.errors import ContractError
from oxy_core.identity import Jid, new_id, person_digest
from oxy_core.message_kinds import NO_ANSWERS, MessageKind
from oxy_core.report_bodies import ContactErased, ReceiptKind, ReceiptsSeen
from oxy_core.trace import new_trace

WINDOW: Final = 256
"""Reports in flight, as many as the tenant runtime has (`oxy_tenant.publishing.window`)."""

ANSWER_SECONDS: Final = 1.0
"""Time limit for the acknowledgement of a report."""

RETRY_SECONDS: Final = 0.05
"""Pause after a refusal."""


@dataclass
class ChatCount:
    """Sequence numbers of a chat: the last one, and that of the newest message that a person of the business wrote."""

    last: int = 0
    own: int = 0


@dataclass
class DoubleJournal:
    """What is on the pod's volume."""

    epoch: UUID = field(default_factory=uuid4)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    reports: list[Report] = field(default_factory=list)
    published: int = 0
    accepted: dict[UUID, int] = field(default_factory=dict)
    """Accepted send requests and their places."""
    again: int = 0
    """How often everything was put back to be published again."""
    known_in: dict[Jid, int] = field(default_factory=dict)
    """By chat, the newest number that an accepted text takes into account."""
    own_ids: set[str] = field(default_factory=set)
    """WhatsApp ids of the messages that were sent from here."""
    received: set[tuple[Jid, bool, str]] = field(default_factory=set)
    """Chat, direction and id of the messages that were received."""
    last_sequence: int = 0
    _aliases: dict[Jid, Jid] = field(default_factory=dict)
    _chats: dict[Jid, ChatCount] = field(default_factory=dict)

    def next_sequence(self) -> int:
        """Return the place of the next report."""
        self.last_sequence += 1
        return self.last_sequence

    def resolve(self, chat: Jid, alias: Jid | None = None) -> Jid:
        """Return the one address of a chat: its LID as soon as both addresses were given together."""
        if alias is not None and self._aliases.get(alias) != chat:
            self._aliases[alias] = chat
            former, current = self._chats.pop(alias, ChatCount()), self.chat(chat)
            current.last, current.own = max(current.last, former.last), max(current.own, former.own)
        return self._aliases.get(chat, chat)

    def forget(self, request: EraseRequest, before: datetime) -> None:
        """Forget a person's chat, unless the person has written since, and what was reported of it before."""

        def is_theirs(address: Jid) -> bool:
            return person_digest(request.salt, address) in request.digests

        of_chat = [
            report for report in self.reports if isinstance(report.body, MessageSeen) and is_theirs(report.body.chat)
        ]
        gone = [report for report in of_chat if report.occurred_at < before]
        self.published -= sum(1 for report in self.reports[: self.published] if report in gone)
        self.reports = [report for report in self.reports if report not in gone]
        if len(gone) == len(of_chat):
            self._chats = {chat: count for chat, count in self._chats.items() if not is_theirs(chat)}
            self._aliases = {alias: chat for alias, chat in self._aliases.items() if not is_theirs(chat)}
        self.received = {claim for claim in self.received if not is_theirs(claim[0])}

    def chat(self, chat: Jid) -> ChatCount:
        """Return the count of a chat, given by any of its addresses."""
        return self._chats.setdefault(self._aliases.get(chat, chat), ChatCount())


@dataclass
class PodDouble:
    """A tenant pod as the bus sees it."""

    client: Client
    settings: InstanceSettings
    accepting: bool = True
    """Whether it accepts what it is offered."""
    results: bool = True
    """Whether it reports how a send ended."""
    sent: list[SendRequest] = field(default_factory=list)
    """What passed the gate."""
    offered: list[UUID] = field(default_factory=list)
    journal: DoubleJournal = field(default_factory=DoubleJournal)
    erased: list[EraseRequest] = field(default_factory=list)
    """What it has forgotten."""
    resumptions: list[int] = field(default_factory=list)
    """Which it was told of: that a person has let the number go on."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Publish and accept until cancelled, however often the bus goes down."""
        subject = subjects.out(self.settings.account, self.settings.instance)
        await self.client.subscribe(subject, cb=self._take)
        while True:
            self._wake.clear()
            await self._publish_all()
            await self._wake.wait()

    def publish_all_again(self) -> None:
        """Publish the journal again, as after another `TenantSettings.bus_state`."""
        self.journal.again += 1
        self.journal.published = 0
        self._wake.set()

    def lose_volume(self) -> None:
        """Begin a new journal; what was not published is lost."""
        self.journal = DoubleJournal()

    @property
    def journal_epoch(self) -> UUID:
        """Identity of the journal."""
        return self.journal.epoch

    @property
    def unpublished(self) -> int:
        """Number of reports that the bus has not acknowledged."""
        return len(self.journal.reports) - self.journal.published

    async def _publish_all(self) -> None:
        """Publish a window at a time without waiting for each acknowledgement; after a refusal, go back to it."""
        journal = self.journal
        while window := journal.reports[journal.published : journal.published + WINDOW]:
            while not self.client.is_connected:  # noqa: ASYNC110 `connected` keeps the client's callbacks for itself
                await asyncio.sleep(RETRY_SECONDS)
            answers = await asyncio.gather(*map(self._publish, window))
            acknowledged = len(list(takewhile(bool, answers)))
            journal.published += acknowledged
            if acknowledged < len(window):
                await asyncio.sleep(RETRY_SECONDS)
            journal = self.journal

    async def _publish(self, report: Report) -> bool:
        """Publish a report and return whether the bus has it."""
        subject = subjects.inbound(self.settings.account, self.settings.instance)
        waited = (datetime.now(UTC) - report.occurred_at).total_seconds()
        message_id = f"{self.settings.account}:{report.message_id}"
        headers = {MESSAGE_ID_HEADER: message_id, WAITED_HEADER: f"{max(waited, 0):.3f}"}
        if self.journal.again:
            headers[MESSAGE_ID_HEADER] += f":{self.journal.again}"
            headers[PUBLISHED_AGAIN_HEADER] = self._settled(report.body)
        try:
            await self.client.jetstream(timeout=ANSWER_SECONDS).publish(subject, report.encode(), headers=headers)
        except NatsError:
            return False
        return True

    async def _take(self, message: Msg) -> None:
        try:
            request = SendRequest.decode(message.data)
        except ContractError:
            await self._take_other(message)
            return
        self.offered.append(request.id)
        if not self.accepting:
            return
        fresh = request.id not in self.journal.accepted
        place = self.journal.accepted.setdefault(request.id, len(self.journal.accepted) + 1)
        accepted = Accepted(request_id=request.id, journal_epoch=self.journal.epoch, journal_sequence=place)
        await self.client.publish(subjects.accepted(self.settings.account, self.settings.instance), accepted.encode())
        if fresh:
            self._note_basis(request)
            self._send(request)

    async def _take_other(self, message: Msg) -> None:
        try:
            self.resumptions.append(ResumeRequest.decode(message.data).resumption)
        except ContractError:
            await self._forget(EraseRequest.decode(message.data))

    async def _forget(self, request: EraseRequest) -> None:
        """Forget a person, as `oxy_tenant.forgetting` does, and report it; what the person wrote since stays."""
        if not self.accepting:
            return
        accepted = Accepted(request_id=request.id, journal_epoch=self.journal.epoch, journal_sequence=1)
        await self.client.publish(subjects.accepted(self.settings.account, self.settings.instance), accepted.encode())
        self.journal.forget(request, datetime.now(UTC) - timedelta(seconds=request.seconds_ago))
        self.erased.append(request)
        self.report(ContactErased(request_id=request.id))

    def _note_basis(self, request: SendRequest) -> None:
        chat = self.journal.resolve(request.chat)
        if request.based_on is not None:
            self.journal.known_in[chat] = max(self._known(request), self.journal.known_in.get(chat, 0))

    def _settled(self, body: ReportBody) -> Settled:
        """Decide as `oxy_tenant.journal.settled` does, in one journal."""
        if not isinstance(body, MessageSeen) or (body.from_me and not body.self_chat):
            return Settled.OPEN
        if self.journal.known_in.get(self.journal.resolve(body.chat), 0) >= body.chat_sequence:
            return Settled.ANSWERED
        return Settled.PERSON if self.journal.chat(body.chat).own > body.chat_sequence else Settled.OPEN

    def _send(self, request: SendRequest) -> None:
        refusal = self._refusal(request, datetime.now(UTC))
        whatsapp_id = None
        if refusal is None:
            whatsapp_id = f"OUT{request.id}"
            self.journal.own_ids.add(whatsapp_id)
            self.sent.append(request)
        if self.results:
            outcome = refusal or SendOutcome.SENT
            self.report(SendResult(request_id=request.id, outcome=outcome, whatsapp_id=whatsapp_id))

    def _refusal(self, request: SendRequest, now: datetime) -> SendOutcome | None:
        """Decide as `oxy_tenant.sending.gate` does; a request is sent as soon as it is received."""
        expires_at = request.expires_at
        if request.valid_seconds is not None:
            expires_at = now + timedelta(seconds=request.valid_seconds)
        if expires_at is not None and now >= expires_at:
            return SendOutcome.EXPIRED
        own_chat = request.chat == Jid.of_phone(self.settings.phone_number)
        if request.based_on is not None and not own_chat and self.journal.chat(request.chat).own > self._known(request):
            return SendOutcome.SUPERSEDED
        return None

    def _known(self, request: SendRequest) -> int:
        """Return the newest number that a request takes into account; another journal's says nothing about this one."""
        return (request.based_on or 0) if request.based_on_epoch in {None, self.journal.epoch} else 0

    def report(self, body: ReportBody, **changes: object) -> Report:
        """Journal a report, whatever it says; it is published as soon as the bus takes it."""
        report = Report(
            id=new_id(),
            organization=self.settings.organization,
            instance=self.settings.instance,
            journal_epoch=self.journal.epoch,
            journal_started_at=self.journal.started_at,
            journal_sequence=self.journal.next_sequence(),
            occurred_at=datetime.now(UTC),
            trace=new_trace(),
            body=body,
        ).model_copy(update=changes)
        self.journal.reports.append(report)
        self._wake.set()
        return report

    def read_by_customer(self, chat: Jid) -> None:
        """Report that all that was sent to a chat has reached the phone and was read."""
        sent = [request.id for request in self.sent if self.journal.resolve(request.chat) == self.journal.resolve(chat)]
        for kind in (ReceiptKind.DELIVERED, ReceiptKind.READ) if sent else ():
            ids = tuple(f"OUT{request}" for request in sent)
            now = datetime.now(UTC)
            self.report(ReceiptsSeen(kind=kind, request_ids=tuple(sent), whatsapp_ids=ids, chat=chat, at=now))

    def receive(self, text: str | None, phone: str, **changes: object) -> MessageSeen:
        """Take a message from WhatsApp: it is reported unless it was received before, or sent from here.

        `changes` are fields of the message that differ from a text of the customer with this phone number.
        """
        values = self._values(text, phone, changes)
        if self._claim(values):
            message = self._counted(values)
            self.report(message)
            return message
        return MessageSeen.model_validate({"chat_sequence": 1, **values})

    def message(self, text: str | None, phone: str, **changes: object) -> MessageSeen:
        """Return a message that has its place in the chat and is not reported."""
        return self._counted(self._values(text, phone, changes))

    def _values(self, text: str | None, phone: str, changes: dict[str, object]) -> dict[str, object]:
        chat, alias = changes.get("chat", Jid.of_phone(phone)), changes.get("chat_alias")
        chat = self.journal.resolve(cast("Jid", chat), cast("Jid | None", alias))
        now = datetime.now(UTC)
        values: dict[str, object] = {
            "whatsapp_id": uuid4().hex.upper(),
            "sender": chat,
            "from_me": False,
            "push_name": "Ana",
            "kind": MessageKind.TEXT if text is not None else MessageKind.UNSUPPORTED,
            "text": text,
            "sent_at": now,
        }
        values |= changes
        delay = (now - cast("datetime", values["sent_at"])).total_seconds()
        return {"delay_seconds": max(delay, 0), **values, "chat": chat}

    def _claim(self, values: dict[str, object]) -> bool:
        """Return whether this message is to be reported. One that cannot be decrypted leaves its id to a repeat."""
        whatsapp_id, own = str(values["whatsapp_id"]), bool(values["from_me"])
        if own and whatsapp_id in self.journal.own_ids:
            return False
        claim = (cast("Jid", values["chat"]), own, whatsapp_id)
        known = claim in self.journal.received
        if values["kind"] is not MessageKind.UNDECRYPTABLE:
            self.journal.received.add(claim)
        return not known

    def _counted(self, values: dict[str, object]) -> MessageSeen:
        count = self.journal.chat(cast("Jid", values["chat"]))
        count.last += 1
        is_answer = (
            values["kind"] not in NO_ANSWERS
            and values.get("source") not in AUTOMATIC_SOURCES
            and not is_hand_back(cast("str | None", values.get("text")))
        )
        if values["from_me"] and not values.get("self_chat") and is_answer:
            count.own = count.last
        return MessageSeen.model_validate({"chat_sequence": count.last, **values})
