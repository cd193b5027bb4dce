"""Gathers what is known at the end of a run: from the phones, the pods' journals, the database and the processes."""

import asyncio
import re
import sqlite3
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
from chaos.audit import Entry, Evidence, Sent, Stored
from chaos.breaking import Happened
from chaos.people import Person
from chaos.system import SHOPS, System, phase
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_core.jetstream import INBOUND_STREAM
from oxy_dev.cluster.errors import ApiError
from oxy_simulator.client import SimulatorClient

_Found = TypeVar("_Found")

MIB: Final = 1 << 20
BUS_SECONDS: Final = 60.0
"""Longest wait for the bus to let a look in."""
LOOKS: Final = 30
"""How often what a server refuses, or what a process does not say in time, is asked for again, a second apart."""
REFUSALS: Final = (ApiError, asyncpg.PostgresError, asyncpg.InterfaceError, BusError, NatsError, OSError)
"""What a look meets at a server that is down, starts or is slow: it has seen nothing, and is repeated."""
_NEVER: Final = re.compile(r"oxy_(\w*violations\w*|ai_wakeups_recovered_total)(\{\S*\})? [^0]")
_CRASH: Final = re.compile(r"PANIC:|LOG:  .* was terminated by|because data directory lock file is invalid")
"""What PostgreSQL logs when it ends sessions without being told to: no fault kills one of its processes alone."""
_BUG: Final = re.compile(r'"event": "(runtime_crashed|link_callback_failed|part_failed|wakeups_recovered)"')
"""Nothing explains these. A killed worker's metrics are gone, but what it logged is not."""
BOUNDS: Final = {"worker": 768 * MIB, "operator": 512 * MIB, "shop": 160 * MIB}
"""Most memory of a process, resident: the limits that chart and operator set."""

OPEN_WORK: Final = """
select (select count(*) from outbox where state in ('pending', 'accepted'))
     + (select count(*) from messages where author = 'customer' and state = 'open')
"""
VIOLATIONS: Final = "select ledger_violations(interval '1 minute')"
MESSAGES: Final = """
select whatsapp_id, author, state::text as state, coalesce(reason, '') as reason, turn_id as turn, placeholder,
    id as number
from messages where whatsapp_id is not null
"""
OUTBOX: Final = """
select coalesce(whatsapp_id, '') as whatsapp_id, turn_id as turn, part, state, body from outbox
"""
BOOKINGS: Final = "select subject, count(*) from bookings where status <> 'cancelled' group by subject"


async def gather(
    system: System, simulator: SimulatorClient, people: Sequence[Person], faults: Sequence[Happened]
) -> Evidence:
    """Return everything that `audit.judge` compares."""
    inboxes = {person.phone: await _inbox(simulator, person.phone) for person in people}
    lines = await simulator.accounting()
    receipted = (line.id for line in lines if {"receipted", "acked"} & set(line.stages))
    losses = [await asyncio.to_thread(_losses, system, shop.name) for shop in SHOPS]
    messages, outbox, bookings = await answered(lambda: _ask(system, MESSAGES, OUTBOX, BOOKINGS))
    return Evidence(
        inboxes=inboxes,
        stored=[Stored(**{**row, "state": row["state"] or ""}) for row in messages],
        outbox=[Sent(**row) for row in outbox],
        bookings={row[0]: row[1] for row in bookings},
        received=frozenset(receipted),
        losses=frozenset().union(*losses),
        faults=faults,
    )


async def answered(ask: Callable[[], Awaitable[_Found]]) -> _Found:
    """Ask until there is an answer; raises what the last of many attempts met."""
    for _ in range(LOOKS):
        try:
            return await ask()
        except REFUSALS:
            await asyncio.sleep(1.0)
    return await ask()


async def _ask(system: System, *queries: str) -> list[list[asyncpg.Record]]:
    """Return the rows of each query, of one moment as good as."""
    connection = await asyncpg.connect(system.admin_url)
    try:
        return [await connection.fetch(query) for query in queries]
    finally:
        connection.terminate()  # whatever becomes of it, the answer is here


async def _inbox(simulator: SimulatorClient, phone: str) -> list[Entry]:
    found = await simulator.inbox(phone)
    return [
        Entry(message.id, message.text, message.from_me, message.at, message.duplicate)
        for message in found
        if message.kind != "reaction"
    ]


def _losses(system: System, shop: str) -> list[str]:
    return [str(row[0]) for row in _ask_journal(system, shop, "select whatsapp_id from losses")]


def _ask_journal(system: System, shop: str, query: str) -> list[tuple[object, ...]]:
    file = system.session(shop) / "journal.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
        return journal.execute(query).fetchall()


async def unquiet(system: System, simulator: SimulatorClient) -> list[str]:
    """Return what is still under way, or why nobody can say; empty when everything rests."""
    try:
        return await _unquiet(system, simulator)
    except REFUSALS as error:
        return [f"a server cannot be asked: {type(error).__name__}: {error}", *crashes(system)]


