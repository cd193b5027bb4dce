"""Measures Oxy as plain processes on this machine and prints the tables of docs/benchmarks.md.

The model answers at once, there is no debounce and no pacing, and the rate limit of turns is lifted: what is measured
is the platform alone, with the simulator and unmodified neonize as they are. One customer talks for latencies, twenty
at once for throughput. Times come from the simulator's life lines and the database's clock, all on one machine.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from oxy_core.logs import configure_logging
from oxy_dev.conversation import ask
from oxy_dev.process_memory import MIB, measure
from oxy_dev.stack import Stack, running_stack
from oxy_simulator.client import SimulatorClient
from oxy_simulator.replies import LineView

CUSTOMER: Final = "+5511912340001"
WARM_UP: Final = 10
PAUSE_SECONDS: Final = 0.1
"""Still quicker than anybody reads."""
BURST_CUSTOMERS: Final = 20
BURST_SECONDS: Final = 180.0

HOPS: Final = """
select m.whatsapp_id, o.whatsapp_id,
    extract(epoch from m.arrived_at)::float8, extract(epoch from t.created_at)::float8,
    extract(epoch from o.created_at)::float8
from outbox o
join turns t on t.organization_id = o.organization_id and t.id = o.turn_id
join lateral (select * from messages i where i.turn_id = t.id order by i.place desc limit 1) m on true
where o.part = 0 and o.whatsapp_id is not null
order by o.position
"""

STEPS: Final = (
    "phone → tenant pod (simulator's write)",
    "tenant pod: decrypt, journal; NATS; stored in PostgreSQL",
    "claimed as a turn",
    "context, model, answer committed to the outbox",
    "relay → tenant pod: journal, encrypt, send → simulator",
    "simulator: decrypt on the phone",
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Median, 99th percentile and maximum, in milliseconds."""

    p50: float
    p99: float
    largest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Distribution":
        """Summarise durations in seconds."""
        ordered = sorted(seconds)
        return cls(
            statistics.median(ordered) * 1000,
            ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000,
            ordered[-1] * 1000,
        )

    def row(self, name: str) -> str:
        """Return a row of a Markdown table."""
        return f"| {name} | {self.p50:.1f} | {self.p99:.1f} | {self.largest:.1f} |"


async def measure_latency(stack: Stack, count: int, pause: float) -> None:
    """Print the time from phone to phone, and of each hop.

    One customer says `count` messages, each `pause` seconds after the answer to the one before. Without a pause they
    cross the end of our send, so that a filler goes before most answers (docs/decisions/0012-fillers.md).
    """
    async with SimulatorClient(stack.control_url) as simulator:
        await simulator.add_phone(CUSTOMER, "Ana")
        business = stack.tenants[0].spec.phone_number
        for number in range(WARM_UP):
            await ask(simulator, CUSTOMER, business, f"warm-up {number}")
        last = max(line.number for line in await simulator.accounting())
        for number in range(count):
            await asyncio.sleep(pause)
            await ask(simulator, CUSTOMER, business, f"message {number}")
        await asyncio.sleep(1.0)  # the last result's way into the database is not part of the figure
        lines = {line.id: line for line in await simulator.accounting(after=last)}
    samples = _samples(lines, await _fetch(stack, HOPS))
    print(f"\n## Latency, {len(samples)} messages, each {pause * 1000:.0f} ms after an answer, ms\n")
    print("| hop | p50 | p99 | max |\n|---|---|---|---|")
    for index, name in enumerate(STEPS):
        print(Distribution.of([times[index + 1] - times[index] for times in samples]).row(name))
    print(Distribution.of([times[-1] - times[0] for times in samples]).row("**phone → phone**"))


def _samples(lines: dict[str, LineView], rows: Sequence[asyncpg.Record]) -> list[tuple[float, ...]]:
    """Join both clocks: seven moments of each answered message, in seconds since 1970."""
    found = []
    for asked, answered, *database in rows:
        if asked in lines and answered in lines:
            there, back = lines[asked].stages, lines[answered].stages
            found.append((there["sent"], there["relayed"], *database, back["received"], back["decrypted"]))
    return found


