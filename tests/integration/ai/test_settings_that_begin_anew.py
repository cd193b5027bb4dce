"""The settings bucket and the database may each lose what they have, or be of another version than the worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from integration.ai.scene import OWNER, FakePod, Scene, account, settings_of, until
from nats.js.api import KeyValueConfig

from oxy_ai.database import connected_pool
from oxy_ai.engine.instances import InstanceFollower
from oxy_ai.engine.store import Engine, Entry, NewSettings
from oxy_core import subjects
from oxy_core.envelopes import VERSION, InstanceSettings
from oxy_core.jetstream import DEAD_LETTER_STREAM, PARKED_STREAM
from oxy_core.subjects import INSTANCES_BUCKET, instance_key

ANOTHER = "+5511900000001"


async def replace_bucket(scene: Scene) -> None:
    """As if NATS had lost its volume, or the platform had a new account."""
    jetstream = scene.client.jetstream()
    await jetstream.delete_key_value(INSTANCES_BUCKET)
    await jetstream.create_key_value(KeyValueConfig(bucket=INSTANCES_BUCKET, history=1))


async def test_settings_of_a_new_bucket_replace_the_old_ones(scene: Scene) -> None:
    old = settings_of("petshop")
    renewed = settings_of("petshop", account=account("renewed"))
    pod = await scene.pod(old)
    async with scene.worker():
        for _ in range(3):  # a higher revision than the new bucket will have
            await scene.publish(old)
        await pod.answer_to("Oi")
        await replace_bucket(scene)
        other = await scene.pod(renewed)
        await other.answer_to("Oi", ANOTHER)
    assert await scene.value("select account from relay_queue") == renewed.account


async def test_a_bucket_restored_from_a_copy_counts_again_from_there(scene: Scene) -> None:
    old = settings_of("petshop")
    pod = await scene.pod(old)
    async with scene.worker(instances_reread_seconds=0.5):
        await pod.answer_to("Oi")
        await scene.query("update relay_queue set settings_revision = 1000")
        await scene.publish(settings_of("petshop", display_name="Renamed"))
        await until(lambda: named(scene, "Renamed"))


class StoppedEngine(Engine):
    """The engine of a worker that is stopped just before it applies settings, until `resume`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.pool)
        self.stopped, self.resume, self.applied = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def apply_instance(self, organization: UUID, instance: UUID, settings: NewSettings, entry: Entry) -> bool:
        self.stopped.set()
        await self.resume.wait()
        changed = await super().apply_instance(organization, instance, settings, entry)
        self.applied.set()
        return changed


@asynccontextmanager
async def stopped_worker(scene: Scene) -> AsyncIterator[StoppedEngine]:
    """A second worker's follower, stopped while it has the present settings in hand."""
    settings = scene.settings()
    async with connected_pool(scene.database_url, connections=2) as pool, asyncio.TaskGroup() as group:
        late = StoppedEngine(Engine(pool))
        following = group.create_task(InstanceFollower(scene.client, late, settings, lambda: None).run())
        await late.stopped.wait()
        yield late
        late.resume.set()
        await late.applied.wait()
        following.cancel()


@pytest.mark.parametrize("change", ["new bucket", "new entry"])
async def test_a_worker_that_was_stopped_with_old_settings_does_not_apply_them_late(scene: Scene, change: str) -> None:
    old, new = settings_of("petshop", display_name="Old"), settings_of("petshop", display_name="New")
    await scene.publish(settings_of("clinic", display_name="Old"))
    await scene.publish(old)
    async with stopped_worker(scene):
        if change == "new bucket":
            await replace_bucket(scene)
        for name in ("Newer", "New"):  # two entries: the revision of the last is beyond what the stopped one knows
            await scene.publish(settings_of("clinic", display_name=name))
            await scene.publish(new)
        async with scene.worker():
            await until(lambda: all_named(scene, "New", 2))
    assert await all_named(scene, "New", 2)
    async with scene.worker():  # what is new is applied all the same
        await scene.publish(old)
        await until(lambda: named(scene, "Old"))


