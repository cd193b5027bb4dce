"""Measures the engine alone: real workers, NATS and PostgreSQL, with doubles of tenant pods instead of WhatsApp.

Prints the tables of docs/benchmarks.md: how answers a second change with the number of workers, how fast one worker
stores a filled stream, what a long conversation costs, and how far one customer's flood delays the others.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from engine_platform import WAIT_SECONDS, Platform, running_platform
from processor import processor_seconds

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_core.logs import configure_logging
from oxy_core.message_kinds import MessageKind
from oxy_core.tasks import end_tasks
from oxy_dev.long_chat import LENGTHEN
from oxy_dev.pod_double import PodDouble
from oxy_tenant.content.received import IncomingMessage
from oxy_tenant.journal.journal import Journal
from oxy_tenant.publishing.publisher import Publisher, PublishRules, ReportSignal

WORKERS: Final = (1, 2, 4, 8)
MODEL_SECONDS: Final = 0.5
CONCURRENCY: Final = 12
"""Turns of a worker: more than the default, so that several workers reach the machine's limit, and few enough that the
connections of eight (8 more than turns each) fit PostgreSQL's 200."""
TENANTS: Final = 10
AT_ONCE: Final = AiSettings(debounce_seconds=0, debounce_max_seconds=0, context_messages=5)
NEVER: Final = AiSettings(debounce_seconds=86_400, debounce_max_seconds=86_400)
MESSAGES_EACH: Final = 20
"""Of each customer in a filled stream."""
SHORT: Final = 100
"""Messages of a short conversation."""
INBOUND_PER_SECOND: Final = 10
"""Messages of one chat that a pod publishes in a second (``spec.limits.inboundPerSecond``)."""
ASK_SECONDS: Final = 0.1
"""Between two questions beside a flood."""

_phones = iter(range(10**8))


def new_phone() -> str:
    """Return the number of a customer who has not written yet."""
    return f"+55119{next(_phones):08}"


async def answered(pods: Sequence[PodDouble], count: int) -> None:
    """Wait until `count` texts were sent."""
    deadline = time.monotonic() + WAIT_SECONDS
    while sum(len(pod.sent) for pod in pods) < count:
        if time.monotonic() > deadline:
            message = f"{sum(len(pod.sent) for pod in pods)} of {count} answers after {WAIT_SECONDS:.0f} s"
            raise TimeoutError(message)
        await asyncio.sleep(0.005)


# -- workers


async def measure_workers(platform: Platform, rounds: int, messages: int, concurrency: int) -> None:
    """Print the answers a second of 1, 2, 4 and 8 workers; each round runs all of them, in random order."""
    pods = await platform.add_tenants("shop", TENANTS, AT_ONCE)
    await platform.delay_model(MODEL_SECONDS)
    order, rates = Random(1), {workers: list[float]() for workers in WORKERS}
    for _ in range(rounds):
        for workers in order.sample(WORKERS, len(WORKERS)):
            rates[workers].append(await _answers_a_second(platform, pods, workers, messages, concurrency))
    await platform.delay_model(0)
    print(
        f"\n## {messages} customers at once, a model of {MODEL_SECONDS * 1000:.0f} ms, {concurrency} turns a worker\n"
    )
    print("| workers | answers/s, median | range | ratio to one worker, median of rounds | range |")
    print("|---|---|---|---|---|")
    for workers, found in rates.items():
        ratios = [rate / one for rate, one in zip(found, rates[1], strict=True)]
        print(f"| {workers} | {_spread(found, '.0f')} | {_spread(ratios, '.2f')} |")


async def _answers_a_second(
    platform: Platform, pods: Sequence[PodDouble], workers: int, messages: int, concurrency: int
) -> float:
    async with platform.workers(workers, {"OXY_CONCURRENCY": str(concurrency)}):
        await _ask_all(pods, workers * 2)  # connections, caches, prepared statements
        started = time.monotonic()
        await _ask_all(pods, messages)
        return messages / (time.monotonic() - started)


async def _ask_all(pods: Sequence[PodDouble], messages: int) -> None:
    before = sum(len(pod.sent) for pod in pods)
    for number in range(messages):
        pods[number % len(pods)].receive("Oi", new_phone())
    await answered(pods, before + messages)


# -- ingest

STORED_WITHIN: Final = """
select extract(epoch from max(arrived_at) - min(arrived_at))::float8 from messages where id > $1
"""


