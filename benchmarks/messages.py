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
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from messages_bus import Bus, listening
from messages_files import Scene, measure_files, pod_memory
from messages_traffic import Crowd
from processor import processor_seconds
from run import Distribution

from oxy_core.logs import configure_logging
from oxy_dev.stack import Stack, running_stack
from oxy_simulator.client import SimulatorClient

CUSTOMERS: Final = 20
WARM_UP: Final = 200
RATE: Final = 50.0
DRAIN_SECONDS: Final = 600.0
BURSTS: Final = "\n## Bursts\n\n| messages | seconds | messages/s | pod, ms of processor time each |\n|---|---|---|---|"
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

    def processor_seconds(self) -> float:
        """Return the processor time that the pod has taken."""
        pid = self.stack.runtimes[self.stack.tenants[0].name].pid
        return 0.0 if pid is None else processor_seconds(pid)

    @property
    def business(self) -> str:
        """Number of the only instance."""
        return self.stack.tenants[0].spec.phone_number

    async def last_line(self) -> int:
        """Return the number of the last life line."""
        return max((line.number for line in await self.simulator.accounting()), default=0)


async def measure_latency(bench: Bench, count: int, *, files: bool) -> None:
    """Print frame → bus at 50 messages a second, by kind of traffic."""
    crowd = await Crowd.of(bench.simulator, phones("31" if files else "30"), bench.business, files=files)
    before = bench.bus.count
    await crowd.write(WARM_UP, RATE)
    await bench.bus.reach(before + WARM_UP, DRAIN_SECONDS)
    last = await bench.last_line()
    bench.bus.probes.clear()
    await crowd.write(count, RATE)
    await bench.bus.reach(before + WARM_UP + count, DRAIN_SECONDS)
    delays = await bench.bus.delays(bench.simulator, after=last)
    name = "mixed kinds, files too" if files else "mixed kinds without files"
    print(Distribution.of(delays).row(f"{name}, {count} at {RATE:.0f}/s"))
    print(Distribution.of(bench.bus.probes).row("passed on → acknowledged at a publisher"), flush=True)


async def measure_burst(bench: Bench, count: int) -> None:
    """Print how fast the pod takes what has waited at its connection: it is stopped while customers write."""
    crowd = await Crowd.of(bench.simulator, phones("32"), bench.business, files=False)
    runtime = bench.stack.runtimes[bench.stack.tenants[0].name]
    await crowd.write(WARM_UP, RATE)
    await asyncio.sleep(1)
    before, used = bench.bus.count, bench.processor_seconds()
    runtime.signal(signal.SIGSTOP)
    await crowd.write(count, 0)
    started = time.monotonic()
    runtime.signal(signal.SIGCONT)
    await bench.bus.reach(before + count, DRAIN_SECONDS)
    _print_burst(
        f"{count} of mixed kinds, waiting", count, time.monotonic() - started, bench.processor_seconds() - used
    )


async def measure_load(bench: Bench, count: int) -> None:
    """Print how fast texts get through that twenty customers write as fast as the simulator can."""
    senders, before = phones("33"), bench.bus.count
    for phone in senders:
        await bench.simulator.add_phone(phone, phone[-2:])
    started, used = time.monotonic(), bench.processor_seconds()
    await bench.simulator.load(senders, bench.business, count)
    await bench.bus.reach(before + count, DRAIN_SECONDS)
    spent = bench.processor_seconds() - used
    _print_burst(f"{count} texts, as fast as the simulator writes", count, time.monotonic() - started, spent)


def _print_burst(name: str, count: int, seconds: float, spent: float) -> None:
    print(f"| {name} | {seconds:.1f} | {count / seconds:.0f} | {spent * 1000 / count:.2f} |", flush=True)


async def measure_memory(bench: Bench, count: int, step: int) -> None:
    """Print the pod's memory while `count` messages of mixed kinds pass."""
    crowds = [await Crowd.of(bench.simulator, phones(f"4{place}"), bench.business, files=False) for place in range(4)]
    print(f"\n## Memory over {count} messages\n\n| messages | PSS, MiB | messages/s |\n|---|---|---|")
    print(f"| 0 | {pod_memory(bench.stack):.1f} | |", flush=True)
    before = bench.bus.count
    for done in range(step, count + 1, step):
        started = time.monotonic()
        for part in range(0, step, IN_FLIGHT):
            await asyncio.gather(*(crowd.write(IN_FLIGHT // len(crowds), 0) for crowd in crowds))
            await bench.bus.reach(before + done - step + part, DRAIN_SECONDS)
        await bench.bus.reach(before + done, DRAIN_SECONDS)
        rate = step / (time.monotonic() - started)
        bench.bus.read()
        print(f"| {done} | {pod_memory(bench.stack):.1f} | {rate:.0f} |", flush=True)


async def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1500, help="of a latency run (default: %(default)s)")
    parser.add_argument("--burst", type=int, default=2000, help="messages of a burst (default: %(default)s)")
    parser.add_argument("--long", type=int, default=0, help="messages of the memory run (default: none)")
    parser.add_argument("--rounds", type=int, default=3, help="how often latency and bursts (default: %(default)s)")
    parser.add_argument("--files", type=int, default=3, help="how often a file comes and goes (default: %(default)s)")
    options = parser.parse_args()
    configure_logging("bench", "error")
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        lifted = {"OXY_TURNS_PER_SECOND": "0", "OXY_TURNS_EACH": "0"}
        stack = Stack(Path(folder), worker_environment=lifted, model_arguments=("--echo",))
        async with running_stack(stack), SimulatorClient(stack.control_url) as simulator:
            if options.files:
                async with listening(stack, draining=False) as bus:
                    await measure_files(Scene(stack, simulator, bus), options.files)
            for worker in stack.worker_programs:
                worker.stop()
            async with listening(stack, draining=True) as bus:
                bench = Bench(stack, simulator, bus)
                for _ in range(options.rounds):
                    print("\n## Frame → bus, ms\n\n| messages | p50 | p99 | max |\n|---|---|---|---|")
                    await measure_latency(bench, options.messages, files=False)
                    await measure_latency(bench, options.messages, files=True)
                    print(BURSTS)
                    await measure_load(bench, options.burst)
                    await measure_burst(bench, options.burst)
                if options.long:
                    await measure_memory(bench, options.long, 5_000)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
