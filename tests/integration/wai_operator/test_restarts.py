"""Operators that come and go, and a bus that does."""

import subprocess
import sys
import time
from dataclasses import replace

from integration.wai_operator.model_keys import NAMED, OWN, change, secret, until_condition, until_keys
from integration.wai_operator.scene import Object, Scene, condition, eventually, merge_patch

from oxy_operator.decide.specs.config_map import bus_state_of

KINDS = ("claim", "configmap", "secret", "networkpolicy", "statefulset")


async def settled(scene: Scene) -> None:
    for kind in KINDS:
        await scene.until_child(kind)
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


async def connected(scene: Scene) -> None:
    scene.create()
    await settled(scene)
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")


async def replicas(scene: Scene, count: int) -> None:
    await scene.until_child("statefulset", lambda found: found["spec"]["replicas"] == count)


def everything(scene: Scene) -> list[Object | None]:
    return [*(scene.child(kind) for kind in KINDS), scene.find("wai", scene.name)]


async def test_an_operator_that_starts_again_writes_nothing(lone: Scene) -> None:
    lone.operator.start()
    proxy = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "proxy"}}
    lone.api.create(lone.path("secret"), proxy | {"stringData": {"url": "http://shop:secret@proxy:3128"}})
    lone.create(
        ai={"apiKeySecretRef": {"name": "keys"}},
        network={"proxySecretRef": {"name": "proxy"}, "caBundleConfigMapRef": {"name": "bundle"}},
        runtime={
            "resources": {"requests": {"cpu": "0.5"}, "limits": {"memory": "1024Mi"}},
            "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
        },
        session={"storage": {"size": "1024Mi"}},
    )
    await settled(lone)
    await lone.until_child("configmap", lambda found: bool(bus_state_of(found["metadata"].get("annotations", {}))))
    # What the first operator still has under way may change the status once more; what counts is what it leaves.
    await eventually(lambda: lone.operator.metrics()["oxy_operator_queue_depth"] == 0, "the queue is empty")
    assert lone.operator.stop() == 0
    before = everything(lone)
    lone.operator.start()
    await lone.operator.until_prepared(times=2)
    await eventually(lambda: lone.operator.metrics().get("oxy_operator_reconciles_total", 0) >= 2, "reconciles")
    await eventually(lambda: lone.operator.metrics()["oxy_operator_queue_depth"] == 0, "the queue is empty")
    writes = {name: value for name, value in lone.operator.metrics().items() if "writes_total" in name and value}
    assert writes == {}
    # A later instance is reconciled after the first one: once it is there, so is whatever the first one caused.
    first, lone.name = lone.name, "marker"
    lone.create()
    await settled(lone)
    lone.name = first
    assert everything(lone) == before
    # One that finds the proxy gone, and another that does not exist named instead, leaves the pod alone.
    assert lone.operator.stop() == 0
    lone.api.delete(lone.path("secret", "proxy"))
    lone.edit({"spec": {"network": {"proxySecretRef": {"name": "none"}}}})
    lone.operator.start()
    await until_condition(lone, "Provisioned", "False", "ProxySecretMissing")
    assert lone.child("statefulset") == before[KINDS.index("statefulset")]


async def test_children_are_made_while_the_bus_is_away_and_settled_when_it_is_back(lone: Scene) -> None:
    lone.nats.stop()
    lone.operator.start()
    lone.create()
    for kind in KINDS:
        await lone.until_child(kind)
    status = await lone.until_phase("Pending", "PodMissing")
    assert condition(status, "CredentialsReady")["reason"] == "BusUnavailable"
    lone.edit({"metadata": {"annotations": {"oxy.dev/backup": "n1"}}})
    await lone.until_status(lambda found: found.get("session", {}).get("backup", {}).get("reason") == "BusAway")
    lone.nats.start()
    await settled(lone)
    asked = {"nonce": "n1", "outcome": "Requested"}
    await lone.until_status(lambda found: found["session"]["backup"] == asked)
    assert await lone.until_published(bool)


async def test_a_bus_that_lost_everything_is_filled_again(lone: Scene) -> None:
    lone.operator.start()
    await connected(lone)
    lone.nats.stop()
    lone.operator.lose_bus_data()
    lone.nats.start()
    await lone.until_published(bool)
    await lone.say(lone.state(connection="connected"))


async def test_the_phase_is_right_with_the_bus_away_and_after_losing_the_status(lone: Scene) -> None:
    lone.operator.start()
    await connected(lone)
    lone.nats.stop()
    lone.pod_status(ready=False)
    await lone.until_phase("Reconnecting", "NotReceiving")
    lone.pod_status(state=lone.terminated(64))
    await lone.until_phase("LoggedOut", "LoggedOut")
    await replicas(lone, 0)
    lone.kill_pod()
    lone.operator.stop()
    lone.drop_status()
    lone.operator.start()
    await lone.until_phase("LoggedOut", "LoggedOut")
    await replicas(lone, 0)