async def measure_ingest(platform: Platform, rounds: int, reports: int) -> None:
    """Print how many reports a second one worker stores from a stream that was filled before it started."""
    pods = await platform.add_tenants("full", TENANTS, NEVER)
    async with platform.workers(1, {}) as [idle]:  # the instances are known after this
        startup = processor_seconds(idle.pid or 0)
    found = [await _store(platform, pods, reports, startup) for _ in range(rounds)]
    print(f"\n## A filled stream: {reports:,} reports of {TENANTS} instances, one worker\n")
    print("| | median | range |\n|---|---|---|")
    for name, values in zip(
        ("reports/s", "worker, µs of CPU each", "PostgreSQL, µs of CPU each"), zip(*found, strict=True), strict=True
    ):
        print(f"| {name} | {_spread(values, '.0f')} |")


async def _store(
    platform: Platform, pods: Sequence[PodDouble], reports: int, startup: float
) -> tuple[float, float, float]:
    """Let a worker store reports; return how many a second, and the processor time of worker and database for each."""
    phones = [new_phone() for _ in range(reports // MESSAGES_EACH)]
    first = (await platform.query("select coalesce(max(id), 0) from messages"))[0][0]
    for number in range(reports):
        pods[number % len(pods)].receive("Quanto custa o banho?", phones[number % len(phones)])
    while any(pod.unpublished for pod in pods):  # noqa: ASYNC110 pods ring no event
        await asyncio.sleep(0.01)
    before = processor_seconds(platform.postgres.pid or 0)
    async with platform.workers(1, {}) as [worker]:
        await platform.until(f"select count(*) from messages where id > {first}", reports)  # noqa: S608 a number
        spent = processor_seconds(worker.pid or 0) - startup, processor_seconds(platform.postgres.pid or 0) - before
    [(seconds,)] = await platform.query(STORED_WITHIN, first)
    return reports / seconds, spent[0] * 1e6 / reports, spent[1] * 1e6 / reports


# -- long conversations

TURNS: Final = """
select m.chat, extract(epoch from o.created_at - m.arrived_at)::float8 as seconds
from messages m join outbox o on o.organization_id = m.organization_id and o.turn_id = m.turn_id
where m.chat = any ($1) and m.whatsapp_id not like 'earlier-%' and o.part = 0 order by m.id
"""


async def measure_length(platform: Platform, rounds: int, turns: int, short: int, long: int) -> None:
    """Print what a turn takes in a conversation of `short` and of `long` messages, in pairs."""
    [pod] = await platform.add_tenants("long", 1, AT_ONCE)
    phones = {short: new_phone(), long: new_phone()}
    async with platform.workers(1, {}):
        for length, phone in phones.items():
            await _ask(pod, phone)
            await platform.query(LENGTHEN, str(Jid.of_phone(phone)), length)
        await platform.query("analyze messages")
        for _ in range(rounds * turns + 1):
            for phone in phones.values():
                await _ask(pod, phone)
    chats = {str(Jid.of_phone(phone)): length for length, phone in phones.items()}
    found: dict[int, list[float]] = {short: [], long: []}
    for row in await platform.query(TURNS, list(chats)):
        found[chats[row["chat"]]].append(row["seconds"] * 1000)
    medians = {length: _round_medians(times[-rounds * turns :], turns) for length, times in found.items()}
    ratios = [one / other for one, other in zip(medians[long], medians[short], strict=True)]
    print(f"\n## A turn, from its message in the database to its answer, {rounds} rounds of {turns}, ms\n")
    print("| messages in the chat | median | range |\n|---|---|---|")
    for length, times in medians.items():
        print(f"| {length:,} | {_spread(times, '.2f')} |")
    print(f"| ratio | {_spread(ratios, '.3f')} |")


def _round_medians(times: Sequence[float], turns: int) -> list[float]:
    return [statistics.median(times[start : start + turns]) for start in range(0, len(times), turns)]


async def _ask(pod: PodDouble, phone: str) -> float:
    """Ask once and return the seconds until the answer."""
    before, started = len(pod.sent), time.monotonic()
    pod.receive("Quanto custa o banho?", phone)
    await answered([pod], before + 1)
    return time.monotonic() - started


def _spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} | {min(values):{form}} to {max(values):{form}}"


# -- a flood


async def measure_flood(platform: Platform, rounds: int, seconds: float, flood: int) -> None:
    """Print what customers wait for an answer, alone and while a customer of another tenant writes a flood."""
    [pod] = await platform.add_tenants("calm", 1, AT_ONCE)
    found: dict[str, list[list[float]]] = {"alone": [], "beside the flood": []}
    async with platform.workers(1, {}):
        await _ask(pod, new_phone())
        for number in range(rounds):
            found["alone"].append(await _ask_steadily(pod, seconds))
            [flooded] = await platform.add_tenants(f"flooded-{number}", 1, AT_ONCE)
            async with flooding(platform, flooded, flood):
                found["beside the flood"].append(await _ask_steadily(pod, seconds))
    delays = [_p99(beside) - _p99(alone) for alone, beside in zip(*found.values(), strict=True)]
    print(
        f"\n## Answers beside {flood:,} messages of another tenant's customer, {rounds} rounds of {seconds:.0f} s, ms\n"
    )
    print("| | p50, median of rounds | range | p99, median of rounds | range |\n|---|---|---|---|---|")
    for name, times in found.items():
        middles = [statistics.median(one) * 1000 for one in times]
        print(f"| {name} | {_spread(middles, '.0f')} | {_spread([_p99(one) * 1000 for one in times], '.0f')} |")
    print(f"| p99 beside less p99 alone | | | {_spread([delay * 1000 for delay in delays], '.0f')} |")


@asynccontextmanager
async def flooding(platform: Platform, pod: PodDouble, messages: int) -> AsyncIterator[None]:
    """Let the tenant runtime's own journal and publisher bring messages of one customer to the bus."""
    settings, added = pod.settings, ReportSignal()
    folder = platform.folder / settings.organization
    folder.mkdir()
    journal = Journal.open(
        folder / "journal.db", organization=settings.organization, instance=settings.instance, on_report=added.set
    )
    await asyncio.to_thread(_fill, journal, messages)
    rules = PublishRules(per_second=lambda: INBOUND_PER_SECOND)
    publisher = Publisher(journal.reports, subjects.inbound(settings.account, settings.instance), added, rules=rules)
    async with connected(platform.nats.url, name="flood") as client:
        publishing = asyncio.create_task(publisher.run(client))
        try:
            yield
        finally:
            await end_tasks(publishing)
            journal.close()


def _fill(journal: Journal, messages: int) -> None:
    chat, now = Jid.of_phone(new_phone()), datetime.now(UTC)
    for number in range(messages):
        message = IncomingMessage(
            whatsapp_id=f"FLOOD{number}",
            chat=chat,
            chat_alias=None,
            sender=chat,
            from_me=False,
            self_chat=False,
            kind=MessageKind.TEXT,
            sent_at=now,
            text="Oi",
        )
        journal.inbound.receive(message)


async def _ask_steadily(pod: PodDouble, seconds: float) -> list[float]:
    """Let a new customer ask every `ASK_SECONDS`; return how long each waited for the answer, in seconds."""
    asked: dict[Jid, float] = {}
    seen, waits = len(pod.sent), list[float]()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or len(waits) < len(asked):
        if time.monotonic() < deadline and time.monotonic() - max(asked.values(), default=0.0) >= ASK_SECONDS:
            phone = new_phone()
            asked[Jid.of_phone(phone)] = time.monotonic()
            pod.receive("Oi", phone)
        waits += [time.monotonic() - asked[request.chat] for request in pod.sent[seen:] if request.chat in asked]
        seen = len(pod.sent)
        await asyncio.sleep(0.001)
    return waits


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


async def main() -> None:
    """Measure everything, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", help="workers, ingest, length, flood (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each measurement (default: %(default)s)")
    parser.add_argument("--messages", type=int, default=1_000, help="customers at once (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="turns of a worker (default: %(default)s)")
    parser.add_argument("--reports", type=int, default=20_000, help="reports in the stream (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=100, help="turns of a round (default: %(default)s)")
    parser.add_argument("--long", type=int, default=100_000, help="messages of the long chat (default: %(default)s)")
    parser.add_argument("--flood", type=int, default=10_000, help="messages of the flood (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=30, help="length of a round beside it (default: %(default)s)")
    options = parser.parse_args()
    configure_logging("bench", "error")
    wanted = options.measures or ["workers", "ingest", "length", "flood"]
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        for name in wanted:
            async with running_platform(Path(folder) / name) as platform:
                await _measure(platform, name, options)


async def _measure(platform: Platform, name: str, options: argparse.Namespace) -> None:
    match name:
        case "workers":
            await measure_workers(platform, options.rounds, options.messages, options.concurrency)
        case "ingest":
            await measure_ingest(platform, options.rounds, options.reports)
        case "length":
            await measure_length(platform, options.rounds, options.turns, SHORT, options.long)
        case "flood":
            await measure_flood(platform, options.rounds, options.seconds, options.flood)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
