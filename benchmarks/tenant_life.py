"""How a pod starts, idles, and bears two hundred lost connections."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Final

from tenant_memory import pss
from tenant_pods import Pods
from tenant_processor import Spent

from oxy_simulator.faultkind import FaultKind

STEPS: Final = 8


async def measure_start(pods: Pods, starts: int) -> None:
    """Print the time from starting the process until it is connected and receives."""
    tenant = pods.tenants[0]
    runtime, seconds = pods.stack.runtimes[tenant.name], []
    for _ in range(starts):
        await asyncio.to_thread(runtime.stop)
        began = time.monotonic()
        runtime.start()
        seconds.append(await pods.connected_since(tenant, began) - began)
    print(f"\n## Start to receiving, {starts} starts, s\n\n| median | shortest | longest |\n|---|---|---|")
    print(f"| {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |", flush=True)


async def measure_idle(pods: Pods, seconds: int) -> None:
    """Print how much of a core a connected pod takes while nobody writes."""
    pid = pods.pid(pods.tenants[0])
    before, began = Spent.of(pid), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = Spent.of(pid), time.monotonic() - began
    loop, others = (after.loop - before.loop) / took, (after.others - before.others) / took
    print(f"\n## Idle for {seconds} s, share of a core\n\n| event loop | other threads | both |\n|---|---|---|")
    print(f"| {loop:.2%} | {others:.2%} | {loop + others:.2%} |", flush=True)


async def measure_reconnections(pods: Pods, count: int, apart: float) -> None:
    """Print memory, descriptors and threads while the connection is lost again and again.

    Each lasts for `apart` seconds. One that has lasted for a minute (`ConnectionTiming.lasting`) the library restores
    itself; otherwise every second loss takes a new session.
    """
    tenant = pods.tenants[0]
    pid = pods.pid(tenant)
    print(f"\n## {count} reconnections\n\n| so far | PSS, MiB | descriptors | threads |\n|---|---|---|---|")
    print(_row(pods, 0, pid), flush=True)
    for number in range(1, count + 1):
        moment = time.monotonic()
        await pods.simulator.fault(FaultKind.ABORT, tenant.spec.phone_number)
        await pods.connected_since(tenant, moment)
        await asyncio.sleep(apart)
        if number % (count // STEPS) == 0:
            print(_row(pods, number, pid), flush=True)
    if pid != pods.pid(tenant):
        print("(the process has ended meanwhile)")


def _row(pods: Pods, number: int, pid: int) -> str:
    descriptors, threads = (len(list(Path(f"/proc/{pid}/{folder}").iterdir())) for folder in ("fd", "task"))
    return f"| {number} | {pss(pods, pods.tenants[0]):.1f} | {descriptors} | {threads} |"
