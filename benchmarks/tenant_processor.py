"""Where a pod's processor time goes, by stage of a message's way and by thread."""

import asyncio
import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tenant_pods import Customers, Pods

RATE: Final = 25.0
"""Messages a second of twenty customers: each chat rests for most of a second, so that nothing crosses a send."""
WARM_UP: Final = 200
QUIET_SECONDS: Final = 1.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time of a process, user and system, in seconds."""

    loop: float
    """Of the thread in which Python's event loop runs."""
    others: float
    """Of all other threads, those that have ended too: the library's, and those that wait for the disk."""

    @classmethod
    def of(cls, pid: int) -> "Spent":
        """Read it. Source: fields 14 and 15 of /proc/[pid]/stat, proc(5)."""
        whole, loop = _seconds(Path(f"/proc/{pid}/stat")), _seconds(Path(f"/proc/{pid}/task/{pid}/stat"))
        return cls(loop, whole - loop)


def _seconds(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def measure_processor(pods: Pods, messages: int, rounds: int) -> None:
    """Print the processor time of a message in, of one with its answer out, and so of the answer."""
    tenant = pods.tenants[0]
    customers = await Customers.of(pods, "5100")
    await _stage(pods, customers, WARM_UP, answering=True)
    print(f"\n## Processor time of a pod, {messages} texts at {RATE:.0f}/s, {rounds} rounds, ms for each\n")
    print("| stage | event loop | other threads | both | all rounds |\n|---|---|---|---|---|")
    found: dict[bool, list[Spent]] = {False: [], True: []}
    for _ in range(rounds):
        for answering in (False, True):
            before = Spent.of(pods.pid(tenant))
            await _stage(pods, customers, messages, answering=answering)
            after = Spent.of(pods.pid(tenant))
            scale = 1000 / messages
            found[answering].append(Spent((after.loop - before.loop) * scale, (after.others - before.others) * scale))
    heard, both = found[False], found[True]
    answered = [Spent(two.loop - one.loop, two.others - one.others) for one, two in zip(heard, both, strict=True)]
    for name, rows in (("message in", heard), ("answer out (the difference)", answered), ("**in and out**", both)):
        sums = sorted(row.loop + row.others for row in rows)
        print(
            f"| {name} | {statistics.median(row.loop for row in rows):.2f} "
            f"| {statistics.median(row.others for row in rows):.2f} | {statistics.median(sums):.2f} "
            f"| {sums[0]:.2f} to {sums[-1]:.2f} |",
            flush=True,
        )


async def _stage(pods: Pods, customers: Customers, count: int, *, answering: bool) -> None:
    pods.answering = answering
    await pods.hear(customers, count, RATE)
    await asyncio.sleep(QUIET_SECONDS)  # receipts are part of the work
    pods.answering = False
