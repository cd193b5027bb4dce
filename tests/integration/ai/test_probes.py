"""`oxy queues test`: a probe takes the whole way of a message or a job, reaches nobody, and says where it is stuck."""

import asyncio
import json
from typing import Any

from integration.ai.scene import Scene, settings_of


async def probe(scene: Scene, *arguments: str, expected: int = 0) -> list[dict[str, Any]]:
    done = await asyncio.to_thread(scene.admin, "queues", "test", *arguments)
    assert done.returncode == expected, (done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


WAY = {
    "message": ["turn queue", "outbox relay", "pod", "bus", "ingest"],
    "automation": ["job queue", "claimed", "done"],
    "campaign": ["job queue", "claimed", "done"],
}


LEFT = """
select (select count(*) from outbox) + (select count(*) from turns) + (select count(*) from messages)
    + (select count(*) from conversations) + (select count(*) from jobs) + (select count(*) from dead_reports)
"""


async def test_a_probe_passes_every_station_and_reaches_nobody(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await scene.known(pod.settings)
        stations = await probe(scene)
    assert [(found["lane"], found["station"]) for found in stations] == [
        (lane, station) for lane, way in WAY.items() for station in way
    ]
    assert all(found["reached"] and found["seconds"] >= 0 for found in stations)
    assert {found["instance"] for found in stations} == {"petshop/main"}
    assert pod.sent == []
    assert await scene.value(LEFT) == 0


async def test_a_probe_that_is_stuck_says_where_and_why(scene: Scene) -> None:
    settings = settings_of("petshop")
    await scene.publish(settings)
    async with scene.worker():
        await scene.known(settings)
        no_pod = await probe(scene, "message", "--instance", "main", "--within", "1.5", expected=1)
    assert [(found["station"], found["reached"]) for found in no_pod] == [
        ("turn queue", True),
        ("outbox relay", True),
        ("pod", False),
    ]
    assert "no pod accepts" in no_pod[-1]["detail"]
    no_worker = await probe(scene, "--within", "0.3", expected=1)
    assert [(found["lane"], found["station"], found["reached"]) for found in no_worker] == [
        ("message", "turn queue", False),
        ("automation", "job queue", True),
        ("automation", "claimed", False),
        ("campaign", "job queue", True),
        ("campaign", "claimed", False),
    ]
    assert await scene.value("select count(*) from jobs") == 0
    done = await asyncio.to_thread(scene.admin, "queues", "test", "--instance", "nobody")
    assert (done.returncode, "there is no such open instance" in done.stderr) == (2, True)
