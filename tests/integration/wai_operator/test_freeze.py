"""What a person freezes reaches pods within seconds, workers and new instances, and outlives every operator."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import nats
import pytest
from integration.wai_operator.scene import Scene, condition, eventually, merge_patch
from nats.aio.client import Client

from oxy_core import subjects
from oxy_core.envelopes import FreezeRequest
from oxy_core.freeze import RECORD_KEY, RECORD_LABELS, RECORD_NAME, Freeze, FreezeRecord, Hold
from oxy_core.tenant import TenantSettings
from oxy_dev.cluster.errors import ApiError

TOLD_SECONDS = 3.5
"""Most that may pass until a pod is told: the operator's share of the 5 s that a freeze may take. The pod's own is in
tests/integration/tenant/test_freeze.py."""

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

    async def start(self) -> None:
        await self.scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
        self.client = await nats.connect(self.scene.nats.url, user_credentials=str(self.scene.tenant_credentials()))

        async def take(message: nats.aio.msg.Msg) -> None:
            self.told.append(FreezeRequest.decode(message.data).freeze)

        await self.client.subscribe(subjects.out(self.scene.account, self.scene.name), cb=take)
        await self.client.flush()


async def test_a_pod_is_told_at_once_and_again_until_it_confirms(record: Scene) -> None:
    scene = record
    scene.create()
    await scene.until_child("statefulset")
    scene.start_pod(ready=True)
    pod = TestPod(scene)
    await pod.start()
    assert pod.client is not None
    await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotFrozen")

    frozen = FreezeRecord().frozen(scene.organization, HOLD)
    wanted = frozen.of(scene.organization)
    began = time.monotonic()
    write(scene, frozen)
    await eventually(lambda: pod.told == [wanted], "the pod is told")
    assert time.monotonic() - began < TOLD_SECONDS
    status = await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotConfirmed")
    assert "by order of ana (wrong prices)" in condition(status, "Frozen")["message"]
    assert time.monotonic() - began < 20  # generous: the machine is shared
    # It did not hear it: its next heartbeat shows that.
    await scene.say(scene.state(connection="connected"))
    await eventually(lambda: len(pod.told) >= 2, "the pod is told again")
    await scene.say(scene.state(connection="connected", frozen=wanted))
    await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "Frozen")
    # By the slow ways too.
    settings = await scene.until_published(lambda found: found is not None and found.frozen == wanted)
    assert settings is not None
    config = await scene.until_child("configmap", lambda found: "wrong prices" in json.dumps(found["data"]))
    assert TenantSettings.decode(config["data"]["settings.json"].encode()).frozen == wanted

    thawed = frozen.thawed(scene.organization, datetime.now(UTC))
    write(scene, thawed)
    await eventually(lambda: pod.told[-1] == thawed.of(scene.organization), "the pod is told to send")
    await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "Thawing")
    await scene.say(scene.state(connection="connected", frozen=thawed.of(scene.organization)))
    status = await scene.until_status(lambda found: condition(found, "Frozen").get("reason") == "NotFrozen")
    assert condition(status, "Frozen")["status"] == "False"
    await pod.client.close()


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
    # Somebody removes the record, and its remedy writes a new one.
    with suppress(ApiError):
        lone.api.delete(f"/api/v1/namespaces/{lone.operator.home}/configmaps/{RECORD_NAME}")
    lone.start_pod(ready=True)
    lone.operator.start()
    await lone.say(lone.state(connection="connected", frozen=wanted))
    status = await lone.until_status(lambda found: condition(found, "Frozen").get("reason") == "RecordMissing")
    assert "oxy thaw" in condition(status, "Frozen")["message"]
    write(lone, FreezeRecord().thawed(None, datetime(2032, 1, 1, tzinfo=UTC)))
    await lone.until_status(lambda found: condition(found, "Frozen").get("reason") in {"Thawing", "NotFrozen"})
