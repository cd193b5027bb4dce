"""Everything goes wrong at once, as drawn from a printed seed; at the end phones, journals and ledger agree.

The ten minutes of `make chaos`, the two of `make chaos SHORT=1` and of `make e2e` are the same test.
"""

import asyncio
import os
from pathlib import Path

import pytest
from chaos import audit, evidence, plan
from chaos.faults import Faults, strangers_of
from chaos.people import everybody, live
from chaos.seed import draw_seed
from chaos.system import System, running_system

from oxy_simulator.client import SimulatorClient

SECONDS = float(os.environ.get("OXY_CHAOS_SECONDS", "600"))
QUIET_SECONDS = 900.0
"""Longest wait for rest after the last fault."""
STUCK_SECONDS = 150.0
"""For how long what is under way may stay as it is; a slow machine moves on all the same."""
LOOK_SECONDS = 5.0
SHOWN = 60
"""How many disagreements a failed test shows; all are in a file."""

pytestmark = pytest.mark.timeout(SECONDS + 1200)


async def test_on_the_worst_of_days_everything_said_has_one_known_end(tmp_path: Path) -> None:
    seed = draw_seed()
    async with running_system(tmp_path) as system, SimulatorClient(system.control_url) as simulator:
        faults = plan.draw(seed, SECONDS, system.cast)
        print(f"{SECONDS:.0f} s, {len(faults)} faults:\n{plan.table(faults)}")  # noqa: T201 what happened
        people = everybody()
        largest: dict[str, int] = {}
        watching = asyncio.create_task(watch(system, largest))
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(live(people, simulator, seed, enough))
            breaking = Faults(system, simulator, strangers_of(people))
            await breaking.happen(faults)
            enough.set()
        under_way = await rest(system, simulator)
        verdict = audit.judge(people, await evidence.gather(system, simulator, people, breaking.happened))
        watching.cancel()
        wrong = [
            *under_way,
            *verdict.wrong,
            *await evidence.processes(system),
            *await asyncio.to_thread(evidence.lost_without_a_kill, system),
            *evidence.too_big(largest),
            *(str(violation) for violation in await simulator.violations()),
        ]
        print(report(system, verdict, largest))  # noqa: T201 the figures
        (tmp_path / "wrong.txt").write_text("\n".join(wrong))
        assert not wrong, f"OXY_CHAOS_SEED={seed} {tmp_path}/wrong.txt\n" + "\n".join(wrong[:SHOWN])


async def rest(system: System, simulator: SimulatorClient) -> list[str]:
    """Wait until nothing is under way; returns what still is when nothing moves on, or the time is over."""
    clock = asyncio.get_running_loop().time
    began = moved_at = clock()
    quiet, before = 0, list[str]()
    while True:
        found = await evidence.unquiet(system, simulator)
        if found != before:
            before, moved_at = found, clock()
        quiet = 0 if found else quiet + 1
        if quiet == 3 or clock() - moved_at > STUCK_SECONDS or clock() - began > QUIET_SECONDS:
            return found
        await asyncio.sleep(1.0)


async def watch(system: System, largest: dict[str, int]) -> None:
    """Note the most memory that each process has had."""
    while True:
        for name, size in evidence.sizes(system).items():
            largest[name] = max(size, largest.get(name, 0))
        await asyncio.sleep(LOOK_SECONDS)


def report(system: System, verdict: audit.Verdict, largest: dict[str, int]) -> str:
    """Return the run's figures for people to read."""
    memory = ", ".join(f"{name} {size >> 20} MiB" for name, size in sorted(largest.items()))
    exits = [f"{name} {member.exits}" for name, member in system.members.items() if member.exits]
    return "\n".join(
        [
            audit.table(verdict),
            f"most memory: {memory}",
            *evidence.crashes(system),
            f"ended by themselves: {', '.join(exits) or 'none'}; pods: {', '.join(system.kubelet.exits) or 'none'}",
        ]
    )
