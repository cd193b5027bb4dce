"""WhatsApp refuses a client version: one instance meets it, and all are told."""

import json
from dataclasses import replace

from integration.wai_operator.scene import Object, Operator, Scene, condition, eventually

from oxy_core.instance.terminal_causes import ExitCode

REFUSED = "2.3000.1040000000"
OLD, FIRST, SECOND = (f"registry.example/tenant:{number}" for number in range(3))
CONFIG_MAP = "/api/v1/namespaces/{}/configmaps/oxy-refused-clients"


async def connected(scene: Scene, image: str | None = None, **said: str) -> None:
    scene.create(**({"runtime": {"image": image}} if image else {}))
    await scene.until_child("statefulset")
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    if said:
        await scene.say(scene.state(connection="connected", **said))
        await scene.until_status(lambda found: found.get("client", {}).get("version") == said["client_version"])


def refused(scene: Scene, version: str) -> Object:
    """The end of a container whose runtime met the refusal."""
    end = scene.terminated(ExitCode.CLIENT_OUTDATED)
    message = {**json.loads(end["terminated"]["message"]), "client_version": version}
    end["terminated"]["message"] = json.dumps(message)
    return end


async def outdated(scene: Scene, status: str) -> Object:
    found: Object = await scene.until_status(lambda found: condition(found, "ClientOutdated").get("status") == status)
    return condition(found, "ClientOutdated")


async def counted(operator: Operator, number: int) -> None:
    name = "oxy_operator_instances_outdated"
    await eventually(lambda: operator.metrics().get(name) == number, f"{name} {number}")


async def test_a_refusal_of_one_is_told_to_all_until_they_are_upgraded_and_survives_the_leader(lone: Scene) -> None:
    lone.operator.variables |= {"OXY_IDENTITY": "oxy-operator-0"}  # whoever comes after a kill leads at once
    lone.operator.start()
    first, same, newer, old, peer = (replace(lone, name=f"shop-{number}") for number in range(5))
    await connected(first, client_version=REFUSED, client_published_on="2026-05-29")
    await connected(same, client_version=REFUSED, client_published_on="2026-05-29")
    await connected(newer, SECOND, client_version="2.3000.1040000001", client_published_on="2026-05-29")
    assert condition(same.status(), "ClientAgeing")["reason"] == "CutOffExpected"
    await counted(lone.operator, 0)

    first.pod_status(state=refused(first, REFUSED))
    await first.until_phase("Failed", "ClientOutdated")
    told = await outdated(same, "True")
    assert REFUSED in told["message"]
    assert first.name not in told["message"]
    assert condition(same.status(), "Ready")["status"] == "True"
    assert condition(newer.status(), "ClientOutdated")["status"] == "False"
    await counted(lone.operator, 2)

    # An older runtime does not tell its version: the refusal is about its image.
    await connected(old, OLD)
    await connected(peer, OLD)
    old.pod_status(state=old.terminated(ExitCode.CLIENT_OUTDATED))
    assert f"the client of image {OLD}" in (await outdated(peer, "True"))["message"]
    assert condition(newer.status(), "ClientOutdated")["status"] == "False"
    stored = lone.api.get(CONFIG_MAP.format(lone.operator.home))["data"]
    assert {json.loads(value)["image"] for value in stored.values()} == {FIRST, OLD}
    await counted(lone.operator, 4)

    # A new leader knows it from the ConfigMap alone: the instance that met it is gone, and so is what statuses said.
    lone.operator.kill()
    first.kill_pod()
    first.edit({"metadata": {"finalizers": None}})
    lone.api.delete(first.path("wai", first.name))
    lone.api.delete(first.path("claim", f"wai-{first.name}-session"))
    for scene in (same, newer):
        scene.drop_status()
    lone.operator.start()
    await outdated(same, "True")
    await counted(lone.operator, 3)
    await outdated(newer, "False")

    # An upgrade: its pods have another image, and say so once they run.
    lone.operator.stop()
    lone.operator.variables |= {"OXY_TENANT_IMAGE": SECOND}
    lone.operator.start()
    await same.until_child(
        "statefulset", lambda found: found["spec"]["template"]["spec"]["containers"][0]["image"] == SECOND
    )
    await outdated(same, "True")
    same.kill_pod()
    same.start_pod(ready=True)
    await outdated(same, "False")
    await counted(lone.operator, 2)