async def test_a_state_from_before_the_operator_started_counts(lone: Scene) -> None:
    lone.operator.start()
    await connected(lone)
    lone.operator.stop()
    await lone.say(lone.state(attempts=2, last_reason="ServerError"))
    lone.pod_status(ready=False)
    lone.operator.start()
    await lone.until_phase("Reconnecting", "ServerError")


async def test_what_was_deleted_while_nobody_watched_comes_back(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    lone.operator.stop()
    lone.api.delete(lone.path("configmap", f"wai-{lone.name}"))
    lone.operator.start()
    await lone.until_child("configmap")


async def test_an_instance_deleted_while_nobody_watched_is_released(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    lone.operator.stop()
    lone.api.delete(lone.path("wai", lone.name))
    assert lone.find("wai", lone.name) is not None
    lone.operator.start()
    await eventually(lambda: lone.find("wai", lone.name) is None, "the instance is gone")
    assert await lone.published() is None


async def test_the_bus_forgets_an_instance_that_went_while_nobody_watched(lone: Scene) -> None:
    lone.operator.start()
    other = replace(lone, name="other")
    for scene in (lone, other):
        scene.create()
        await settled(scene)
    lone.operator.stop()
    merge_patch(lone.api, lone.path("wai", lone.name), {"metadata": {"finalizers": None}})
    lone.api.delete(lone.path("wai", lone.name))
    assert lone.find("wai", lone.name) is None
    assert await lone.published() is not None
    lone.operator.start()
    await lone.until_published(lambda found: found is None)
    assert await other.published() is not None


async def test_a_deleted_instance_waits_for_the_bus(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    lone.nats.stop()
    lone.api.delete(lone.path("wai", lone.name))
    await eventually(lambda: "account_not_removed" in lone.operator.log(), "the operator waits")
    assert lone.find("wai", lone.name) is not None
    lone.nats.start()
    await eventually(lambda: lone.find("wai", lone.name) is None, "the instance is gone")
    assert await lone.published() is None


GRACE_SECONDS = 30
"""What the chart gives the operator to end: `terminationGracePeriodSeconds`."""


async def test_a_stopped_operator_ends_in_time(lone: Scene) -> None:
    lone.operator.start()
    started = time.monotonic()
    assert lone.operator.stop() == 0
    assert time.monotonic() - started < GRACE_SECONDS
    assert "operator_stopped" in lone.operator.log()


def test_an_operator_without_its_settings_says_which(lone: Scene) -> None:
    environment = {"PATH": "/usr/bin", "PYTHONPATH": lone.operator.environment()["PYTHONPATH"]}
    ended = subprocess.run(
        [sys.executable, "-m", "oxy_operator"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "OXY_TENANT_IMAGE" in ended.stderr


async def test_what_changed_while_no_operator_ran_is_passed_on_and_what_went_is_swept(lone: Scene) -> None:
    lone.operator.variables |= {
        "OXY_ALLOWED_ENDPOINTS": "vllm.models.svc",
        "OXY_OPENAI_BASE_URL": "http://models.svc/v1",
    }
    gone = replace(lone, name="gone")
    secret(lone, apiKey="sk-first")
    lone.operator.start()
    for made in (lone, gone):
        made.create(ai=NAMED)
        await until_keys(made, {OWN: "sk-first"})
    lone.operator.stop()
    change(lone, apiKey="sk-second")
    gone.edit({"metadata": {"finalizers": None}})
    gone.api.delete(gone.path("wai", gone.name))
    lone.operator.start()
    await until_keys(lone, {OWN: "sk-second"})
    await until_keys(gone, None)
    await judged_by_the_installations_rules(lone)


async def judged_by_the_installations_rules(lone: Scene) -> None:
    lone.edit({"spec": {"ai": {"baseUrl": "http://10.0.0.7/v1", "model": "own", "monthlyBudgetUsd": "25"}}})
    await until_condition(lone, "EndpointsAllowed", "False", "EndpointRefused")
    await until_condition(lone, "BudgetEnforceable", "False", "PriceUnknown")
    for base_url in ("http://vllm.models.svc:8000/v1", "http://models.svc/v1"):
        lone.edit({"spec": {"ai": {"baseUrl": base_url}}})
        await until_condition(lone, "EndpointsAllowed", "True", "Allowed")
        await until_keys(lone, {base_url: "sk-second"})
    lone.edit({"spec": {"ai": {"prices": [{"model": "own", "input": "0.15", "output": "0.60"}]}}})
    await until_condition(lone, "BudgetEnforceable", "True", "Enforceable")
