"""Reports that cannot be stored: the ledger has them, the owner is told, and what the bus discards is noticed."""

import asyncio
import dataclasses
import json
from contextlib import AsyncExitStack

import pytest
from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, settings_of, until
from nats.js.api import StreamConfig
from prometheus_client import REGISTRY

from oxy_ai.engine.dead_report_records import MAX_NAME, row_of
from oxy_ai.engine.dead_reports import DeadReport
from oxy_core import subjects
from oxy_core.jetstream import DEAD_LETTER_STREAM, PARKED_STREAM, ensure_streams


async def rows(scene: Scene, wanted: int) -> list[tuple[str, str | None, bool]]:
    """Reason, chat and whether it is discarded, of the dead reports, if there are as many."""
    found = await scene.query("select reason, chat, discarded_at is not null as gone from dead_reports order by id")
    return [(row["reason"], row["chat"], row["gone"]) for row in found] if len(found) == wanted else []


async def letters(scene: Scene) -> int:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages


async def die(scene: Scene, pod: FakePod, *data: bytes) -> None:
    for item in data:
        subject = subjects.inbound(pod.settings.account, pod.settings.instance)
        await scene.client.jetstream().publish(subject, item)


def counted() -> float:
    return REGISTRY.get_sample_value("oxy_ai_dead_letters_discarded_total", {"reason": "unreadable"}) or 0


async def in_ledger(scene: Scene) -> list[tuple[str, str, int, int]]:
    answer = await asyncio.to_thread(scene.admin, "ledger")
    assert answer.returncode == 0, answer.stdout
    (organization,) = json.loads(answer.stdout)["organizations"]
    counts = [count for count in organization["counts"] if count["what"] == "report"]
    return [(count["state"], count["reason"], count["entries"], count["wrong"]) for count in counts]


async def test_a_dead_report_is_in_the_ledger_and_the_owner_is_told_until_a_person_cares(scene: Scene) -> None:
    pod, other = await scene.pod(settings_of("petshop")), await scene.pod(settings_of("clinic"))
    async with scene.worker():
        await pod.answer_to("Oi")
        pod.receive("Oi", chat_sequence=2**40)
        pod.report(pod.message("Oi"), organization=other.settings.organization)
        await die(scene, pod, b"{", b"\xff\xfe", b"[" * 100_000)
        await until(lambda: rows(scene, 5))
        await until(lambda: any("guardar" in text and CUSTOMER in text for text in pod.answers_to(OWNER)))
    assert other.answers_to(OWNER) == []
    expected = [("dead", "foreign", 1, 0), ("dead", "rejected", 1, 0), ("dead", "unreadable", 3, 0)]
    assert await in_ledger(scene) == expected
    for letter in await scene.query("select sequence from dead_reports"):
        dropped = await asyncio.to_thread(scene.admin, "dlq", "drop", f"bus:{letter['sequence']}")
        assert dropped.returncode == 0, dropped.stderr
    assert await scene.query("select from dead_reports") == []


