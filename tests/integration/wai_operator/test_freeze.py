"""What a person freezes reaches pods within seconds, workers and new instances, and outlives every operator."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from integration.wai_operator.scene import (
    WITHIN,
    Scene,
    bus_configuration,
    condition,
    connect,
    eventually,
    merge_patch,
)
from integration.wai_operator.scripted import scripted
from nats.aio.client import Client
from nats.aio.msg import Msg
from unit.wai_operator.making import instance

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import FreezeRequest, InstanceSettings
from oxy_core.freeze import RECORD_KEY, RECORD_LABELS, RECORD_NAME, Freeze, FreezeRecord, Hold
from oxy_core.instance.custom_resource import FINALIZER
from oxy_core.tasks import end_tasks
from oxy_core.tenant import TenantSettings
from oxy_dev.cluster.errors import ApiError
from oxy_dev.servers import running_nats
from oxy_operator.bus.accounts import platform_credentials, system_credentials
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.specs.instance_settings import instance_settings
from oxy_operator.objects import STATEFUL_SETS

TOLD_SECONDS = 3.5
"""Most that may pass until a pod is told: the operator's share of the 5 s that a freeze may take. The pod's own is in
tests/integration/tenant/test_freeze.py."""
TRIES = 5
"""A busy machine may stall for longer than that, but not each time."""

HOLD = Hold(since=datetime(2031, 3, 3, tzinfo=UTC), by="ana", reason="wrong prices")


@pytest.fixture
def record(scene: Scene) -> Iterator[Scene]:
    """A scene whose record is removed afterwards."""
    yield scene
    write(scene, FreezeRecord().thawed(scene.organization, datetime.now(UTC)))


def write(scene: Scene, record: FreezeRecord) -> None:
    path = f"/api/v1/namespaces/{scene.operator.home}/configmaps"
    data = {RECORD_KEY: record.encode()}
    try:
        merge_patch(scene.api, f"{path}/{RECORD_NAME}", {"data": data})
    except ApiError as error:
        if error.status != 404:
            raise
        metadata = {"name": RECORD_NAME, "labels": dict(RECORD_LABELS)}
        scene.api.create(path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


class TestPod:
    """What a pod gets on its subject, with the credentials of its Secret."""

    __test__ = False

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.told: list[Freeze] = []
        self.client: Client | None = None

    @property
    def newest(self) -> Freeze | None:
        return self.told[-1] if self.told else None

    async def start(self) -> None:
        await self.scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
        self.client = await connect(self.scene.nats.url, self.scene.tenant_credentials())

        async def take(message: Msg) -> None:
            self.told.append(FreezeRequest.decode(message.data).freeze)

        await self.client.subscribe(subjects.out(self.scene.account, self.scene.name), cb=take)
        await self.client.flush()


async def frozen_in_time(scene: Scene, pod: TestPod) -> FreezeRecord:
    """Freeze the organization, and see the pod told in time; return the record."""
    record = FreezeRecord()
    for _ in range(TRIES):
        record = record.frozen(scene.organization, HOLD)
        wanted, began = record.of(scene.organization), time.monotonic()
        write(scene, record)
        await eventually(lambda wanted=wanted: pod.newest == wanted, "the pod is told")
        if time.monotonic() - began < TOLD_SECONDS:
            return record
        record = record.thawed(scene.organization, datetime.now(UTC))
        write(scene, record)
        await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotFrozen")
    pytest.fail(f"the pod is not told within {TOLD_SECONDS} s in {TRIES} tries")


async def test_a_pod_is_told_at_once_and_again_until_it_confirms(record: Scene) -> None:
    scene = record
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod(ready=True)
    pod = TestPod(scene)
    await pod.start()
    assert pod.client is not None
    await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotFrozen")

    frozen = await frozen_in_time(scene, pod)
    wanted, times = frozen.of(scene.organization), len(pod.told)
    status = await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotConfirmed")
    assert "by order of ana (wrong prices)" in condition(status, "Frozen")["message"]
    # It did not hear it: its next heartbeat shows that.
    await scene.say(scene.state(connection="connected"))
    await eventually(lambda: len(pod.told) > times, "the pod is told again")
    assert pod.newest == wanted
    await scene.say(scene.state(connection="connected", frozen=wanted))
    await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "Frozen")
    # By the slow ways too.
    settings = await scene.until_published(lambda found: found is not None and found.frozen == wanted)
    assert settings is not None
    config = await scene.until_child("configmap", lambda found: "wrong prices" in json.dumps(found["data"]))
    assert TenantSettings.decode(config["data"]["settings.json"].encode()).frozen == wanted

    thawed = frozen.thawed(scene.organization, datetime.now(UTC))
    write(scene, thawed)
    await eventually(lambda: pod.newest == thawed.of(scene.organization), "the pod is told to send")
    await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "Thawing")
    await scene.say(scene.state(connection="connected", frozen=thawed.of(scene.organization)))
    status = await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotFrozen")
    assert condition(status, "Frozen")["status"] == "False"
    await pod.client.close()


async def test_an_instance_whose_spec_is_unusable_is_told_by_an_operator_that_has_just_started(tmp_path: Path) -> None:
    keys, frozen = PlatformKeys.generate(), FreezeRecord().frozen(None, HOLD)
    (tmp_path / "platform.creds").write_text(platform_credentials(keys))
    (tmp_path / "system.creds").write_text(system_credentials(keys))
    with running_nats(tmp_path / "nats", bus_configuration(keys, tmp_path)) as server:
        async with (
            scripted(tmp_path, nats_url=server.url, keys=keys) as scene,
            connected(server.url, tmp_path / "platform.creds", name="test") as client,
        ):
            running = asyncio.create_task(scene.bus.run())
            try:
                await eventually(lambda: scene.bus.present, "the bus is prepared")
                usable = instance()
                account = keys.tenant_account(usable.spec.organization_id, usable.name).public
                before = instance_settings(usable, account)
                bucket = await client.jetstream().key_value(subjects.INSTANCES_BUCKET)
                await bucket.put(subjects.instance_key(before.organization, before.instance), before.encode())
                told = await client.subscribe(subjects.out(account, usable.name))
                scene.put(timezone="Mars/Olympus", finalizers=[FINALIZER])
                scene.observe_child(STATEFUL_SETS, "wai-petshop")
                scene.start_pod()
                scene.freezes.observe(
                    {"metadata": {"namespace": "oxy", "name": RECORD_NAME}, "data": {RECORD_KEY: frozen.encode()}}
                )
                await scene.reconcile()
                await scene.bus.tell_freezes()
                wanted = frozen.of(before.organization)
                assert FreezeRequest.decode((await told.next_msg(WITHIN)).data).freeze == wanted
                entry = await bucket.get(subjects.instance_key(before.organization, before.instance))
                assert InstanceSettings.decode(entry.value or b"") == before.model_copy(update={"frozen": wanted})
            finally:
                await end_tasks(running)


async def test_an_instance_that_is_created_while_all_are_frozen_is_frozen_also_under_another_operator(
    lone: Scene,
) -> None:
    write(lone, FreezeRecord().frozen(None, HOLD))
    lone.operator.start()
    lone.create()
    await lone.until_status(lambda found: condition(found, "Frozen").get("reason") == "Frozen")
    config = await lone.until_child("configmap")
    wanted = TenantSettings.decode(config["data"]["settings.json"].encode()).frozen
    assert wanted is not None
    assert wanted.hold == HOLD
    lone.operator.stop()
    # Somebody spoils the record, then removes it, and its remedy writes a new one.
    path = f"/api/v1/namespaces/{lone.operator.home}/configmaps/{RECORD_NAME}"
    merge_patch(lone.api, path, {"data": {RECORD_KEY: "{"}})
    lone.operator.start()
    lone.edit({"spec": {"displayName": "Another"}})
    status = await lone.until_status(lambda found: condition(found, "Frozen").get("reason") == "RecordMissing")
    assert "oxy thaw" in condition(status, "Frozen")["message"]
    published = await lone.until_published(lambda found: found is not None and found.display_name == "Another")
    config = await lone.until_child("configmap")
    assert TenantSettings.decode(config["data"]["settings.json"].encode()).frozen == wanted
    assert published is not None
    assert published.frozen == wanted
    with suppress(ApiError):
        lone.api.delete(path)
    lone.start_pod(ready=True)
    await lone.say(lone.state(connection="connected", frozen=wanted))
    await lone.until_status(lambda found: condition(found, "Frozen").get("reason") == "RecordMissing")
    write(lone, FreezeRecord().thawed(None, datetime(2032, 1, 1, tzinfo=UTC)))
    await lone.until_status(lambda found: condition(found, "Frozen").get("reason") in {"Thawing", "NotFrozen"})
