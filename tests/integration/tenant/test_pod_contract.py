"""What the workers may rely on, checked against the tenant runtime and against the double that stands in for it.

The double is `oxy_dev.pod_double`: tests and benchmarks of the workers are worth as much as it is true to the runtime.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from integration.tenant.scene import (
    ACCOUNT,
    BUSINESS,
    CUSTOMER,
    INSTANCE,
    ORGANIZATION,
    PROBE_PAUSE,
    Bus,
    Scene,
    send_request,
    staged,
    until,
)

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.content import MessageSource, Reaction, Target
from oxy_core.envelopes import (
    WAITED_HEADER,
    EraseRequest,
    InstanceSettings,
    MessageSeen,
    SendOutcome,
    SendRequest,
    SendResult,
)
from oxy_core.identity import Jid, new_id, person_digest
from oxy_core.jetstream import INBOUND_STREAM
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import ContactErased, ReceiptKind, ReceiptsSeen
from oxy_core.tasks import end_tasks
from oxy_core.trace import new_trace
from oxy_dev.pod_double import PodDouble
from oxy_simulator.contents import Reaction as SentReaction
from oxy_simulator.testing import WhatsApp

PHONE = Jid.of_phone(CUSTOMER)


class Pod(Protocol):
    """A pod between a customer and a person of the business, and the bus."""

    bus: Bus

    async def customer_writes(self, text: str) -> None: ...

    async def person_writes(self, text: str) -> None: ...

    async def repeats(self, text: str) -> None:
        """The customer writes, and WhatsApp delivers it twice."""

    async def person_reacts(self, target: MessageSeen) -> None: ...

    async def customer_reads(self) -> None: ...

    async def lose_volume(self) -> None: ...

    async def has_journalled(self, texts: int) -> None:
        """Wait until so many texts are journalled, whether the bus has them or not."""


@dataclass
class Runtime:
    """The tenant runtime, connected to the simulated WhatsApp."""

    scene: Scene

    @property
    def bus(self) -> Bus:
        return self.scene.bus

    async def customer_writes(self, text: str) -> None:
        await self.scene.customer.send(text, self.scene.business)

    async def person_writes(self, text: str) -> None:
        await self.scene.business.send(text, self.scene.customer)

    async def repeats(self, text: str) -> None:
        identity = await self.scene.customer.send(text, self.scene.business)
        await self.scene.customer.send(text, self.scene.business, message_id=identity)

    async def person_reacts(self, target: MessageSeen) -> None:
        await self.scene.business.send(SentReaction(target=target.whatsapp_id, emoji="👍"), self.scene.customer)

    async def customer_reads(self) -> None:
        await self.scene.customer.act("mark", chat=BUSINESS)

    async def lose_volume(self) -> None:
        await self.scene.runtime.kill()
        shutil.rmtree(self.scene.runtime.session)
        self.bus.forget_states()
        await self.scene.pair()

    async def has_journalled(self, texts: int) -> None:
        async def enough() -> bool:
            return await self.scene.runtime.metric('oxy_tenant_messages_received_total{kind="text"}') >= texts

        await until(enough, what=f"{texts} texts journalled", pause=PROBE_PAUSE)


@dataclass
class Double:
    """The stand-in, which receives what the simulated WhatsApp would deliver."""

    bus: Bus
    pod: PodDouble

    async def customer_writes(self, text: str | None, **changes: object) -> None:
        self.pod.receive(text, CUSTOMER, chat=Jid.parse("7001@lid"), chat_alias=PHONE, **changes)

    async def person_writes(self, text: str) -> None:
        await self.customer_writes(text, from_me=True, sender=Jid.of_phone(BUSINESS))

    async def repeats(self, text: str) -> None:
        identity = uuid4().hex
        await self.customer_writes(text, whatsapp_id=identity)
        await self.customer_writes(text, whatsapp_id=identity)

    async def person_reacts(self, target: MessageSeen) -> None:
        details = Reaction(target=Target(whatsapp_id=target.whatsapp_id, from_me=False), emoji="👍")
        changes = {"from_me": True, "sender": Jid.of_phone(BUSINESS), "source": MessageSource.PHONE}
        await self.customer_writes(None, kind=MessageKind.REACTION, details=details, **changes)

    async def customer_reads(self) -> None:
        self.pod.read_by_customer(PHONE)

    async def lose_volume(self) -> None:
        self.pod.lose_volume()

    async def has_journalled(self, texts: int) -> None:
        """It has what it received when `receive` returns."""


@asynccontextmanager
async def runtime(bus: Bus, folder: Path) -> AsyncIterator[Pod]:
    async with WhatsApp() as simulator, staged(simulator, bus, folder) as scene:
        await scene.pair()
        yield Runtime(scene)


@asynccontextmanager
async def double(bus: Bus, _: Path) -> AsyncIterator[Pod]:
    settings = InstanceSettings(
        organization=ORGANIZATION,
        instance=INSTANCE,
        account=ACCOUNT,
        generation=1,
        display_name="Pet Shop",
        phone_number=BUSINESS,
        timezone="America/Sao_Paulo",
    )
    async with connected(bus.server.url, name="pod") as client:
        pod = PodDouble(client, settings)
        running = asyncio.create_task(pod.run())
        try:
            yield Double(bus, pod)
        finally:
            await end_tasks(running)


@pytest.fixture(params=[runtime, double], ids=["runtime", "double"])
async def pod(request: pytest.FixtureRequest, bus: Bus, tmp_path: Path) -> AsyncIterator[Pod]:
    async with request.param(bus, tmp_path) as built:
        yield built


async def messages(pod: Pod, count: int) -> list[MessageSeen]:
    """Wait until `count` messages are on the stream and return them in its order."""

    async def enough() -> list[MessageSeen] | None:
        found = await pod.bus.messages()
        return found if len(found) >= count else None

    return await until(enough, what=f"{count} messages on the stream")


async def result(pod: Pod, request: SendRequest) -> SendResult:
    async def found() -> SendResult | None:
        return next((result for result in await pod.bus.results() if result.request_id == request.id), None)

    return await until(found, what=f"the result of {request.text!r}")


async def outcome(pod: Pod, request: SendRequest) -> SendOutcome:
    await pod.bus.request(request)
    return (await result(pod, request)).outcome


async def test_a_chat_is_numbered_without_gaps_under_its_hidden_address(pod: Pod) -> None:
    for number in range(10):
        await (pod.person_writes if number % 3 == 0 else pod.customer_writes)(f"oi {number}")
    seen = await messages(pod, 10)
    assert [message.chat_sequence for message in seen] == list(range(1, 11))
    assert [message.text for message in seen] == [f"oi {number}" for number in range(10)]
    assert {(message.chat.is_lid, message.chat_alias) for message in seen} == {(True, PHONE)}
    assert [message.from_me for message in seen] == [number % 3 == 0 for number in range(10)]


async def test_reports_arrive_in_the_order_of_the_journal_across_an_outage(pod: Pod) -> None:
    await pod.customer_writes("antes")
    await messages(pod, 1)
    await asyncio.to_thread(pod.bus.server.kill)
    for number in range(20):
        await pod.customer_writes(f"durante {number}")
    await asyncio.to_thread(pod.bus.server.start)
    await pod.customer_writes("depois")
    seen = await messages(pod, 22)
    assert [message.chat_sequence for message in seen] == list(range(1, 23))
    reports = await pod.bus.stored()
    assert [report.journal_sequence for report in reports] == list(range(1, len(reports) + 1))
    assert len({report.journal_epoch for report in reports}) == 1


async def test_what_a_full_stream_refuses_is_published_again_from_there_on(pod: Pod) -> None:
    stream = (await pod.bus.jetstream.stream_info(INBOUND_STREAM)).config
    await pod.customer_writes("antes")
    await messages(pod, 1)
    # Only what came before the message is counted: a report of the connection may still be on its way without it.
    before = len(await pod.bus.stored())
    await pod.bus.jetstream.update_stream(stream.evolve(max_msgs_per_subject=before + 3))
    for number in range(10):
        await pod.customer_writes(f"oi {number}")
    await messages(pod, 4)
    await pod.bus.jetstream.update_stream(stream)
    # What was in flight as the room came may overtake what was refused before; readers restore the order.
    assert sorted(message.chat_sequence for message in await messages(pod, 11)) == list(range(1, 12))


async def test_a_message_says_how_old_it_was_and_its_report_how_long_it_waited(pod: Pod) -> None:
    await pod.customer_writes("já")
    await messages(pod, 1)
    await asyncio.to_thread(pod.bus.server.kill)
    await pod.customer_writes("espera")
    await pod.has_journalled(2)
    await asyncio.sleep(2)
    await asyncio.to_thread(pod.bus.server.start)
    seen = await messages(pod, 2)
    assert all(message.delay_seconds is not None and message.delay_seconds < 20 for message in seen)
    last = (await pod.bus.jetstream.stream_info(INBOUND_STREAM)).state.last_seq
    stored = await pod.bus.jetstream.get_msg(INBOUND_STREAM, last)
    assert stored.headers is not None
    assert 2 <= float(stored.headers[WAITED_HEADER]) < 60


async def test_a_message_that_is_delivered_again_is_reported_once(pod: Pod) -> None:
    await pod.repeats("uma vez")
    await pod.customer_writes("depois")
    assert [(message.text, message.chat_sequence) for message in await messages(pod, 2)] == [
        ("uma vez", 1),
        ("depois", 2),
    ]


async def test_a_repeated_request_is_accepted_in_the_same_place_and_reported_once(pod: Pod) -> None:
    await pod.customer_writes("oi")
    [message] = await messages(pod, 1)
    first, second = send_request(message.chat, "Olá!"), send_request(message.chat, "Tudo bem?")
    for request in (first, first, second, first):
        await pod.bus.request(request)
    await until(lambda: len(pod.bus.accepted) == 4, what="four confirmations")
    places = [(accepted.request_id, accepted.journal_sequence) for accepted in pod.bus.accepted]
    assert [request for request, _ in places] == [first.id, first.id, second.id, first.id]
    assert places[0] == places[1] == places[3]
    assert places[2][1] > places[0][1]
    await result(pod, first)
    await result(pod, second)
    assert [result.request_id for result in await pod.bus.results()] == [first.id, second.id]


async def test_what_was_sent_is_not_reported_as_a_message(pod: Pod) -> None:
    await pod.customer_writes("oi")
    [message] = await messages(pod, 1)
    assert await outcome(pod, send_request(message.chat, "Olá!")) is SendOutcome.SENT
    await pod.customer_writes("obrigado")
    assert [(seen.text, seen.chat_sequence) for seen in await messages(pod, 2)] == [("oi", 1), ("obrigado", 2)]


async def test_an_answer_of_a_person_supersedes_what_does_not_know_of_it(pod: Pod) -> None:
    await pod.customer_writes("oi")
    await pod.person_writes("já respondo")
    seen = await messages(pod, 2)
    epoch = (await pod.bus.stored())[-1].journal_epoch
    for chat in (seen[0].chat, PHONE):
        late = send_request(chat, "tarde", based_on=1, based_on_epoch=epoch)
        assert await outcome(pod, late) is SendOutcome.SUPERSEDED
        aware = send_request(chat, "ciente", based_on=2, based_on_epoch=epoch)
        assert await outcome(pod, aware) is SendOutcome.SENT
        another = send_request(chat, "de outro diário", based_on=9, based_on_epoch=uuid4())
        assert await outcome(pod, another) is SendOutcome.SUPERSEDED
        assert await outcome(pod, send_request(chat, "aviso")) is SendOutcome.SENT


async def test_a_reaction_and_an_instruction_of_a_person_answer_nothing(pod: Pod) -> None:
    await pod.customer_writes("oi")
    [asked] = await messages(pod, 1)
    await pod.person_reacts(asked)
    reaction = (await messages(pod, 2))[-1]
    assert (reaction.kind, reaction.from_me, reaction.chat_sequence) == (MessageKind.REACTION, True, 2)
    assert isinstance(reaction.details, Reaction)
    assert (reaction.details.target.whatsapp_id, reaction.details.emoji) == (asked.whatsapp_id, "👍")
    await pod.person_writes("# Bot")
    assert (await messages(pod, 3))[-1].text == "# Bot"
    answer = send_request(asked.chat, "Olá!", based_on=1)
    assert await outcome(pod, answer) is SendOutcome.SENT


async def test_receipts_name_the_requests_that_they_are_about(pod: Pod) -> None:
    await pod.customer_writes("oi")
    [asked] = await messages(pod, 1)
    answer = send_request(asked.chat, "Olá!")
    sent = await outcome_of(pod, answer)
    await pod.customer_reads()

    async def receipts() -> list[ReceiptsSeen] | None:
        found = [report.body for report in await pod.bus.stored() if isinstance(report.body, ReceiptsSeen)]
        return found if len(found) > 1 else None

    found = await until(receipts, what="two receipts")
    assert [receipt.kind for receipt in found] == [ReceiptKind.DELIVERED, ReceiptKind.READ]
    assert {(receipt.request_ids, receipt.whatsapp_ids) for receipt in found} == {((answer.id,), (sent,))}


async def outcome_of(pod: Pod, request: SendRequest) -> str | None:
    """Have a request carried out; WhatsApp's id of the message."""
    await pod.bus.request(request)
    return (await result(pod, request)).whatsapp_id


async def test_a_person_is_forgotten_and_that_is_reported(pod: Pod) -> None:
    await pod.customer_writes("oi")
    [message] = await messages(pod, 1)
    salt = uuid4()
    request = EraseRequest(
        id=new_id(),
        organization=ORGANIZATION,
        instance=INSTANCE,
        salt=salt,
        digests=(person_digest(salt, PHONE),),
        seconds_ago=0,
        trace=new_trace(),
    )
    for times in (1, 2):  # the report may be lost, so a repeat is reported again
        await pod.bus.client.publish(subjects.out(ACCOUNT, INSTANCE), request.encode())
        await until(lambda times=times: forgotten(pod, request, times), what="the report of the erasure")
    assert {accepted.request_id for accepted in pod.bus.accepted} == {request.id}
    assert message.chat_sequence == 1


async def forgotten(pod: Pod, request: EraseRequest, times: int) -> bool:
    bodies = [report.body for report in await pod.bus.stored()]
    return sum(isinstance(body, ContactErased) and body.request_id == request.id for body in bodies) == times


async def test_what_expired_is_not_sent(pod: Pod) -> None:
    await pod.customer_writes("oi")
    [message] = await messages(pod, 1)
    past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
    assert await outcome(pod, send_request(message.chat, "tarde", expires_at=past)) is SendOutcome.EXPIRED
    invalid = send_request(message.chat, "tarde", expires_at=future, valid_seconds=0)
    assert await outcome(pod, invalid) is SendOutcome.EXPIRED
    valid = send_request(message.chat, "em tempo", expires_at=past, valid_seconds=60)
    assert await outcome(pod, valid) is SendOutcome.SENT


async def test_a_lost_volume_begins_a_new_journal_that_says_when(pod: Pod) -> None:
    for text in ("oi", "tudo bem?"):
        await pod.customer_writes(text)
    await messages(pod, 2)
    await pod.lose_volume()
    await pod.customer_writes("ainda aí?")
    seen = await messages(pod, 3)
    assert [message.chat_sequence for message in seen] == [1, 2, 1]
    old, new = (await pod.bus.stored())[0], (await pod.bus.stored())[-1]
    assert new.journal_epoch != old.journal_epoch
    assert old.journal_started_at is not None
    assert new.journal_started_at is not None
    assert old.journal_started_at < new.journal_started_at