async def measure_burst(stack: Stack, count: int) -> None:
    """Print how fast a burst of `count` messages from twenty customers is answered."""
    phones = [f"+55119200000{number:02}" for number in range(BURST_CUSTOMERS)]
    async with SimulatorClient(stack.control_url) as simulator:
        for phone in phones:
            await simulator.add_phone(phone, phone[-2:])
        before = await _counts(stack)
        started = time.monotonic()
        await simulator.load(phones, stack.tenants[0].spec.phone_number, count)
        while (await _counts(stack))[0] - before[0] < count and time.monotonic() - started < BURST_SECONDS:  # noqa: ASYNC110 a database is asked, it rings no event
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - started
    answered, answers = (now - then for now, then in zip(await _counts(stack), before, strict=True))
    print(f"\n## Burst of {count} messages from {BURST_CUSTOMERS} customers\n")
    print("| messages answered | answers sent | seconds | messages/s | answers/s |\n|---|---|---|---|---|")
    print(f"| {answered} | {answers} | {seconds:.1f} | {answered / seconds:.0f} | {answers / seconds:.0f} |")


async def measure_dialogues(stack: Stack, count: int) -> None:
    """Print how fast `count` messages are answered when each customer waits for an answer before the next message."""
    phones = [f"+55119210000{number:02}" for number in range(BURST_CUSTOMERS)]
    async with SimulatorClient(stack.control_url) as simulator:
        for phone in phones:
            await simulator.add_phone(phone, phone[-2:])
        started = time.monotonic()
        await asyncio.gather(
            *(_talk(simulator, phone, stack.tenants[0].spec.phone_number, count // len(phones)) for phone in phones)
        )
        seconds = time.monotonic() - started
    print(f"\n## {count} messages from {BURST_CUSTOMERS} customers, each waiting for the answer before the next\n")
    print(f"| answers | seconds | answers/s |\n|---|---|---|\n| {count} | {seconds:.1f} | {count / seconds:.0f} |")


async def _talk(simulator: SimulatorClient, phone: str, business: str, count: int) -> None:
    for number in range(count):
        await ask(simulator, phone, business, f"{phone[-2:]}/{number}")


async def _counts(stack: Stack) -> tuple[int, int]:
    """Return how many messages have an answer that was sent, and how many answers were sent."""
    rows = await _fetch(
        stack,
        """select coalesce(sum((select count(*) from messages m where m.turn_id = o.turn_id)), 0)::bigint, count(*)
        from outbox o where o.part = 0 and was_sent(o)""",
    )
    return rows[0][0], rows[0][1]


async def _fetch(stack: Stack, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.admin_url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


def print_memory(stack: Stack) -> None:
    """Print the memory of every process."""
    print("\n## Memory, PSS in MiB\n\n| process | MiB |\n|---|---|")
    servers = {"nats-server": stack.nats.pid, "postgres (without its sessions)": stack.postgres.pid}
    programs = {program.name: program.pid for program in stack.programs}
    for name, pid in (servers | programs).items():
        memory = measure(pid) if pid else None
        if memory is not None:
            print(f"| {name} | {memory.pss / MIB:.0f} |")


async def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200, help="messages of the latency run (default: %(default)s)")
    parser.add_argument("--burst", type=int, default=1000, help="messages of the burst (default: %(default)s)")
    options = parser.parse_args()
    configure_logging("bench", "error")
    lifted = {"OXY_TURNS_PER_SECOND": "0", "OXY_TURNS_EACH": "0"}
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        stack = Stack(Path(folder), worker_environment=lifted, model_arguments=("--echo",))
        async with running_stack(stack):
            print_memory(stack)
            await measure_latency(stack, options.messages, PAUSE_SECONDS)
            await measure_latency(stack, options.messages, 0.0)
            await measure_burst(stack, options.burst)
            await measure_dialogues(stack, options.burst)
            print_memory(stack)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
