"""One tenant on the worst of days: its process, its volume, the bus and WhatsApp's side, all broken at random.

Nothing that WhatsApp was told has arrived may be missing on the bus, nothing comes twice or out of its place, and the
losses that the tenant reports are those that WhatsApp's side counts. A run in which hardly anything arrived, or in
which hardly a fault found a connection, proves nothing, and fails.
"""

import asyncio
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from chaos.plan import table
from chaos.seed import draw_seed
from chaos.tenant import audit, evidence, exits, plan, proof
from chaos.tenant.faults import TenantFaults
from chaos.tenant.people import Conversation, contacts
from chaos.tenant.system import BUSINESS, System, devices, running_system

from oxy_simulator.client import SimulatorClient
from oxy_simulator.faultkind import FaultKind

EVENTS = int(os.environ.get("OXY_CHAOS_EVENTS", "300"))
FULL = 300
"""Events of a full run, two seconds apart on average. A shorter run has them closer together."""
SECONDS = float(os.environ.get("OXY_CHAOS_SECONDS") or (2.0 if EVENTS >= FULL else 1.0) * EVENTS)
STUCK_SECONDS = 120.0
"""For how long what is under way after the last fault may stay as it is; a slow machine moves on all the same."""
REST_SECONDS = 6.0
"""For how long nothing may be under way; the losses of a connection are known after five."""
LOOK_SECONDS = 0.5
SHOWN = 60
"""How many disagreements a failed test shows; all are in a file."""

log = structlog.get_logger()

pytestmark = pytest.mark.timeout(SECONDS + 1200)


async def test_whatever_breaks_each_message_has_one_known_end(tmp_path: Path) -> None:
    seed = draw_seed()
    faults = plan.draw(seed, EVENTS, SECONDS)
    print(f"{SECONDS:.0f} s, {len(faults)} events:\n{table(faults)}")  # noqa: T201 what happened
    async with running_system(tmp_path) as system, SimulatorClient(system.control_url) as simulator:
        breaking = TenantFaults(system, simulator)
        talk = Conversation(BUSINESS, contacts(), simulator, system.platform, seed)
        await talk.begin()
        enough = asyncio.Event()
        watching = asyncio.create_task(watch(system, simulator, watched := Watched()))
        async with asyncio.TaskGroup() as group:
            group.create_task(talk.go_on(enough))
            await breaking.happen(faults)
            enough.set()
        during = Counter(watched.connection)
        await mend(simulator)
        under_way = await rest(system, simulator)
        watching.cancel()
        found = await evidence.gather(system, simulator, talk.people, breaking.happened)
        verdict = audit.judge(found)
        wrong = [
            *under_way,
            *verdict.wrong,
            *await system.platform.damaged_files(),
            *evidence.processes(system, watched.memory),
            *await evidence.violations(simulator, found),
            *proof.copied_in_vain(system.platform.places, breaking.happened),
            *proof.missing(verdict.counts, breaking.happened, during),
        ]
        print(await report(system, simulator, verdict, watched))  # noqa: T201 the figures
        print(proof.shown(breaking.happened, during))  # noqa: T201 what the run proves
        if wrong:
            kept = Path(tempfile.mkdtemp(prefix=f"oxy-chaos-{seed}-"))
            await evidence.keep(kept, system, simulator, found, table(faults), wrong)
        assert not wrong, f"OXY_CHAOS_SEED={seed} {kept}\n" + "\n".join(wrong[:SHOWN])


async def mend(simulator: SimulatorClient) -> None:
    """End what still holds of WhatsApp's faults."""
    await simulator.clear_faults()
    await simulator.fault(FaultKind.UP)


async def rest(system: System, simulator: SimulatorClient) -> list[str]:
    """Wait until nothing is under way; returns what still is when nothing moves on."""
    clock = asyncio.get_running_loop().time
    rests_since = moved_at = clock()
    finished = -1
    while True:
        found = await evidence.unquiet(system, simulator)
        log.info("under_way", found=found)
        results = len(system.platform.results())
        if results > finished:
            finished, moved_at = results, clock()
        rests_since = clock() if found else rests_since
        if clock() - rests_since >= REST_SECONDS or clock() - moved_at > STUCK_SECONDS:
            return found
        await asyncio.sleep(LOOK_SECONDS)


@dataclass(slots=True)
class Watched:
    """What was seen during a run, once a second."""

    memory: int = 0
    """The most that the tenant has had, in bytes."""
    connection: Counter[str] = field(default_factory=Counter)
    """How often its device was online, offline, or not linked: what nobody receives proves nothing."""


async def watch(system: System, simulator: SimulatorClient, watched: Watched) -> None:
    """Watch the tenant until cancelled."""
    while True:
        watched.memory = max(watched.memory, evidence.size(system))
        linked = await devices(simulator)
        watched.connection[
            "online" if any(one.online for one in linked) else "offline" if linked else "not linked"
        ] += 1
        await asyncio.sleep(1.0)


async def report(system: System, simulator: SimulatorClient, verdict: audit.Verdict, watched: Watched) -> str:
    """Return the run's figures for people to read."""
    logins = Counter(login.outcome for login in await simulator.logins())
    copies = ", ".join(f"{times}: {count}" for times, count in sorted(system.platform.copies().items()))
    return "\n".join(
        [
            audit.table(verdict.counts),
            f"reports by copies on the bus: {copies}",
            f"logins: {', '.join(f'{outcome}: {count}' for outcome, count in logins.most_common())}",
            f"exits of the tenant: {exits.table(system.pod.exits)}",
            f"epochs: {system.pod.record.epoch}; most memory: {watched.memory >> 20} MiB",
            f"seconds of its device: {', '.join(f'{what}: {count}' for what, count in watched.connection.items())}",
        ]
    )
