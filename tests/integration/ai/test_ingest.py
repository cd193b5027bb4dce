"""Reports that cannot be stored at once: whose they are, where they wait, and that nobody else waits for them."""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest
from integration.ai.scene import PATIENCE, FakePod, Scene, WorkerProcess, settings_of, until
from integration.bus_proxy import running_bus_proxy
from nats.aio.msg import Msg
from nats.js.errors import APIError

from oxy_ai.database import connected_pool
from oxy_ai.engine.dead_letters import Wanted
from oxy_ai.engine.dead_report_letters import DeadReports
from oxy_ai.engine.dead_reports import MAX_ERROR, PART_BYTES, DeadReport, joined, part_number, parts_of
from oxy_ai.engine.dead_turns import DeadTurns
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_core import subjects
from oxy_core.jetstream import (
    DEAD_LETTER_STREAM,
    INBOUND_STREAM,
    INGEST,
    INGEST_DURABLE,
    MAX_REPORT_BYTES,
    PARKED_STREAM,
    STREAMS,
)
from oxy_dev.postgres import PostgresServer
from oxy_dev.servers import NatsServer

LARGEST = MAX_REPORT_BYTES - 100


async def test_the_largest_unreadable_report_is_kept_whole_and_holds_up_nobody(scene: Scene) -> None:
    pod, other = await scene.pod(settings_of("petshop")), await scene.pod(settings_of("clinic"))
    garbage = b"\xff" * LARGEST
    subject = subjects.inbound(pod.settings.account, pod.settings.instance)
    async with scene.worker():
        await scene.known(pod.settings)
        await scene.client.jetstream().publish(subject, garbage)
        await other.answer_to("Oi")
        await pod.answer_to("Oi")
        await until(lambda: scene.query("select from dead_reports"))
    shown = await shown_letter(scene, "bus:1")
    assert len(shown["data"]) == (LARGEST + 2) // 3 * 4  # base64
    assert shown["subject"] == subject
    dropped = await asyncio.to_thread(scene.admin, "dlq", "drop", "bus:1")
    assert dropped.returncode == 0, dropped.stderr
    assert (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages == 0


async def test_a_large_dead_letter_is_replayed_whole(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    change = "update instances set settings = jsonb_set(settings, '{ai,debounce_seconds}', $1::jsonb)"
    async with scene.worker():
        await scene.known(pod.settings)
        await scene.query(change, '"x"')
        pod.receive("\x01" * 60_000)  # six bytes each on the bus
        await until(lambda: first_letter(scene))
        await scene.query(change, "0")
        replayed = await asyncio.to_thread(scene.admin, "dlq", "replay", "bus:1")
        assert replayed.returncode == 0, replayed.stderr
        await until(lambda: pod.sent)
    assert not await first_letter(scene)


async def test_a_dead_letter_that_cannot_be_written_blocks_nobody_and_is_not_lost(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    jetstream = scene.client.jetstream()
    config = (await jetstream.stream_info(DEAD_LETTER_STREAM)).config
    await jetstream.delete_stream(DEAD_LETTER_STREAM)
    async with scene.worker(ingest_postpone_seconds=1):
        await scene.known(pod.settings)
        await jetstream.publish(subjects.inbound(pod.settings.account, pod.settings.instance), b"{")
        await pod.answer_to("Oi")
        await jetstream.add_stream(config)
        await until(lambda: first_letter(scene))


async def test_a_worker_whose_client_closed_for_good_ends(scene: Scene, nats_server: NatsServer) -> None:
    async with running_bus_proxy(nats_server.port) as proxy:
        worker = scene.process(OXY_NATS_URL=f"nats://127.0.0.1:{proxy.port}")
        worker.start()
        try:
            await until(worker.ready, 60)
            proxy.report("Maximum Payload Violation")
            assert worker.process is not None
            assert await asyncio.to_thread(worker.process.wait, 60) == 1
        finally:
            worker.kill()


@pytest.mark.parametrize("how", ["terminated", "killed"])
async def test_what_a_worker_has_in_hand_returns_when_it_ends(
    fragile_scene: Scene, own_postgres: PostgresServer, how: str
) -> None:
    scene = fragile_scene
    worker, pod = scene.process(), await scene.pod(settings_of("petshop"))
    if how == "terminated":
        await wait_for_acknowledgements(scene)
    worker.start()
    try:
        await until(worker.ready, 60)
        await scene.known(pod.settings)
        with frozen(own_postgres):
            await in_hand(scene, pod, 5)
            await (asyncio.to_thread(worker.terminate) if how == "terminated" else killed(worker))
            returned = await pulled(scene, 5)
    finally:
        worker.kill()
    assert len(returned) == 5


async def test_what_a_worker_cannot_store_is_left_to_another(
    fragile_scene: Scene, own_postgres: PostgresServer
) -> None:
    pod = await fragile_scene.pod(settings_of("petshop"))
    await wait_for_acknowledgements(fragile_scene)
    async with fragile_scene.worker():
        await fragile_scene.known(pod.settings)
        own_postgres.kill()
        for number in range(3):
            pod.receive("Oi", f"+55119{number:08d}")
        returned = await pulled(fragile_scene, 3)
        assert len(returned) == 3
        for message in returned:
            await message.nak()
        own_postgres.start()
        await until(lambda: len(pod.sent) == 3)


async def test_what_waits_for_a_database_that_does_not_answer_is_left_to_another(
    fragile_scene: Scene, own_postgres: PostgresServer
) -> None:
    pod = await fragile_scene.pod(settings_of("petshop"))
    async with fragile_scene.worker():
        await fragile_scene.known(pod.settings)
        with frozen(own_postgres):
            await in_hand(fragile_scene, pod, 3)
            returned = await pulled(fragile_scene, 3)
            assert len(returned) == 3
        for message in returned:
            await message.nak()
        await until(lambda: len(pod.sent) == 3)


@contextlib.contextmanager
def frozen(postgres: PostgresServer) -> Iterator[None]:
    """Let a server answer nothing, without ending a connection."""
    pids = postgres.pids
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # a server process may have been ending when it was listed
            os.kill(pid, number)


async def in_hand(scene: Scene, pod: FakePod, reports: int) -> None:
    for number in range(reports):
        pod.receive("Oi", f"+55119{number:08d}")

    async def pending() -> bool:
        info = await scene.client.jetstream().consumer_info(INBOUND_STREAM, INGEST_DURABLE)
        return info.num_ack_pending == reports

    await until(pending)


async def wait_for_acknowledgements(scene: Scene) -> None:
    """Let the bus wait for longer than tests do: what comes again was returned."""
    patient = dataclasses.replace(INGEST, ack_wait=10 * PATIENCE)
    await scene.client.jetstream().add_consumer(INBOUND_STREAM, patient)


async def pulled(scene: Scene, reports: int) -> list[Msg]:
    """Pull as another worker would."""
    pull = await scene.client.jetstream().pull_subscribe_bind(INGEST_DURABLE, INBOUND_STREAM)
    found: list[Msg] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while len(found) < reports:
                with contextlib.suppress(TimeoutError):
                    found += await pull.fetch(reports - len(found), timeout=0.5)
    return found


async def killed(worker: WorkerProcess) -> None:
    worker.kill()


async def first_letter(scene: Scene) -> bool:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages > 0


async def shown_letter(scene: Scene, letter: str) -> dict[str, str]:
    answer = await asyncio.to_thread(scene.admin, "dlq", "show", letter)
    assert answer.returncode == 0, answer.stderr
    shown: dict[str, str] = json.loads(answer.stdout)
    return shown


async def test_many_dead_letters_are_listed_in_pages(scene: Scene) -> None:
    jetstream = scene.client.jetstream()
    for account in "ABC":
        report = DeadReport("rejected", "why", f"oxy.in.{account}.main", b"x", 0)
        for part in parts_of(report) * 500:
            await scene.client.publish(report.dead_letter_subject, part.data, headers=dict(part.headers))

    async def stored() -> bool:
        return (await jetstream.stream_info(DEAD_LETTER_STREAM)).state.messages == 1_500

    await until(stored, 60)
    requests = await api_requests(scene)
    async with connected_pool(scene.database_url, connections=1) as pool:
        listed = [letter async for letter in DeadReports(scene.client, Engine(pool)).letters(Wanted())]
    assert (len(listed), listed[0].instance) == (1_500, "main")
    assert await api_requests(scene) - requests < 20


async def api_requests(scene: Scene) -> int:
    return (await scene.client.jetstream().account_info()).api.total


@pytest.mark.parametrize(
    "letter",
    [
        "turn:petshop:99999999999999999999999",
        "turn:petshop:²",
        "turn:petshop:0",
        "turn::1",
        "turn:petshop",
        "bus:0",
        "bus:-1",
        "bus:²",
        "bus:x",
        "bus:99999999999999999999999",
        "bus:1",
    ],
)
async def test_an_id_that_no_dead_letter_has_is_answered_in_one_line(scene: Scene, letter: str) -> None:
    engine_pool = connected_pool(scene.database_url, connections=1)
    async with engine_pool as pool:
        source = {"turn": DeadTurns(Engine(pool)), "bus": DeadReports(scene.client, Engine(pool))}
        kind, _, key = letter.partition(":")
        for action in (source[kind].show, source[kind].replay, source[kind].drop):
            with pytest.raises(AdministrationError, match=f"no dead letter '{letter}'; `oxy dlq ls` lists all"):
                await action(key)


@pytest.mark.parametrize("bytes_", [0, 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES])
def test_the_parts_of_a_dead_report_form_it_again(bytes_: int) -> None:
    data = bytes(range(256)) * (bytes_ // 256) + b"x" * (bytes_ % 256)
    parts = parts_of(DeadReport("rejected", "two\r\nlines " * 100, "oxy.in.A.main", data, 1.5))
    assert joined(parts) == data
    assert all(len(part.data) <= PART_BYTES for part in parts)
    assert [part_number(part.headers) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert all("\n" not in value and len(value) <= MAX_ERROR for part in parts for value in part.headers.values())
    assert len(parts) == 1 or joined(parts[1:]) is None


async def test_no_tenant_can_fill_the_stream_nor_push_out_the_dead_letters_of_another(scene: Scene) -> None:
    streams = {stream.name: stream for stream in STREAMS}
    inbound, letters, parked = (streams[name] for name in (INBOUND_STREAM, DEAD_LETTER_STREAM, PARKED_STREAM))
    assert (inbound.max_bytes or 0) >= 2 * inbound.max_msgs_per_subject * MAX_REPORT_BYTES
    assert (letters.max_bytes or 0) >= 8 * letters.max_msgs_per_subject * PART_BYTES
    assert (parked.max_bytes or 0) >= 2 * parked.max_msgs_per_subject * MAX_REPORT_BYTES
    jetstream = scene.client.jetstream()
    for name in (INBOUND_STREAM, DEAD_LETTER_STREAM):
        await jetstream.update_stream(dataclasses.replace(streams[name], max_msgs_per_subject=3))
    await jetstream.publish("oxy.dlq.rejected.B", b"")
    for _ in range(9):
        await jetstream.publish("oxy.dlq.rejected.A", b"")
    assert (await jetstream.stream_info(DEAD_LETTER_STREAM, subjects_filter=">")).state.subjects == {
        "oxy.dlq.rejected.A": 3,
        "oxy.dlq.rejected.B": 1,
    }
    for _ in range(3):
        await jetstream.publish("oxy.in.A.main", b"")
    with pytest.raises(APIError, match="maximum messages per subject exceeded"):
        await jetstream.publish("oxy.in.A.main", b"")
    await jetstream.publish("oxy.in.B.main", b"")


async def test_whatever_a_pod_reports_is_stored_or_a_dead_letter_and_holds_up_nobody(scene: Scene) -> None:
    hostile, other = await scene.pod(settings_of("petshop")), await scene.pod(settings_of("clinic"))
    message = json.loads(hostile.report(hostile.message("Oi")).encode())
    changes: list[dict[str, object]] = [
        {"journal_sequence": 2**70},
        {"journal_sequence": 2**40},
        {"occurred_at": "9999-12-31T23:59:59Z"},
        {"occurred_at": "0001-01-01T00:00:00Z"},
        {"journal_started_at": "0001-01-01T00:00:00Z"},
        {"journal_started_at": "9999-12-31T23:59:59Z"},
        {"body": message["body"] | {"chat_sequence": 2**31}},
        {"body": message["body"] | {"delay_seconds": 1e300}},
        {"body": message["body"] | {"sent_at": "0001-01-01T00:00:00Z"}},
        {"body": message["body"] | {"sent_at": "9999-12-31T23:59:59Z"}},
        {"body": message["body"] | {"text": "a\x00b\ud83d\ude00"}},
        {"body": {"type": "connection", "state": "connected", "reason": "x" * 400_000}},
        {"body": {"type": "send_result", "request_id": str(uuid4()), "outcome": "sent", "error": "x" * 1_000}},
    ]
    subject = subjects.inbound(hostile.settings.account, hostile.settings.instance)
    async with scene.worker():
        await scene.known(hostile.settings)
        for number, change in enumerate(changes):
            report = message | {"id": str(uuid4()), "journal_sequence": number + 2} | change
            await scene.client.jetstream().publish(subject, json.dumps(report).encode())
        await other.answer_to("Oi")
        await until(lambda: nothing_on_the_stream(scene))
        await other.answer_to("Oi de novo")


async def nothing_on_the_stream(scene: Scene) -> bool:
    return (await scene.client.jetstream().stream_info(INBOUND_STREAM)).state.messages == 0
