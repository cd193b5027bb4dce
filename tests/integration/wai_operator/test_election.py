"""Two operator processes at once, as after a node was cut off: one acts."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from integration.wai_operator.scene import Object, Operator, Scene, condition, eventually

from oxy_operator.kube.election import LEASE_NAME

SECONDS = 15
"""Of the lease: whoever cannot renew it for ten of them, because the machine stalls, leads no longer."""
LOOKS = "oxy_operator_reconciles_total"
FIRST, SECOND = "registry.example/tenant:first", "registry.example/tenant:second"


@pytest.fixture
def other(lone: Scene) -> Iterator[Operator]:
    """A second operator of the installation, of another version: it wants other pods."""
    lone.operator.variables |= {"OXY_LEASE_SECONDS": str(SECONDS), "OXY_TENANT_IMAGE": FIRST}
    made = lone.operator.beside(lone.operator.folder / "other", OXY_TENANT_IMAGE=SECOND)
    yield made
    made.stop()


def image(workload: Object) -> str:
    return str(workload["spec"]["template"]["spec"]["containers"][0]["image"])


def lease(scene: Scene) -> Object:
    spec: Object = scene.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{scene.operator.home}/leases/{LEASE_NAME}")[
        "spec"
    ]
    return spec


async def settled(scene: Scene) -> None:
    await scene.until_child("statefulset")
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


async def standing_by(operator: Operator) -> None:
    await eventually(lambda: "leader_awaited" in operator.log(), f"it stands by\n{operator.log()}")


async def test_of_two_operators_one_acts(lone: Scene, other: Operator) -> None:
    other.variables["OXY_LEASE_SECONDS"] = lone.operator.variables["OXY_LEASE_SECONDS"] = "45"
    lone.operator.start()
    other.launch()
    await standing_by(other)
    scenes = [replace(lone, name=f"shop-{number}") for number in range(5)]
    for scene in scenes:
        scene.create()
    for scene in scenes:
        await settled(scene)
        scene.start_pod(ready=True)
    for scene in scenes:
        await scene.until_phase("Connected", "Connected")
    renewed = lease(lone)["renewTime"]
    await eventually(lambda: lease(lone)["renewTime"] != renewed, "the lease is renewed")
    for scene in scenes:
        workload = scene.child("statefulset")
        assert workload is not None
        assert (image(workload), workload["metadata"]["generation"]) == (FIRST, 1)
    pods = lone.api.get(lone.path("pod"))["items"]
    assert sorted(pod["metadata"]["name"] for pod in pods) == [f"wai-{scene.name}-0" for scene in scenes]
    assert other.metrics()[LOOKS] == 0
    assert (other.metrics()["oxy_operator_leads"], lone.operator.metrics()["oxy_operator_leads"]) == (0, 1)
    assert "bus_prepared" not in other.log()


async def test_an_operator_that_is_killed_is_replaced_after_its_lease(lone: Scene, other: Operator) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    other.launch()
    await standing_by(other)
    before = lease(lone)
    lone.operator.kill()
    after = await eventually(lambda: taken_over(lone, str(before["holderIdentity"])), "the lease is taken over")
    # The other one may take it a lease after it saw the last renewal, which was this one or a later.
    assert datetime.fromisoformat(after["renewTime"]) - datetime.fromisoformat(before["renewTime"]) >= timedelta(
        seconds=SECONDS
    )
    await lone.until_child("statefulset", lambda found: image(found) == SECOND)


def taken_over(scene: Scene, holder: str) -> Object | None:
    """The lease, once another one has it."""
    found = lease(scene)
    return found if found["holderIdentity"] != holder else None


async def test_an_operator_that_stops_lets_the_other_lead_at_once(lone: Scene, other: Operator) -> None:
    other.variables["OXY_LEASE_SECONDS"] = lone.operator.variables["OXY_LEASE_SECONDS"] = "600"
    lone.operator.start()
    lone.create()
    await settled(lone)
    # It checks the lease again only a hundred seconds later, so what it finds when it starts counts.
    assert lone.operator.stop() == 0
    assert lease(lone).get("holderIdentity") in {None, ""}
    other.start()
    await lone.until_child("statefulset", lambda found: image(found) == SECOND)


async def test_an_operator_that_was_cut_off_stands_by_until_it_is_its_turn(lone: Scene, other: Operator) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    other.launch()
    await standing_by(other)
    process = lone.operator.process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        await lone.until_child("statefulset", lambda found: image(found) == SECOND)
        generation = (lone.child("statefulset") or {})["metadata"]["generation"]
        lone.edit({"spec": {"displayName": "something to do for both"}})
    finally:
        os.kill(process.pid, signal.SIGCONT)
    await eventually(lambda: "leadership_lost" in lone.operator.log(), "the one that was cut off knows")
    await standing_by(lone.operator)
    await lone.until_status(lambda found: found["observedGeneration"] == 2)
    workload = lone.child("statefulset")
    assert workload is not None
    assert (image(workload), workload["metadata"]["generation"]) == (SECOND, generation)
    other.stop()
    await lone.until_child("statefulset", lambda found: image(found) == FIRST)
    # In its container it was one process all along, for which no kubelet waits longer each time.
    assert lone.operator.stop() == 0
    assert process is lone.operator.process


async def test_an_operator_that_stands_by_stops_in_time(lone: Scene, other: Operator) -> None:
    lone.operator.start()
    other.launch()
    await standing_by(other)
    assert other.stop() == 0


async def test_a_container_that_is_restarted_in_its_pod_keeps_its_lease(lone: Scene) -> None:
    lone.operator.variables |= {"OXY_LEASE_SECONDS": "600", "OXY_IDENTITY": "oxy-operator-7d9f"}
    lone.operator.start()
    lone.operator.kill()
    lone.operator.start()
    assert lease(lone)["holderIdentity"] == "oxy-operator-7d9f"
