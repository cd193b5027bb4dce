"""The operator, killed at moments drawn from a printed seed while instances come and go."""

import asyncio
import random
import secrets
from dataclasses import replace

import pytest
from integration.wai_operator.scene import Object, Scene, condition, eventually

from oxy_operator.decide.ownership_problems import number_name

KILLS = 20
LONGEST = 1.5
"""Seconds between an operator's first act and the kill: about the time in which it does its work."""

CHILDREN = ("claim", "configmap", "secret", "networkpolicy", "statefulset")


def owner(child: Object) -> str | None:
    return next((reference["uid"] for reference in child["metadata"].get("ownerReferences", ())), None)


async def provisioned(scene: Scene) -> None:
    """The instance has everything, each once and its own, and the bus knows it."""
    uid = (scene.find("wai", scene.name) or {})["metadata"]["uid"]
    for kind in CHILDREN:
        child = await scene.until_child(kind)
        assert owner(child) == (None if kind == "claim" else uid)
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")
    published = await scene.until_published(bool)
    assert published is not None
    assert published.phone_number == scene.phone


async def removed(scene: Scene, claim: Object | None) -> None:
    """The instance is gone from the API, the bus and its number; the session that it had is kept."""
    await eventually(lambda: scene.find("wai", scene.name) is None, f"{scene.name} is gone\n{scene.log()[-3000:]}")
    for kind in CHILDREN:
        if kind != "claim":
            await eventually(lambda kind=kind: scene.child(kind) is None, f"the {kind} of {scene.name} is gone")
    if claim is not None:
        assert (scene.child("claim") or {})["metadata"]["uid"] == claim["metadata"]["uid"]
    await scene.until_published(lambda found: found is None)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_twenty_kills_while_instances_come_and_go_end_in_the_right_children(collected: Scene) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 pytest shows it with a failure
    chance = random.Random(seed)
    collected.operator.variables |= {"OXY_IDENTITY": "oxy-operator-0"}
    kept: list[Scene] = []
    deleted: list[tuple[Scene, Object | None]] = []
    for kill in range(KILLS):
        for number in range(chance.randint(1, 3)):
            organization = f"{collected.organization}-{chance.randint(0, 3)}"
            made = replace(collected, name=f"shop-{kill}-{number}", organization=organization)
            made.create()
            kept.append(made)
        collected.operator.launch()
        try:
            await eventually(
                lambda starts=kill + 1: collected.operator.log().count('"lease_acquired"') >= starts, "it leads"
            )
        except AssertionError:
            pytest.fail(f"start {kill} does not lead\n{collected.operator.log()[-5000:]}")
        await asyncio.sleep(chance.uniform(0.0, LONGEST / 2))
        chance.shuffle(kept)
        for going in [kept.pop() for _ in range(chance.randint(0, min(2, len(kept))))]:
            deleted.append((going, going.child("claim")))
            going.api.delete(going.path("wai", going.name))
        await asyncio.sleep(chance.uniform(0.0, LONGEST / 2))
        collected.operator.kill()
    between = [collected.operator.log().count(f'"{event}"') for event in ("child_applied", "instance_removed")]
    print("children applied and instances removed between the kills:", *between)  # noqa: T201 as above
    assert between[0]
    collected.operator.start()
    for scene in kept:
        await provisioned(scene)
    for scene, claim in deleted:
        await removed(scene, claim)
    taken = collected.api.get(
        f"/api/v1/namespaces/{collected.operator.home}/configmaps?labelSelector=oxy.dev/number%3Dtaken"
    )
    assert {item["metadata"]["name"] for item in taken["items"]} == {number_name(scene.phone) for scene in kept}
    workloads = collected.api.get(collected.path("statefulset"))["items"]
    assert {item["metadata"]["name"] for item in workloads} == {f"wai-{scene.name}" for scene in kept}
    assert {item["spec"]["replicas"] for item in workloads} == {1}
