"""State of the bus that is lost or begins anew while the operator lives comes back without anybody's help."""

from uuid import uuid4

import pytest
from integration.wai_operator.scene import Scene, condition, eventually

from oxy_core import subjects
from oxy_core.database_mark import DatabaseMark
from oxy_core.jetstream import BUCKETS, INBOUND_STREAM, STREAMS
from oxy_core.tenant import TenantSettings

BUCKET_STREAM = f"KV_{subjects.INSTANCES_BUCKET}"


async def settled(scene: Scene) -> None:
    scene.operator.start()
    scene.create()
    await scene.until_child("statefulset")
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


def pod_settings(scene: Scene) -> TenantSettings:
    return TenantSettings.decode((scene.child("configmap") or {})["data"]["settings.json"].encode())


async def test_a_bucket_that_was_deleted_is_made_and_filled_again(lone: Scene) -> None:
    await settled(lone)
    before = await lone.published()
    async with lone.platform() as client:
        await client.jetstream().delete_key_value(subjects.INSTANCES_BUCKET)
    assert await lone.until_published(bool) == before


async def test_settings_that_only_the_bucket_lost_are_published_again(lone: Scene) -> None:
    await settled(lone)
    before = await lone.published()
    async with lone.platform() as client:
        await client.jetstream().purge_stream(BUCKET_STREAM)
    assert await lone.until_published(bool) == before


async def test_a_stream_that_was_deleted_is_made_again_and_pods_are_told(lone: Scene) -> None:
    await settled(lone)
    await eventually(lambda: pod_settings(lone).bus_state, "the pod knows the stream")
    before = pod_settings(lone).bus_state
    async with lone.platform() as client:
        await client.jetstream().delete_stream(INBOUND_STREAM)
        await eventually(lambda: pod_settings(lone).bus_state != before, "the pod knows another stream")
        names = {stream.config.name for stream in await client.jetstream().streams_info()}
    assert {stream.name for stream in STREAMS} | {f"KV_{bucket}" for bucket in BUCKETS} == names


async def test_pods_are_told_of_a_server_that_lost_its_volume(lone: Scene) -> None:
    await settled(lone)
    await eventually(lambda: pod_settings(lone).bus_state, "the pod knows the stream")
    before = pod_settings(lone).bus_state
    lone.nats.stop()
    lone.operator.lose_bus_data()
    lone.nats.start()
    await eventually(lambda: pod_settings(lone).bus_state != before, "the pod knows another stream")
    assert await lone.until_published(bool)


async def test_an_operator_that_starts_without_the_bus_keeps_what_pods_were_told(lone: Scene) -> None:
    await settled(lone)
    await eventually(lambda: pod_settings(lone).bus_state, "the pod knows the stream")
    before = lone.child("configmap")
    lone.operator.stop()
    lone.nats.stop()
    lone.operator.start()
    lone.edit({"spec": {"displayName": "reconciled"}})
    await lone.until_status(lambda found: found["observedGeneration"] == 2)
    assert lone.child("configmap") == before
    lone.nats.start()
    await lone.operator.until_prepared(times=2)
    assert lone.child("configmap") == before


@pytest.mark.long
async def test_pods_are_told_of_a_database_that_began_anew_and_of_nothing_else(lone: Scene) -> None:
    await settled(lone)
    await eventually(lambda: pod_settings(lone).bus_state, "the pod knows the stream")
    before = pod_settings(lone).bus_state
    served = DatabaseMark(id=uuid4(), mark=1)
    async with lone.platform() as client:
        bucket = await client.jetstream().key_value(subjects.DATABASE_BUCKET)
        await bucket.put(subjects.DATABASE_KEY, served.encode())
        lone.operator.stop()
        lone.operator.start()
        await lone.operator.until_prepared(times=2)
        assert pod_settings(lone).bus_state == before
        await bucket.put(subjects.DATABASE_KEY, DatabaseMark(id=uuid4(), mark=1, began_anew="Monday").encode())
        await eventually(lambda: pod_settings(lone).bus_state == f"{before}/Monday", "the pod knows another database")
        await bucket.put(subjects.DATABASE_KEY, b'{"version": 99}')
        lone.operator.stop()
        lone.operator.start()
        await lone.operator.until_prepared(times=3)
    assert pod_settings(lone).bus_state == f"{before}/Monday"