async def test_an_instance_made_again_in_a_new_bucket_opens_and_loses_nothing(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker():
        await pod.answer_to("Oi")
        await scene.unpublish(settings)
        await until(lambda: scene.query("select from instances where closed_at is not null"))
        pod.receive("Oi", ANOTHER)
        await until(lambda: parked(scene, "closed"))
        await replace_bucket(scene)
        await scene.publish(settings)
        await until(lambda: pod.answers_to(ANOTHER))
        await until(lambda: nothing_parked(scene))
    assert await dead_letters(scene) == 0


async def test_rows_that_the_database_lost_come_back_with_the_next_reading(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(instances_reread_seconds=1, parked_retry_seconds=1):
        await scene.known(pod.settings)
        await scene.query("delete from schedule_queue")
        await scene.query("delete from schedules")
        await scene.query("delete from connection_states")
        await scene.query("delete from relay_queue")
        await scene.query("delete from instances")
        pod.receive("Oi")
        await until(lambda: pod.sent)


async def test_reports_of_an_unknown_account_are_parked_and_stored_when_it_is_known(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"), published=False)
    other = await scene.pod(settings_of("clinic"))
    async with scene.worker(ingest_hold_seconds=0.5):
        for number in range(120):  # several pages
            pod.receive(f"Oi, {number}", f"+55119{number % 10:08d}")
        await until(lambda: parked(scene, "unknown", 120))
        await other.answer_to("Oi")
        await scene.publish(pod.settings)
        await until(lambda: len({str(request.chat) for request in pod.sent}) == 10)
        await until(lambda: nothing_parked(scene))
    stored = await scene.query("select body from messages where body like 'Oi, %'")
    assert sorted(row["body"] for row in stored) == sorted(f"Oi, {number}" for number in range(120))
    assert await dead_letters(scene) == 0


async def test_of_an_unreadable_report_of_an_unknown_account_the_owner_is_told_when_it_is_known(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"), published=False)
    async with scene.worker():
        await scene.client.jetstream().publish(subjects.inbound(pod.settings.account, pod.settings.instance), b"{")
        await until(lambda: parked(scene, "unknown"))
        await scene.publish(pod.settings)
        await until(lambda: any("guardar" in text for text in pod.answers_to(OWNER)))
        await until(lambda: nothing_parked(scene))
    assert await scene.value("select reason from dead_reports") == "unreadable"


async def test_a_report_of_a_newer_version_waits_for_a_newer_worker(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await scene.known(pod.settings)
        await newer_report(scene, pod)
        await until(lambda: parked(scene, "version"))
        await pod.answer_to("Oi", ANOTHER)
    assert await dead_letters(scene) == 0
    monkeypatch.setattr("oxy_core.envelopes.VERSION", VERSION + 1)
    async with scene.worker():
        await until(lambda: pod.sent and len(pod.sent) == 2)
        await until(lambda: nothing_parked(scene))


async def test_settings_of_a_newer_version_are_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings, published=False)
    await put(scene, settings, json.loads(settings.encode()) | {"version": VERSION + 1})
    async with scene.worker(instances_reread_seconds=0.5):
        await asyncio.sleep(1)
        assert await scene.query("select from instances") == []
        monkeypatch.setattr("oxy_core.envelopes.VERSION", VERSION + 1)
        monkeypatch.setattr("oxy_ai.records.VERSION", VERSION + 1)
        await pod.answer_to("Oi")


async def test_a_turn_with_settings_of_a_newer_version_counts_no_attempt(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(lease_seconds=2, turn_claims=2):
        await scene.known(pod.settings)
        await scene.query("update instances set settings = settings || '{\"version\": 99}'")
        pod.receive("Oi")
        await until(lambda: scene.query("select from conversations where fence >= 5"))
        assert await scene.value("select attempts from turns") == 0
        await scene.query("update instances set settings = settings || '{\"version\": 1}'")
        await until(lambda: pod.sent)


async def test_fields_that_a_newer_version_added_are_stored(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings, published=False)
    await put(scene, settings, json.loads(settings.encode()) | {"added": {"by": "a newer version"}})
    async with scene.worker():
        await pod.answer_to("Oi")
    assert await scene.value("select settings #>> '{added,by}' from instances") == "a newer version"


async def test_settings_that_the_database_rejects_hold_up_no_others(scene: Scene) -> None:
    thief = settings_of("thief", account=account("petshopmain"))
    await scene.publish(settings_of("petshop"))
    await scene.publish(thief)  # the account of another instance
    pod = await scene.pod(settings_of("clinic"))
    async with scene.worker():
        await pod.answer_to("Oi")


async def newer_report(scene: Scene, pod: FakePod) -> None:
    report = pod.report(pod.message("Oi"))
    document = json.loads(report.encode()) | {"version": VERSION + 1, "id": str(report.id), "journal_sequence": 999}
    document["body"] |= {"whatsapp_id": "NEWER", "chat": "5511900000009@s.whatsapp.net"}
    subject = subjects.inbound(pod.settings.account, pod.settings.instance)
    await scene.client.jetstream().publish(subject, json.dumps(document).encode())


async def put(scene: Scene, settings: InstanceSettings, document: dict[str, object]) -> None:
    bucket = await scene.client.jetstream().key_value(INSTANCES_BUCKET)
    await bucket.put(instance_key(settings.organization, settings.instance), json.dumps(document).encode())


async def named(scene: Scene, name: str) -> bool:
    return bool(await scene.query("select from instances where settings ->> 'display_name' = $1", name))


async def all_named(scene: Scene, name: str, instances: int) -> bool:
    return await scene.value("select count(*) from instances where settings ->> 'display_name' = $1", name) == instances


async def parked(scene: Scene, reason: str, reports: int = 1) -> bool:
    info = await scene.client.jetstream().stream_info(PARKED_STREAM, subjects_filter=f"oxy.parked.{reason}.>")
    return sum((info.state.subjects or {}).values()) == reports


async def nothing_parked(scene: Scene) -> bool:
    return (await scene.client.jetstream().stream_info(PARKED_STREAM)).state.messages == 0


async def dead_letters(scene: Scene) -> int:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages
