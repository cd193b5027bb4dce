import asyncio
import itertools
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from integration.tenant.scene import PATIENCE, until
from integration.tenant.small_volumes import MIB, small_volume
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from structlog.testing import capture_logs
from unit.tenant.messages import incoming, request

from oxy_core.bus import connected
from oxy_core.envelopes import MESSAGE_ID_HEADER, PUBLISHED_AGAIN_HEADER, WAITED_HEADER, Report, Settled
from oxy_core.identity import Jid
from oxy_core.jetstream import INBOUND_STREAM, ensure_streams
from oxy_dev.servers import NatsServer
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.reports import Reports
from oxy_tenant.publishing import publisher
from oxy_tenant.publishing.publisher import Publisher, PublishRules, PublishTiming, ReportSignal
from oxy_tenant.publishing.window import WINDOW

SUBJECT = "oxy.in.ACCOUNT.shop"
QUICK = PublishTiming(answer_seconds=0.3, retry_seconds=0.01)
"""For what is never answered. A busy machine takes longer over some answers, and what it answers late comes again."""
PATIENT = PublishTiming(answer_seconds=PATIENCE, retry_seconds=0.01)


class Stream:
    """A stream that refuses or ignores given sequences, and stores the rest in the order of arrival."""

    def __init__(self, client: Client, refuse: set[int], silent: set[int]) -> None:
        self.client = client
        self.refuse = refuse
        self.silent = silent
        self.stored: list[int] = []
        self.taken: list[int] = []
        """With what came again."""

    async def take(self, message: Msg) -> None:
        sequence = Report.decode(message.data).journal_sequence
        if sequence in self.silent:
            self.silent.discard(sequence)
            return
        if sequence in self.refuse:
            self.refuse.discard(sequence)
            await message.respond(b'{"error":{"description":"full"}}')
            return
        self.taken.append(sequence)
        if sequence not in self.stored:
            self.stored.append(sequence)
        await message.respond(b'{"seq":1}')


@asynccontextmanager
async def publishing(
    journal: Journal,
    reports_added: ReportSignal,
    server: NatsServer,
    stream: Stream,
    rules: PublishRules | None = None,
) -> AsyncIterator[Publisher]:
    await stream.client.subscribe(SUBJECT, cb=stream.take)
    await stream.client.flush()
    async with connected(server.url, name="pod") as client:
        timing = QUICK if stream.silent else PATIENT
        worker = Publisher(journal.reports, SUBJECT, reports_added, timing, rules=rules)
        task = asyncio.create_task(worker.run(client))
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
async def reports_added() -> ReportSignal:
    return ReportSignal()


@pytest.fixture
def journal(tmp_path: Path, reports_added: ReportSignal) -> Iterator[Journal]:
    path = tmp_path / "journal.db"
    journal = Journal.open(path, organization="acme", instance="shop", on_report=reports_added.set)
    yield journal
    journal.close()


async def test_reports_announced_together_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    woken, wake = list[Callable[[], None]](), loop.call_soon_threadsafe

    def counted(call: Callable[[], None]) -> None:
        woken.append(call)
        wake(call)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    reports_added = ReportSignal()
    for _ in range(2):  # again after the publisher has looked
        for _ in range(10):
            reports_added.set()
            await reports_added.event.wait()
        reports_added.event.clear()
    assert len(woken) == 2


async def test_reports_written_before_and_after_the_start_arrive_in_order(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    for number in range(300):
        journal.inbound.receive(incoming(f"A{number}"))
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, set(), set())
        async with publishing(journal, reports_added, nats_server, stream) as worker, asyncio.timeout(PATIENCE):
            await worker.drained()
            for number in range(50):
                journal.inbound.receive(incoming(f"B{number}"))
            await worker.drained()
    assert stream.stored == list(range(1, 351))


