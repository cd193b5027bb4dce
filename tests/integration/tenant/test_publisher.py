import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from integration.tenant.scene import until
from nats.aio.client import Client
from nats.aio.msg import Msg
from unit.tenant.messages import incoming

from oxy_core.bus import connected
from oxy_core.envelopes import Report
from oxy_dev.servers import NatsServer
from oxy_tenant.journal.journal import Journal
from oxy_tenant.publishing.publisher import Publisher, PublishTiming, ReportSignal
from oxy_tenant.publishing.window import WINDOW

SUBJECT = "oxy.in.ACCOUNT.shop"
QUICK = PublishTiming(answer_seconds=0.3, retry_seconds=0.01)


class Stream:
    """A stream that refuses or ignores given sequences, and stores the rest in the order of arrival."""

    def __init__(self, client: Client, refuse: set[int], silent: set[int]) -> None:
        self.client = client
        self.refuse = refuse
        self.silent = silent
        self.stored: list[int] = []

    async def take(self, message: Msg) -> None:
        sequence = Report.decode(message.data).journal_sequence
        if sequence in self.silent:
            self.silent.discard(sequence)
            return
        if sequence in self.refuse:
            self.refuse.discard(sequence)
            await message.respond(b'{"error":{"description":"full"}}')
            return
        if sequence not in self.stored:
            self.stored.append(sequence)
        await message.respond(b'{"seq":1}')


@asynccontextmanager
async def publishing(
    journal: Journal, reports_added: ReportSignal, server: NatsServer, stream: Stream
) -> AsyncIterator[Publisher]:
    await stream.client.subscribe(SUBJECT, cb=stream.take)
    await stream.client.flush()
    async with connected(server.url, name="pod") as client:
        worker = Publisher(journal.reports, SUBJECT, reports_added, QUICK)
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


async def test_reports_written_before_and_after_the_start_arrive_in_order(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    for number in range(300):
        journal.inbound.receive(incoming(f"A{number}"))
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, set(), set())
        async with publishing(journal, reports_added, nats_server, stream) as worker, asyncio.timeout(10):
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
        async with publishing(journal, reports_added, nats_server, stream) as worker, asyncio.timeout(15):
            await worker.drained()
    assert sorted(stream.stored) == list(range(1, count + 1))
    assert journal.reports.last_sequence == count
    for refused in trouble:
        assert max(stream.stored[: stream.stored.index(refused)]) < refused + WINDOW


async def test_acknowledged_reports_are_not_published_again_after_a_restart(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    for number in range(10):
        journal.inbound.receive(incoming(f"A{number}"))
    async with connected(nats_server.url, name="stream") as client:
        first = Stream(client, set(), set())
        async with publishing(journal, reports_added, nats_server, first) as worker, asyncio.timeout(10):
            await worker.drained()
            await until(lambda: journal.reports.published == 10)
    async with connected(nats_server.url, name="stream") as client:
        second = Stream(client, set(), set())
        journal.inbound.receive(incoming("B"))
        async with publishing(journal, reports_added, nats_server, second) as worker, asyncio.timeout(10):
            await worker.drained()
    assert first.stored == list(range(1, 11))
    assert second.stored == [11]


async def test_an_unanswered_report_is_repeated_while_others_keep_coming(
    journal: Journal, reports_added: ReportSignal, nats_server: NatsServer
) -> None:
    async with connected(nats_server.url, name="stream") as client:
        stream = Stream(client, set(), {5})
        async with publishing(journal, reports_added, nats_server, stream), asyncio.timeout(10):
            for number in range(100):
                journal.inbound.receive(incoming(f"A{number}"))
                if 5 in stream.stored:
                    break
                await asyncio.sleep(QUICK.answer_seconds / 10)  # a busy pod: new reports more often than it gives up
    assert 5 in stream.stored