async def _unquiet(system: System, simulator: SimulatorClient) -> list[str]:
    found = [f"{shop.name} is {now}" for shop in SHOPS if (now := await phase(system, shop)) != "Connected"]
    phones = {phone.phone: phone for phone in (await simulator.state()).phones}
    for shop in SHOPS:
        found += (
            f"{shop.name}'s client: {device.waiting} messages wait, online: {device.online}"
            for device in phones[shop.phone.removeprefix("+")].devices
            if device.waiting or not device.online
        )
        found += await asyncio.to_thread(_unpublished, system, shop.name)
    found += await _under_way(system)
    return found


def _unpublished(system: System, shop: str) -> list[str]:
    queries = {
        "reports to publish": "select count(*) from reports where published = 0",
        "open sends": "select count(*) from sends where ended_at is null",
    }
    counts = {name: int(str(_ask_journal(system, shop, query)[0][0])) for name, query in queries.items()}
    return [f"{shop}'s journal: {count} {name}" for name, count in counts.items() if count]


async def _under_way(system: System) -> list[str]:
    [[[work]], [[violations]]] = await _ask(system, OPEN_WORK, VIOLATIONS)
    async with connected(system.nats.url, system.platform_file, name="evidence", within=BUS_SECONDS) as client:
        try:
            waiting = (await client.jetstream().stream_info(INBOUND_STREAM)).state.messages
        except NotFoundError:
            return ["the bus that lost its volume has no stream for reports yet"]
    found = [f"{work} messages or texts are open, {violations} violate the ledger"] if work or violations else []
    return [*found, *([f"{waiting} reports wait on the bus"] if waiting else [])]


async def processes(system: System) -> list[str]:
    """Return which processes do not run, are not ready, ended without being ended, or count what must not happen.

    A process that a busy machine does not let answer in time is asked again, and so are operators without a leader.
    """
    for _ in range(LOOKS):
        if not (found := await asyncio.to_thread(_processes, system)):
            return []
        await asyncio.sleep(1.0)
    return found


def _processes(system: System) -> list[str]:
    found = [f"{log.name}: {line[:300]}" for log in (system.folder / "logs").iterdir() for line in _bugs(log)]
    leaders = 0
    for name, member in system.members.items():
        metrics = page(member.port, "metrics") or ""
        leaders += "oxy_operator_leads 1.0" in metrics.splitlines()
        found += (f"{name}: {line}" for line in never_in(metrics))
        if member.program.exit_code is not None:
            found.append(f"{name} ended with {member.program.exit_code}")
        elif name.startswith("worker") and (member.exits or page(member.port, "readyz") is None):
            found.append(f"{name} ended by itself: {member.exits}, ready: {page(member.port, 'readyz')}")
    return found if leaders == 1 else [*found, f"{leaders} operators lead"]


def lost_without_a_kill(system: System) -> list[str]:
    """Return which shops' pods lost messages although none was killed: a stop loses nothing."""
    killed = {name for name, _, status in (ended.rpartition(" ") for ended in system.kubelet.exits) if status == "-9"}
    lost = {shop.name: len(_losses(system, shop.name)) for shop in SHOPS if shop.name not in killed}
    return [f"{shop} lost {count} messages, and none of its pods was killed" for shop, count in lost.items() if count]


def crashes(system: System) -> list[str]:
    """Return what PostgreSQL's servers say of ends that nobody has caused."""
    logs = sorted((system.folder / "postgres").glob("*/postgres.log"))
    return [f"PostgreSQL {log.parent.name}: {line}" for log in logs for line in crashes_in(_text(log))]


def crashes_in(log: str) -> list[str]:
    """Return the lines of a PostgreSQL server's log that tell of a crash."""
    return [line for line in log.splitlines() if _CRASH.search(line)]


def _text(log: Path) -> str:
    return log.read_text(errors="replace")


def _bugs(log: Path) -> list[str]:
    return bugs_in(_text(log))


def bugs_in(log: str) -> list[str]:
    """Return the lines of a log that no outage explains."""
    return [line for line in log.splitlines() if _BUG.search(line)]


def never_in(metrics: str) -> list[str]:
    """Return the lines of a page of metrics that count what must not happen."""
    return [line for line in metrics.splitlines() if _NEVER.match(line)]


def page(port: int, name: str) -> str | None:
    """Return a page of a process's probe server; None if it does not serve it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 the kernel's
            found = re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def sizes(system: System) -> dict[str, int]:
    """Return the resident memory of every Python process, by name."""
    programs = {name: member.program for name, member in system.members.items()}
    programs |= {name: pod.program for name, pod in system.kubelet.pods.items()}
    return {name: resident(one.pid) for name, one in programs.items() if one.pid is not None and one.exit_code is None}


def too_big(largest: dict[str, int]) -> list[str]:
    """Return which processes grew beyond their bounds."""
    return [f"{name} had {size // MIB} MiB" for name, size in largest.items() if size > BOUNDS[name.partition("-")[0]]]
