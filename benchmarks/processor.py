"""Measures the processor time that one answer takes, process by process, on the system of `oxy_dev.stack`.

Twenty customers talk at once, each waiting for an answer before the next message, so that every run does the same
work. The simulator is the control: it is not part of the product, so a difference in its time between two runs is the
machine's, not the code's. Compare two checkouts by running this in each, in turn:

    python benchmarks/processor.py --messages 1000
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from oxy_core.logs import configure_logging
from oxy_dev.conversation import ask
from oxy_dev.environment import BUSINESS_PHONE
from oxy_dev.stack import Stack, running_stack
from oxy_simulator.client import SimulatorClient

CUSTOMERS: Final = 20
PAUSE_SECONDS: Final = 0.1
"""Between an answer and the next message, so that few messages cross a send (docs/decisions/0012-fillers.md)."""
WARM_UP: Final = 5
"""Messages of each customer before the measurement: sessions, caches and prepared statements are made once."""
PRODUCT: Final = ("worker-0", "tenant-petshop", "postgres")
"""What counts as the product's processor time."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return the user and system time of a process, of its ended children and of all that descend from it, in seconds.

    Source: fields 14 to 17 of /proc/[pid]/stat, proc(5).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it has just ended: its parent has its time
        return 0.0
    own = sum(int(value) for value in fields[11:15]) / _TICKS
    return own + sum(processor_seconds(child) for child in _children(pid))


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _measure(stack: Stack) -> dict[str, float]:
    pids = {program.name: program.pid for program in stack.programs}
    pids |= {"nats": stack.nats.pid, "postgres": stack.postgres.pid}
    return {name: processor_seconds(pid) for name, pid in pids.items() if pid is not None}


async def _talk(simulator: SimulatorClient, phone: str, business: str, count: int) -> None:
    for number in range(count):
        await asyncio.sleep(PAUSE_SECONDS)
        await ask(simulator, phone, business, f"{phone[-2:]}/{number}")


async def measure_answers(stack: Stack, messages: int) -> dict[str, float]:
    """Return the milliseconds of processor time that each process spends on one answer, `messages` in all."""
    phones = [f"+55119220000{number:02}" for number in range(CUSTOMERS)]
    async with SimulatorClient(stack.control_url) as simulator:
        for phone in phones:
            await simulator.add_phone(phone, phone[-2:])
        await asyncio.gather(*(_talk(simulator, phone, BUSINESS_PHONE, WARM_UP) for phone in phones))
        before = _measure(stack)
        each = messages // CUSTOMERS
        await asyncio.gather(*(_talk(simulator, phone, BUSINESS_PHONE, each) for phone in phones))
        await asyncio.sleep(1.0)  # the last results' way into the database is part of the work
        after = _measure(stack)
    return {name: (after[name] - before[name]) * 1000 / (each * CUSTOMERS) for name in after}


async def main() -> None:
    """Print one JSON object: milliseconds for each answer by process, and the product's sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000, help="messages to answer (default: %(default)s)")
    options = parser.parse_args()
    configure_logging("bench", "error")
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        lifted = {"OXY_TURNS_PER_SECOND": "0", "OXY_TURNS_EACH": "0"}
        stack = Stack(Path(folder), worker_environment=lifted, model_arguments=("--echo",))
        async with running_stack(stack):
            spent = await measure_answers(stack, options.messages)
    spent["product"] = sum(spent[name] for name in PRODUCT)
    print(json.dumps({name: round(value, 3) for name, value in spent.items()}))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