async def test_a_report_that_dies_again_when_it_is_replayed_stays_in_the_ledger(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await scene.known(pod.settings)
        await die(scene, pod, b"{")
        await until(lambda: rows(scene, 1))
        replayed = await asyncio.to_thread(scene.admin, "dlq", "replay", "bus:1")
        assert replayed.returncode == 0, replayed.stderr
        await until(lambda: scene.query("select from dead_reports where sequence = 2"))
    assert await rows(scene, 1) == [("unreadable", None, False)]


async def test_a_row_that_cannot_be_written_yet_follows_the_dead_letter(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.query("alter table dead_reports rename to hidden")
    async with scene.worker(ingest_postpone_seconds=0.5):
        await scene.known(pod.settings)
        await die(scene, pod, b"{")
        await until(lambda: letters(scene))
        await pod.answer_to("Oi")
        await scene.query("alter table hidden rename to dead_reports")
        await until(lambda: rows(scene, 1))


@pytest.mark.parametrize(("how", "gone"), [("beyond the share", 2), ("stream that began anew", 3)])
async def test_dead_letters_that_the_bus_discards_are_counted_once_and_told(scene: Scene, how: str, gone: int) -> None:
    pod = await scene.pod(settings_of("petshop"))
    jetstream = scene.client.jetstream()
    before = counted()
    config = (await jetstream.stream_info(DEAD_LETTER_STREAM)).config
    async with AsyncExitStack() as workers:
        for _ in range(3):
            await workers.enter_async_context(scene.worker(dead_letters_check_seconds=0.2))
        await scene.known(pod.settings)
        await die(scene, pod, b"{1", b"{2", b"{3")
        await until(lambda: rows(scene, 3))
        assert not any(discarded for *_, discarded in await rows(scene, 3))
        if how == "beyond the share":
            await jetstream.update_stream(dataclasses.replace(config, max_msgs_per_subject=1))
        else:
            await jetstream.delete_stream(DEAD_LETTER_STREAM)
            await jetstream.add_stream(config)
            await die(scene, pod, b"{4")  # this one is there
        query = "select from dead_reports where discarded_at is not null having count(*) = $1"
        await until(lambda: scene.query(query, gone))
        await until(lambda: any("foi apagado" in text for text in pod.answers_to(OWNER)))
    assert counted() == before + gone
    assert ("discarded", "unreadable", gone, 0) in await in_ledger(scene)


@pytest.mark.parametrize("known", [True, False])
async def test_a_report_that_is_parked_for_too_long_becomes_a_dead_letter(scene: Scene, known: bool) -> None:  # noqa: FBT001 a parametrized value
    pod = await scene.pod(settings_of("petshop"), published=known)
    async with scene.worker(parked_keep_seconds=1, parked_retry_seconds=0.2, ingest_hold_seconds=0.1):
        if known:
            await pod.answer_to("Oi")
            await scene.unpublish(pod.settings)
            await until(lambda: scene.query("select from instances where closed_at is not null"))
        pod.receive("Oi", "+5511900000001")
        await until(lambda: letters(scene))
        assert await until(lambda: rows(scene, 1) if known else nothing_parked(scene))
    if known:
        assert await rows(scene, 1) == [("expired", "5511900000001@s.whatsapp.net", False)]


async def nothing_parked(scene: Scene) -> bool:
    return (await scene.client.jetstream().stream_info(PARKED_STREAM)).state.messages == 0


async def test_a_stream_of_parked_reports_that_was_bounded_in_time_no_longer_is(scene: Scene) -> None:
    jetstream = scene.client.jetstream()
    config: StreamConfig = (await jetstream.stream_info(PARKED_STREAM)).config
    await jetstream.update_stream(dataclasses.replace(config, max_age=30 * 86_400))
    await ensure_streams(jetstream)
    assert not (await jetstream.stream_info(PARKED_STREAM)).config.max_age


@pytest.mark.parametrize(
    ("data", "message_id", "chat"),
    [
        (b'{"body": {"whatsapp_id": "W1", "chat": "c"}}', "W1", "c"),
        (b'{"body": {"whatsapp_id": "W\\u0000\\ud800", "chat": 7}}', "W", None),
        (json.dumps({"body": {"chat": "x" * 10_000}}).encode(), None, "x" * MAX_NAME),
        (b'{"body": []}', None, None),
        (b"[]", None, None),
        (b"[" * 100_000, None, None),
        (b"9" * 10_000, None, None),
        (b"\xff", None, None),
        (b"", None, None),
    ],
)
def test_what_can_be_read_of_a_dead_report_is_kept_within_bounds(
    data: bytes, message_id: str | None, chat: str | None
) -> None:
    row = row_of(DeadReport("unreadable", "why\0" * 1_000, "oxy.in.A.main", data, 0))
    assert (row.message_id, row.chat) == (message_id, chat)
    assert row.error is not None
    assert len(row.error) <= 500
    assert "\0" not in row.error
