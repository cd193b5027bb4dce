"""A chat keeps its order with two worker processes, whichever of them stores a message, and when."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from integration.ai.endpoint import Endpoint, running_endpoint, saying
from integration.ai.scene import CUSTOMER, FakePod, Scene, WorkerProcess, settings_of, until

from oxy_ai.engine.dead_reports import DeadReport, parts_of
from oxy_core import subjects
from oxy_core.envelopes import InstanceSettings, Report
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_core.jetstream import INBOUND_STREAM, INGEST_DURABLE

CHATS = 150
PAIRS = 200
STOPPED_CHATS = 20
DEBOUNCE_SECONDS = 5
"""So that what a test writes at once is answered together, though one of the workers stalls."""
EARLIER = timedelta(hours=1)
"""Longer ago than a takeover lasts, and not too old to be answered."""
SETTLE_SECONDS = 90.0


def phone(number: int) -> str:
    return f"+55119{number:08d}"


def quiet(debounce: float = DEBOUNCE_SECONDS) -> InstanceSettings:
    return settings_of("petshop", ai=AiSettings(debounce_seconds=debounce))


@asynccontextmanager
async def running(*workers: WorkerProcess) -> AsyncIterator[None]:
    for worker in workers:
        worker.start()
    try:
        await until(lambda: all_ready(workers), 60)
        yield
    finally:
        for worker in workers:
            worker.signal(signal.SIGCONT)
            worker.kill()


async def all_ready(workers: tuple[WorkerProcess, ...]) -> bool:
    return all([await worker.ready() for worker in workers])


def worker_of(scene: Scene, endpoint: Endpoint | None = None) -> WorkerProcess:
    model = {} if endpoint is None else {"OXY_OPENAI_BASE_URL": endpoint.base_url}
    # No turn is claimed twice because the machine stalls.
    return scene.process(OXY_TURNS_PER_SECOND="0", OXY_LEASE_SECONDS="20", **model)


async def settled(scene: Scene, pod: FakePod) -> None:
    """Wait until every report is stored and no conversation waits for an answer."""

    async def done() -> bool:
        if pod.unpublished:
            return False
        info = await scene.client.jetstream().stream_info(INBOUND_STREAM)
        if info.state.messages:
            return False
        due = await scene.value("select count(*) from conversations where due_at is not null")
        unsent = await scene.value("select count(*) from outbox where state in ('pending', 'accepted')")
        return bool(due == 0 and unsent == 0)

    await until(done, SETTLE_SECONDS)


async def test_nobody_is_answered_whom_a_person_has_answered(scene: Scene) -> None:
    pod = await scene.pod(quiet())
    asked = datetime.now(UTC) - EARLIER
    async with running(worker_of(scene), worker_of(scene)):
        await scene.known(pod.settings)
        for number in range(CHATS):
            pod.receive("Oi, tudo bem?", phone(number), sent_at=asked)
            pod.person_writes("50 reais", phone(number), sent_at=asked + timedelta(seconds=1))
        await settled(scene, pod)
    assert len(set(pod.offered)) == 0


async def test_everybody_is_answered_who_asked_after_a_person_wrote(scene: Scene) -> None:
    pod = await scene.pod(quiet())
    asked = datetime.now(UTC) - EARLIER
    async with running(worker_of(scene), worker_of(scene)):
        await scene.known(pod.settings)
        for number in range(CHATS):
            pod.person_writes("Bom dia", phone(number), sent_at=asked)
            pod.receive("Oi, tudo bem?", phone(number), sent_at=asked + timedelta(seconds=1))
        await settled(scene, pod)
    assert len({str(request.chat) for request in pod.sent}) == len(pod.sent) == CHATS


@pytest.mark.long
async def test_messages_of_one_customer_stay_in_order(scene: Scene) -> None:
    pod = await scene.pod(quiet())
    async with (
        running_endpoint(saying("Sim.")) as endpoint,
        running(worker_of(scene, endpoint), worker_of(scene, endpoint)),
    ):
        await scene.known(pod.settings)
        for number in range(PAIRS):
            pod.receive(f"{number} primeira", phone(number))
            await asyncio.sleep(0.001)
            pod.receive(f"{number} segunda", phone(number))
            await asyncio.sleep(0.05)
        await settled(scene, pod)
    asked = [tuple(m["content"] for m in request["messages"] if m["role"] == "user") for request in endpoint.requests]
    wrong = set(asked) - {(f"{number} primeira", f"{number} segunda") for number in range(PAIRS)}
    assert wrong == set()
    assert len(asked) == PAIRS
    assert await scene.value("select count(*) from chat_journals where not isempty(lost)") == 0


@pytest.mark.long
@pytest.mark.parametrize("fate", ["killed", "terminated", "stopped"])
async def test_reports_in_the_hands_of_a_worker_that_ends_keep_their_place(scene: Scene, fate: str) -> None:
    pod = await scene.pod(quiet())
    first, second = worker_of(scene), worker_of(scene)
    async with running(first):
        await scene.known(pod.settings)
        await stop_with_reports(scene, first, pod)
        async with running(second):
            then = datetime.now(UTC) - EARLIER
            for number in range(STOPPED_CHATS):
                pod.person_writes("50 reais", phone(number), sent_at=then)
                pod.receive("Oi, tudo bem?", phone(STOPPED_CHATS + number), sent_at=then)
            await until(lambda: stored(scene, 2 * STOPPED_CHATS))
            await end(first, fate)
            await settled(scene, pod)
    answered = sorted(str(request.chat) for request in pod.sent)
    assert answered == sorted(str(Jid.of_phone(phone(STOPPED_CHATS + number))) for number in range(STOPPED_CHATS))


async def stop_with_reports(scene: Scene, worker: WorkerProcess, pod: FakePod) -> None:
    """Stop a worker so that it holds what comes first in all chats, pulled and not acknowledged.

    In half of the chats a customer asks what a person answers; in the others a person writes, then the customer.
    """
    asked = datetime.now(UTC) - EARLIER
    worker.signal(signal.SIGSTOP)
    for number in range(STOPPED_CHATS):
        pod.receive("Oi, tudo bem?", phone(number), sent_at=asked)
        pod.person_writes("Bom dia", phone(STOPPED_CHATS + number), sent_at=asked)

    async def pulled() -> bool:
        info = await scene.client.jetstream().consumer_info(INBOUND_STREAM, INGEST_DURABLE)
        return info.num_ack_pending == 2 * STOPPED_CHATS and not info.num_waiting

    await until(pulled)


async def stored(scene: Scene, count: int) -> bool:
    return bool(await scene.value("select count(*) from messages") >= count)


async def end(worker: WorkerProcess, fate: str) -> None:
    match fate:
        case "killed":
            worker.kill()
            worker.start()
        case "terminated":
            worker.signal(signal.SIGCONT)
            await asyncio.to_thread(worker.terminate)
            worker.start()
        case "stopped":
            await asyncio.sleep(12)
            worker.signal(signal.SIGCONT)


async def test_a_dead_report_of_an_own_message_answers_nothing_that_came_after_it(scene: Scene) -> None:
    pod = await scene.pod(quiet())
    earlier = datetime.now(UTC) - EARLIER
    own = Jid.of_phone(pod.settings.phone_number)
    written = pod.message("Bom dia", from_me=True, sender=own, sent_at=earlier)
    refused = pod.report(written, organization="clinic")
    async with running(worker_of(scene)):
        await scene.known(pod.settings)
        pod.receive("Oi, tudo bem?")
        await until(lambda: stored(scene, 1))
        await until(lambda: scene.query("select from dead_reports"))  # what was refused, the first dead letter
        await bury(scene, pod, refused.model_copy(update={"organization": pod.settings.organization}))
        replayed = await asyncio.to_thread(scene.admin, "dlq", "replay", "bus:2")
        assert replayed.returncode == 0, replayed.stderr
        await until(lambda: stored(scene, 2))
        await settled(scene, pod)
    assert len(pod.answers_to(CUSTOMER)) == 1


async def bury(scene: Scene, pod: FakePod, report: Report) -> None:
    """Publish a report as a dead letter."""
    subject = subjects.inbound(pod.settings.account, pod.settings.instance)
    dead = DeadReport("rejected", "for the test", subject, report.encode(), 0)
    [part] = parts_of(dead)
    await scene.client.jetstream().publish(dead.dead_letter_subject, part.data, headers=part.headers)
