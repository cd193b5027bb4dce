"""Measures what the customers' assistant costs on a database as it is after half a year (`python -m oxy_dev seed`).

Prints the tables of docs/benchmarks.md: how long the context of a turn takes to read, and the processor time and the
memory of a worker that answers turns without tools.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import aiohttp
from assistants_context import measure_context
from assistants_town import Town
from engine_platform import WAIT_SECONDS, Platform, running_platform
from processor import processor_seconds

from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings, LimitsSettings
from oxy_core.logs import configure_logging
from oxy_dev.pod_double import PodDouble
from oxy_dev.process_memory import MIB, measure
from oxy_dev.programs import Program
from oxy_dev.seed.command import seed
from oxy_dev.seed.dialogues import draw_exchange
from oxy_dev.seed.drawing import drawing
from oxy_dev.seed.plan import Customer, Numbers, customers, seeded_settings

AT_ONCE: Final = AiSettings(debounce_seconds=0, debounce_max_seconds=0)
UNLIMITED: Final = LimitsSettings(contact_turns_per_hour=0)
TALKING: Final = 20
"""Customers who write at the same time."""
EACH: Final = 4
"""Messages that one of them writes, each after the answer to the one before; then another customer writes."""
WARM_UP: Final = 200
"""Turns before the measurement: connections, caches, prepared statements."""
ANSWER: Final = "Claro! Posso ajudar com banho, tosa, consulta ou vacina. O que você precisa?"


async def settle(platform: Platform, numbers: Numbers) -> Town:
    """Fill the database and start the pods of its instances."""
    print(await seed(platform.postgres.url("oxy"), numbers), file=sys.stderr)
    settings = [
        seeded_settings(number).model_copy(update={"ai": AT_ONCE, "limits": UNLIMITED})
        for number in range(numbers.organizations)
    ]
    people = [customer for shop in customers(numbers) for customer in shop]
    return Town(await platform.add_pods(settings), people)


# -- a worker that answers


async def measure_worker(platform: Platform, town: Town, turns: int) -> None:
    """Print the processor time of a turn and the memory of the worker."""
    await answer_always(platform)
    random = drawing("questions")
    strangers = iter(random.sample(town.people, len(town.people)))
    async with platform.workers(1, {}) as [worker]:
        await _talk(town, random, list(islice(strangers, WARM_UP // EACH)))
        before, database = processor_seconds(worker.pid or 0), processor_seconds(platform.postgres.pid or 0)
        started = time.monotonic()
        await _talk(town, random, list(islice(strangers, turns // EACH)))
        seconds = time.monotonic() - started
        await asyncio.sleep(1.0)  # the last results' way into the database is part of the work
        spent = [processor_seconds(worker.pid or 0) - before, processor_seconds(platform.postgres.pid or 0) - database]
        memory = _pss(worker)
    print(f"\n## {turns:,} turns without tools, {TALKING} customers at once, {EACH} messages of each in a row\n")
    print("| | |\n|---|---|")
    print(f"| worker, processor time of a turn | {spent[0] * 1000 / turns:.2f} ms |")
    print(f"| PostgreSQL, processor time of a turn | {spent[1] * 1000 / turns:.2f} ms |")
    print(f"| worker, PSS afterwards | {memory:.0f} MiB |")
    print(f"| turns a second | {turns / seconds:.0f} |")


async def answer_always(platform: Platform) -> None:
    """Let the model answer with the same text, without tools."""
    rules = [{"name": "benchmark", "reply": ANSWER}]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{platform.model_port}/rules", json=rules) as response,
    ):
        response.raise_for_status()


def _pss(worker: Program) -> float:
    memory = measure(worker.pid or 0)
    return 0 if memory is None else memory.pss / MIB


async def _talk(town: Town, random: Random, people: Sequence[Customer]) -> None:
    """Let customers write, some of them at the same time, and wait for all answers."""
    talks = iter(people)
    await asyncio.gather(*(_talk_one_by_one(town, random, talks) for _ in range(TALKING)))


async def _talk_one_by_one(town: Town, random: Random, talks: Iterator[Customer]) -> None:
    for customer in talks:
        for _ in range(EACH):
            text = draw_exchange(random, customer.pet).asked[-1]
            await _ask(town.pod(customer), customer, text or "oi")


async def _ask(pod: PodDouble, customer: Customer, text: str) -> None:
    chat, before = Jid.parse(customer.chat), len(pod.sent)
    deadline = time.monotonic() + WAIT_SECONDS
    pod.receive(text, customer.phone, chat=chat, push_name=customer.name)
    while not any(request.chat == chat for request in pod.sent[before:]):
        if time.monotonic() > deadline:
            message = f"no answer to {text!r} within {WAIT_SECONDS:.0f} s"
            raise TimeoutError(message)
        await asyncio.sleep(0.005)


async def main() -> None:
    """Measure everything, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", help="worker, context (default: both)")
    parser.add_argument("--organizations", type=int, default=50, help="of the database (default: %(default)s)")
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the database (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=2_000, help="to answer, and to read (default: %(default)s)")
    options = parser.parse_args()
    configure_logging("bench", "error")
    wanted = options.measures or ["worker", "context"]
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        async with running_platform(Path(folder)) as platform:
            town = await settle(platform, Numbers(options.organizations, options.messages))
            if "worker" in wanted:
                await measure_worker(platform, town, options.turns)
            if "context" in wanted:
                await measure_context(platform, town, options.turns)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