@pytest.mark.parametrize("silent", [False, True])
async def test_a_refused_report_is_overtaken_only_by_reports_in_flight(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer, *, silent: bool
) -> None:
    count, trouble = 3 * WINDOW, (5, 20, 21, WINDOW + 40)
    for number in range(count):
        journal.inbound.receive(incoming(f"A{number}"))
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, set() if silent else set(trouble), set(trouble) if silent else set())
        async with publishing(journal, reports_added, nats_server, stream) as worker, asyncio.timeout(PATIENCE):
            await worker.drained()
    assert sorted(stream.stored) == list(range(1, count + 1))
    assert journal.reports.newest == count
    for refused in trouble:
        assert max(stream.stored[: stream.stored.index(refused)]) < refused + WINDOW


async def test_acknowledged_reports_are_not_published_again_after_a_restart(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    for number in range(10):
        journal.inbound.receive(incoming(f"A{number}"))
    async with connected(nats_server.url, name="stream") as client:
        first = Stream(client, set(), set())
        async with publishing(journal, reports_added, nats_server, first) as worker, asyncio.timeout(PATIENCE):
            await worker.drained()
            await until(lambda: journal.reports.pending() == 0)
    async with connected(nats_server.url, name="stream") as client:
        second = Stream(client, set(), set())
        journal.inbound.receive(incoming("B"))
        async with publishing(journal, reports_added, nats_server, second) as worker, asyncio.timeout(PATIENCE):
            await worker.drained()
    assert first.stored == list(range(1, 11))
    assert second.stored == [11]


async def test_a_full_volume_ends_no_publisher_and_what_was_acknowledged_is_stored_once_there_is_room(
    tmp_path: Path, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    with small_volume(tmp_path / "volume", 4 * MIB) as volume:
        path = volume.folder / "journal.db"
        with closing(Journal.open(path, organization="acme", instance="shop", on_report=reports_added.set)) as journal:
            for number in range(10):
                journal.inbound.receive(incoming(f"A{number}"))
            volume.fill()
            async with connected(nats_server.url, name="stream") as client:
                stream = Stream(client, set(), set())
                async with publishing(journal, reports_added, nats_server, stream) as worker, asyncio.timeout(PATIENCE):
                    await until(lambda: len(stream.stored) == 10)
                    await asyncio.sleep(0.5)  # it tries to store what was acknowledged
                    assert journal.reports.pending() == 10
                    volume.free()
                    await worker.drained()
                    journal.inbound.receive(incoming("B"))
                    await worker.drained()
    assert stream.stored == list(range(1, 12))


async def test_a_full_volume_ends_no_publisher_and_what_the_bus_lost_is_published_again_once_there_is_room(
    tmp_path: Path, reports_added: ReportSignal, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_FULL_SECONDS", 0.1)
    names: list[str | None] = [None]
    rules = PublishRules(bus_state=lambda: names[-1])
    with small_volume(tmp_path / "volume", 4 * MIB) as volume:
        path = volume.folder / "journal.db"
        with closing(Journal.open(path, organization="acme", instance="shop", on_report=reports_added.set)) as journal:
            for number in range(10):
                journal.inbound.receive(incoming(f"A{number}"))
            async with connected(nats_server.url, name="stream") as client:
                stream = Stream(client, set(), set())
                async with publishing(journal, reports_added, nats_server, stream, rules) as worker:
                    await until(lambda: len(stream.stored) == 10)
                    await worker.drained()
                    for name, times in (("Monday", 1), ("Tuesday", 2)):
                        before = journal.reports.bus_state
                        volume.fill()
                        names.append(name)
                        reports_added.set()
                        await asyncio.sleep(0.5)  # it tries to note the name
                        assert (journal.reports.bus_state, len(stream.taken)) == (before, 10)
                        volume.free()
                        await until(lambda name=name: journal.reports.bus_state == name)
                        await until(lambda times=times: len(stream.taken) == 10 * times)
                    await worker.drained()


async def test_an_unanswered_report_is_repeated_while_others_keep_coming(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, set(), {5})
        async with publishing(journal, reports_added, nats_server, stream), asyncio.timeout(PATIENCE):
            for number in itertools.count():
                journal.inbound.receive(incoming(f"A{number}"))
                if 5 in stream.stored:
                    break
                await asyncio.sleep(QUICK.answer_seconds / 10)  # a busy pod: new reports more often than it gives up
    assert 5 in stream.stored


@pytest.fixture
async def jetstream(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    async with connected(nats_server.url, name="platform") as client:
        await ensure_streams(client.jetstream())
        yield client.jetstream(timeout=PATIENCE)


async def stored(jetstream: JetStreamContext) -> list[tuple[int, dict[str, str]]]:
    """Return the sequence in the journal and the headers of each report on the stream."""
    state = (await jetstream.stream_info(INBOUND_STREAM)).state
    messages = [await jetstream.get_msg(INBOUND_STREAM, place) for place in range(1, state.last_seq + 1)]
    return [(Report.decode(message.data or b"").journal_sequence, message.headers or {}) for message in messages]


@asynccontextmanager
async def publishing_to_jetstream(
    reports: Reports, reports_added: ReportSignal, server: NatsServer, rules: PublishRules
) -> AsyncIterator[Publisher]:
    async with connected(server.url, name="pod") as client:
        worker = Publisher(reports, SUBJECT, reports_added, QUICK, rules=rules)
        task = asyncio.create_task(worker.run(client))
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_a_stream_that_began_anew_gets_everything_that_is_kept_again(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer, jetstream: JetStreamContext
) -> None:
    async with publishing_to_jetstream(journal.reports, reports_added, nats_server, PublishRules()) as worker:
        for number in range(20):
            journal.inbound.receive(incoming(f"A{number}"))
        await worker.drained()
        await jetstream.delete_stream(INBOUND_STREAM)
        await ensure_streams(jetstream)
        journal.inbound.receive(incoming("B"))

        async def whole() -> bool:
            return {sequence for sequence, _ in await stored(jetstream)} == set(range(1, 22))

        await until(whole, what="all reports on the new stream")


async def test_a_new_name_of_what_is_stored_brings_everything_that_is_kept_again(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer, jetstream: JetStreamContext
) -> None:
    names: list[str | None] = [None]
    rules = PublishRules(bus_state=lambda: names[-1])
    async with publishing_to_jetstream(journal.reports, reports_added, nats_server, rules) as worker:
        for number in range(5):
            journal.inbound.receive(incoming(f"A{number}"))
        await worker.drained()
        names.append("stream of Monday")
        await until(lambda: journal.reports.bus_state == "stream of Monday")
        await jetstream.delete_stream(INBOUND_STREAM)
        await ensure_streams(jetstream)
        assert await stored(jetstream) == []
        names.append("stream of Tuesday")

        async def whole() -> bool:
            return [sequence for sequence, _ in await stored(jetstream)] == [1, 2, 3, 4, 5]

        await until(whole, what="all reports on the new stream")
        assert journal.reports.bus_state == "stream of Tuesday"


async def test_what_a_stream_still_remembers_is_stored_again_with_what_the_journal_knows(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer, jetstream: JetStreamContext
) -> None:
    names = ["database of Monday"]
    async with publishing_to_jetstream(
        journal.reports, reports_added, nats_server, PublishRules(bus_state=lambda: names[-1])
    ) as worker:
        journal.inbound.receive(incoming("A"))
        journal.inbound.receive(incoming("B"))
        journal.sends.accept([request(based_on=1)])
        await worker.drained()
        names.append("database of Tuesday")

        async def again() -> bool:
            return len(await stored(jetstream)) == 4

        await until(again, what="both reports on the stream again")
    found = [(sequence, headers.get(PUBLISHED_AGAIN_HEADER)) for sequence, headers in await stored(jetstream)]
    assert found == [(1, None), (2, None), (1, Settled.ANSWERED), (2, Settled.OPEN)]


class SlowReports(Reports):
    """Reports on a volume that is slow to store what was acknowledged, from when `slow` is set until `go_on` is."""

    slow, storing, go_on = threading.Event(), threading.Event(), threading.Event()

    def mark_published(self, numbers: Collection[int], stream_sequence: int) -> None:
        if self.slow.is_set():
            self.storing.set()
            self.go_on.wait(PATIENCE)
        super().mark_published(numbers, stream_sequence)


async def test_what_the_lost_stream_acknowledged_is_published_again_on_a_slow_volume_too(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer, jetstream: JetStreamContext
) -> None:
    reports = SlowReports(journal.database, organization="acme", instance="shop", clock=journal.clock)
    names, rates = ["stream of Monday"], [0.0]
    rules = PublishRules(bus_state=lambda: names[-1], per_second=lambda: rates[-1])
    async with publishing_to_jetstream(reports, reports_added, nats_server, rules) as worker:
        for number in range(30):
            journal.inbound.receive(incoming(f"A{number}"))
        await worker.drained()
        reports.slow.set()
        journal.inbound.receive(incoming("B"))
        await until(reports.storing.is_set)
        await jetstream.delete_stream(INBOUND_STREAM)
        await ensure_streams(jetstream)
        rates.append(20)
        names.append("stream of Tuesday")
        await asyncio.sleep(0.7)
        reports.go_on.set()

        async def whole() -> bool:
            return {sequence for sequence, _ in await stored(jetstream)} == set(range(1, 32))

        await until(whole, what="all reports on the new stream")


async def test_each_report_carries_its_account_and_how_long_it_waited(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer, jetstream: JetStreamContext
) -> None:
    began = time.monotonic()
    report = journal.inbound.receive(incoming("A"))
    assert report is not None
    await asyncio.sleep(0.2)  # what the header must show
    async with publishing_to_jetstream(journal.reports, reports_added, nats_server, PublishRules()) as worker:
        await worker.drained()
    [(_, headers)] = await stored(jetstream)
    assert headers[MESSAGE_ID_HEADER] == f"ACCOUNT:{report.message_id}"
    assert 0.2 <= float(headers[WAITED_HEADER]) <= time.monotonic() - began


async def test_a_report_that_the_bus_could_never_take_is_replaced_and_holds_up_nothing(
    journal: Journal,
    reports_added: ReportSignal,
    nats_server: NatsServer,
    jetstream: JetStreamContext,
    tmp_path: Path,
) -> None:
    for whatsapp_id in "ABC":
        journal.inbound.receive(incoming(whatsapp_id))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database, database:
        [(envelope,)] = database.execute("SELECT envelope FROM reports WHERE number = 2").fetchall()
        huge = envelope.replace(b'"oi"', b'"oi","quoted_id":"' + b"Q" * (2 << 20) + b'"')
        database.execute("UPDATE reports SET envelope = ? WHERE number = 2", (huge,))
    async with publishing_to_jetstream(journal.reports, reports_added, nats_server, PublishRules()) as worker:
        async with asyncio.timeout(PATIENCE):
            await worker.drained()
    assert [sequence for sequence, _ in await stored(jetstream)] == [1, 2, 3]


async def test_a_refusal_is_shown_until_the_stream_takes_reports_again(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    shown: list[str | None] = []
    journal.inbound.receive(incoming("A"))
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, {1}, set())
        rules = PublishRules(on_refusal=shown.append)
        with capture_logs() as logs:
            async with publishing(journal, reports_added, nats_server, stream, rules) as worker:
                async with asyncio.timeout(PATIENCE):
                    await worker.drained()
    assert shown == ["full", None]
    # What is refused is tried again for as long as the stream is full, perhaps for hours.
    assert [line["event"] for line in logs].count("reports_published") == 1


async def test_a_flooding_customer_waits_and_the_others_do_not(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    for number in range(60):
        journal.inbound.receive(incoming(f"F{number}"))
    journal.inbound.receive(incoming("O", Jid.parse("222@lid")))
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, set(), set())
        rules = PublishRules(per_second=lambda: 20)
        async with publishing(journal, reports_added, nats_server, stream, rules) as worker, asyncio.timeout(PATIENCE):
            await until(lambda: 61 in stream.stored)
            await worker.drained()
    assert stream.stored.index(61) < 40
    assert [sequence for sequence in stream.stored if sequence != 61] == list(range(1, 61))
