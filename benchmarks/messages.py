"""Measures the way of messages of every kind through a tenant pod; prints the tables of docs/benchmarks.md.

The pod, neonize, NATS and the simulator are real and share the machine with this program. Times are from the moment the
simulator writes a message's frame to its connection until the bus passes the report on, by one clock; how much later an
acknowledgement is at its publisher is measured beside it. For latency, bursts and memory nobody stores the reports:
this program drains the stream. For files, a worker and PostgreSQL run.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from messages_bus import Bus, listening
from messages_traffic import Crowd
from run import Distribution

from oxy_core.logs import configure_logging
from oxy_dev.process_memory import MIB, measure
from oxy_dev.stack import Stack, petshop, running_stack
from oxy_simulator.client import SimulatorClient

CUSTOMERS: Final = 20
WARM_UP: Final = 200
RATE: Final = 50.0
DRAIN_SECONDS: Final = 600.0
SAMPLE_SECONDS: Final = 0.05
"""Between two samples of a pod's memory."""
IN_FLIGHT: Final = 200
"""How many messages of a long run are under way at most."""


def phones(prefix: str) -> list[str]:
    """Return the numbers of twenty customers."""
    return [f"+55119{prefix}00{number:04}" for number in range(CUSTOMERS)]


@dataclass
class Bench:
    """A running stack, and what is measured on it."""

    stack: Stack
    simulator: SimulatorClient
    bus: Bus

    @property
    def business(self) -> str:
        """Number of the only instance."""
        return self.stack.tenants[0].spec.phone_number

    def pss(self) -> float:
        """Return the pod's memory in MiB; helpers that it started count."""
        pid = self.stack.runtimes[self.stack.tenants[0].name].pid
        children = [] if pid is None else [pid, *_children(pid)]
        return sum(found.pss for one in children if (found := measure(one)) is not None) / MIB

    async def delays(self, ids: Sequence[str], after: int) -> list[float]:
        """Return the seconds from frame to bus of these messages; `after` is the last life line before them."""
        lines = {line.id: line for line in await self.simulator.accounting(after=after)}
        arrived = self.bus.read()
        return [arrived[one] - lines[one].stages["relayed"] for one in ids]

    async def last_line(self) -> int:
        """Return the number of the last life line."""
        return max((line.number for line in await self.simulator.accounting()), default=0)


def _children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


async def measure_latency(bench: Bench, count: int, *, files: bool) -> None:
    """Print frame → bus at 50 messages a second, by kind of traffic."""
    crowd = await Crowd.of(bench.simulator, phones("31" if files else "30"), bench.business, files=files)
    before = bench.bus.count
    await crowd.write(WARM_UP, RATE)
    await bench.bus.reach(before + WARM_UP, DRAIN_SECONDS)
    last = await bench.last_line()
    bench.bus.probes.clear()
    ids = await crowd.write(count, RATE)
    await bench.bus.reach(before + WARM_UP + count, DRAIN_SECONDS)
    name = "mixed kinds, files too" if files else "mixed kinds without files"
    print(Distribution.of(await bench.delays(ids, last)).row(f"{name}, {count} at {RATE:.0f}/s"), flush=True)
    print(Distribution.of(bench.bus.probes).row("passed on → acknowledged at a publisher"), flush=True)


async def measure_burst(bench: Bench, count: int) -> None:
    """Print how fast the pod takes what has waited at its connection: it is stopped while customers write."""
    crowd = await Crowd.of(bench.simulator, phones("32"), bench.business, files=False)
    runtime = bench.stack.runtimes[bench.stack.tenants[0].name]
    await crowd.write(WARM_UP, RATE)
    await asyncio.sleep(1)
    before = bench.bus.count
    runtime.signal(signal.SIGSTOP)
    await crowd.write(count, 0)
    started = time.monotonic()
    runtime.signal(signal.SIGCONT)
    await bench.bus.reach(before + count, DRAIN_SECONDS)
    seconds = time.monotonic() - started
    print(f"| {count} of mixed kinds, waiting | {seconds:.1f} | {count / seconds:.0f} |", flush=True)


async def measure_load(bench: Bench, count: int) -> None:
    """Print how fast texts get through that twenty customers write as fast as the simulator can."""
    senders, before = phones("33"), bench.bus.count
    for phone in senders:
        await bench.simulator.add_phone(phone, phone[-2:])
    started = time.monotonic()
    await bench.simulator.load(senders, bench.business, count)
    await bench.bus.reach(before + count, DRAIN_SECONDS)
    seconds = time.monotonic() - started
    print(f"| {count} texts, as fast as the simulator writes | {seconds:.1f} | {count / seconds:.0f} |", flush=True)


async def measure_memory(bench: Bench, count: int, step: int) -> None:
    """Print the pod's memory while `count` messages of mixed kinds pass."""
    crowds = [await Crowd.of(bench.simulator, phones(f"4{place}"), bench.business, files=False) for place in range(4)]
    print(f"\n## Memory over {count} messages\n\n| messages | PSS, MiB | messages/s |\n|---|---|---|")
    print(f"| 0 | {bench.pss():.1f} | |", flush=True)
    before = bench.bus.count
    for done in range(step, count + 1, step):
        started = time.monotonic()
        for part in range(0, step, IN_FLIGHT):
            await asyncio.gather(*(crowd.write(IN_FLIGHT // len(crowds), 0) for crowd in crowds))
            await bench.bus.reach(before + done - step + part, DRAIN_SECONDS)
        await bench.bus.reach(before + done, DRAIN_SECONDS)
        rate = step / (time.monotonic() - started)
        bench.bus.read()
        print(f"| {done} | {bench.pss():.1f} | {rate:.0f} |", flush=True)


@dataclass
class Sampled:
    """A pod's memory, sampled while something happens."""

    bench: Bench
    values: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            self.values.append(self.bench.pss())
            await asyncio.sleep(SAMPLE_SECONDS)


async def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1500, help="of a latency run (default: %(default)s)")
    parser.add_argument("--burst", type=int, default=2000, help="messages of a burst (default: %(default)s)")
    parser.add_argument("--long", type=int, default=0, help="messages of the memory run (default: none)")
    parser.add_argument("--rounds", type=int, default=3, help="how often latency and bursts (default: %(default)s)")
    options = parser.parse_args()
    configure_logging("bench", "error")
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        stack = Stack(Path(folder), tenants=(petshop(ai={"enabled": False}),), model_arguments=("--echo",))
        async with running_stack(stack), SimulatorClient(stack.control_url) as simulator:
            for worker in stack.worker_programs:
                worker.stop()
            async with listening(stack, draining=True) as bus:
                bench = Bench(stack, simulator, bus)
                for _ in range(options.rounds):
                    print("\n## Frame → bus, ms\n\n| messages | p50 | p99 | max |\n|---|---|---|---|")
                    await measure_latency(bench, options.messages, files=False)
                    await measure_latency(bench, options.messages, files=True)
                    print("\n## Bursts\n\n| messages | seconds | messages/s |\n|---|---|---|")
                    await measure_load(bench, options.burst)
                    await measure_burst(bench, options.burst)
                if options.long:
                    await measure_memory(bench, options.long, 5_000)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
