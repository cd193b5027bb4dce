"""Measures the WhatsApp simulator alone and prints its tables of docs/benchmarks.md.

The simulator is a process of its own on one core; this process is the client on another: many sans-IO companions.
The machine may be shared, so what counts is CPU time per message; messages a second are also given as they came.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oxy_dev.process_memory import MIB, measure
from oxy_simulator.client import SimulatorClient
from oxy_simulator.companion import Acknowledged, CodesShown, Companion, Event, Online, Receipt, Received
from oxy_simulator.companion_socket import CompanionSocket
from oxy_simulator.jid import Jid

SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1
PATIENCE: Final = 600.0
STAGES: Final = Path(__file__).with_name("simulator_stages.py")
STAGES_FILE: Final = "stages.json"
LINKED_AT_ONCE: Final = 8
WINDOW: Final = 4  # messages that a companion has on the way before it waits for acknowledgements

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_FIRST_PHONE: Final = 5511910000000
_FIRST_ACCOUNT: Final = 5511810000000


@dataclass
class Tally:
    """What all companions saw."""

    received: int = 0
    acknowledged: int = 0
    receipts: int = 0
    online: int = 0
    delays: list[float] = field(default_factory=list)


class Device:
    """One companion and its connection."""

    def __init__(self, tally: Tally, fleet: "Fleet", phone: str) -> None:
        self.phone = phone
        self.codes: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.online = asyncio.Event()
        self.room = asyncio.Semaphore(WINDOW)
        self.contacts: list[Jid] = []
        self._tally = tally
        self.companion = Companion(fleet.root, self._take, fleet.prekeys)
        self.socket = CompanionSocket(self.companion, fleet.proxy, fleet.ca_file)

    def back(self) -> None:
        """Connect."""
        self._running = asyncio.create_task(self.stay_connected())

    async def away(self) -> None:
        """Disconnect."""
        self._running.cancel()
        await asyncio.wait([self._running])
        self.online.clear()

    async def stay_connected(self) -> None:
        """Connect again whenever the connection ends, as clients do."""
        while True:
            try:
                await self.socket.run()
            except OSError:
                await asyncio.sleep(0.2)
            self.online.clear()

    async def write(self, count: int, text: str) -> None:
        """Send texts to the contacts in turn, a few at a time."""
        for number in range(count):
            await self.room.acquire()
            contact = self.contacts[number % len(self.contacts)]
            self.companion.send_text(contact, text, f"3EB0{os.urandom(9).hex().upper()}")

    def _take(self, event: Event) -> None:
        if isinstance(event, Received):
            text = event.message.conversation
            if text:
                self._tally.received += 1
                self._tally.delays.append(time.time() - float(text.partition(" ")[0]))
        elif isinstance(event, Acknowledged):
            self._tally.acknowledged += 1
            self.room.release()
        elif isinstance(event, Receipt):
            self._tally.receipts += 1
        elif isinstance(event, CodesShown) and not self.codes.done():
            self.codes.set_result(event.codes[0])
        elif isinstance(event, Online):
            self._tally.online += 1
            self.online.set()


@dataclass
class Fleet:
    """A simulator in another process, and companions in this one."""

    pid: int
    api: SimulatorClient
    proxy: str
    ca_file: Path
    root: bytes
    prekeys: int
    tally: Tally = field(default_factory=Tally)
    phones: list[str] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    async def add_phones(self, count: int) -> float:
        """Add phones; return the milliseconds that the last hundred took each."""
        started = time.perf_counter()
        for number in range(count):
            if number == count - 100:
                started = time.perf_counter()
            self.phones.append((await self.api.add_phone(str(_FIRST_PHONE + number))).phone)
        return (time.perf_counter() - started) / min(count, 100) * 1000

    async def link(self, count: int) -> None:
        """Link companions, each to an account of its own, and wait until they are online."""
        slots = asyncio.Semaphore(LINKED_AT_ONCE)
        lids = {view.phone: view.lid for view in await self.api.phones()}

        async def link_one(number: int) -> None:
            async with slots:
                phone = str(_FIRST_ACCOUNT + number)
                await self.api.add_phone(phone)
                device = Device(self.tally, self, phone)
                contacts = self.phones[number::count]
                device.contacts = [Jid(lids[contact].partition("@")[0], "lid") for contact in contacts]
                self.devices.append(device)
                device.back()
                await self.api.link(phone, qr=await device.codes)
                await device.online.wait()

        await asyncio.gather(*(link_one(number) for number in range(count)))
        self.devices.sort(key=lambda device: device.phone)

    async def stages(self) -> dict[str, float]:
        """Return the seconds of CPU of each stage since they were last counted."""
        file = self.ca_file.with_name(STAGES_FILE)
        file.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR2)
        await self.until(file.exists)
        counted: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
        return counted

    def state_size(self) -> float:
        """Return how large the state folder is on disk, in MiB."""
        return sum(file.stat().st_size for file in self.ca_file.parent.glob("state.db*")) / MIB

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until a condition on what the companions saw holds; raise TimeoutError if it does not in time."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - counters ring no event
                await asyncio.sleep(0.02)

    async def until_idle(self) -> None:
        """Wait until the simulator's load is sent."""
        async with asyncio.timeout(PATIENCE):
            while (await self.api.state()).load_running:  # noqa: ASYNC110 - another process rings no event
                await asyncio.sleep(0.2)

    async def receive(self, count: int, rate: float = 0.0) -> None:
        """Let the phones write to the companions, each to the same one always, until all is read."""
        expected = self.tally.received + count
        await self.api.load(self.phones, [device.phone for device in self.devices], count, rate, "{time} Olá! {index}")
        await self.until(lambda: self.tally.received >= expected)

    async def send(self, count: int) -> None:
        """Let the companions write to their contacts until all is acknowledged and every receipt is there."""
        # The contact's delivery receipt, and that of the account's own phone.
        expected = self.tally.receipts + 2 * count
        each = count // len(self.devices)
        await asyncio.gather(*(device.write(each, "Olá, tudo bem?") for device in self.devices))
        await self.until(lambda: self.tally.receipts >= expected)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used up to now: seconds of CPU, and by the clock."""

    cpu: float
    at: float

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Read a process's CPU time, of all its threads."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls((int(fields[11]) + int(fields[12])) / _TICKS, time.perf_counter())


def print_rate(name: str, count: int, before: Usage, after: Usage) -> None:
    """Print a row: what `count` messages cost the server."""
    cpu, seconds = after.cpu - before.cpu, after.at - before.at
    cells = (
        f"{cpu / count * 1e6:.0f}",
        f"{count / cpu:,.0f}",
        f"{count / seconds:,.0f}",
        f"{cpu / seconds * 100:.0f} %",
    )
    print(f"| {name} | {count:,} | {' | '.join(cells)} |")


def percentiles(seconds: Sequence[float]) -> str:
    """Return the median and the 99th percentile, in milliseconds, as cells."""
    ordered = sorted(seconds)
    return f"{statistics.median(ordered) * 1000:.1f} | {ordered[int(len(ordered) * 0.99)] * 1000:.1f}"


def memory(pid: int) -> float:
    """Return a process's proportional set size in MiB."""
    found = measure(pid)
    return found.pss / MIB if found else 0.0


async def measure_throughput(fleet: Fleet, count: int) -> None:
    """Print what messages cost in both directions."""
    # Each conversation's first message opens its Signal session; that is not what is measured.
    await fleet.receive(len(fleet.phones))
    await fleet.send(len(fleet.phones))
    print("\n## Throughput\n\n| direction | messages | CPU, µs each | messages/s of one core | messages/s | CPU used |")
    print("|---|---|---|---|---|---|")
    for name, act in (("phone → companion", fleet.receive), ("companion → phone", fleet.send)):
        before = Usage.of(fleet.pid)
        await act(count)
        print_rate(name, count, before, Usage.of(fleet.pid))


async def measure_stages(fleet: Fleet, count: int) -> None:
    """Print how much CPU each stage of a message takes, in both directions."""
    columns = []
    for act in (fleet.receive, fleet.send):
        os.kill(fleet.pid, signal.SIGUSR1)
        await act(count)
        columns.append(await fleet.stages())
    print("\n## CPU by stage, µs for each message\n\n| stage | phone → companion | companion → phone |\n|---|---|---|")
    names = sorted({name for column in columns for name in column}, key=lambda name: -columns[0].get(name, 0.0))
    for name in names:
        print(f"| {name} | {' | '.join(f'{column.get(name, 0.0) / count * 1e6:.0f}' for column in columns)} |")
    print(f"| **all** | {' | '.join(f'{sum(column.values()) / count * 1e6:.0f}' for column in columns)} |")


async def measure_delay(fleet: Fleet, count: int, rate: float) -> None:
    """Print how long messages take from the phone's sending to the companion's reading."""
    fleet.tally.delays.clear()
    await fleet.receive(count, rate)
    print(f"\n## Delay at {rate:.0f} messages/s, ms\n\n| | p50 | p99 |\n|---|---|---|")
    print(f"| phone → companion, decrypted | {percentiles(fleet.tally.delays)} |")


async def measure_slope(fleet: Fleet, minutes: int, rate: float) -> None:
    """Print minute by minute how memory and the state folder grow under steady traffic in both directions.

    Nine messages in ten go from a phone to a companion, one the other way.
    """
    print(f"\n## Memory and state, {rate:.0f} messages/s\n\n| minute | messages | PSS, MiB | state folder, MiB |")
    print("|---|---|---|---|")
    samples: list[tuple[float, float, float]] = []
    started, total = time.perf_counter(), 0
    inbound, outbound = round(rate * 54), -(-round(rate * 6) // len(fleet.devices)) * len(fleet.devices)
    for minute in range(minutes + 1):
        elapsed = (time.perf_counter() - started) / 60
        samples.append((elapsed, memory(fleet.pid), fleet.state_size()))
        print(f"| {elapsed:.1f} | {total:,} | {samples[-1][1]:.1f} | {samples[-1][2]:.1f} |", flush=True)
        if minute < minutes:
            await fleet.receive(inbound, rate)
            await fleet.send(outbound)
            total += inbound + outbound
    print("\n| MiB a minute | memory | state folder |\n|---|---|---|")
    print(f"| all {minutes} minutes | {slope(samples, 1):.2f} | {slope(samples, 2):.2f} |")
    half = samples[len(samples) // 2 :]
    print(f"| the second half | {slope(half, 1):.2f} | {slope(half, 2):.2f} |")


def slope(samples: Sequence[tuple[float, float, float]], column: int) -> float:
    """Return how much a column grows a minute, by linear regression."""
    return statistics.linear_regression([sample[0] for sample in samples], [sample[column] for sample in samples]).slope


async def measure_reconnects(fleet: Fleet) -> None:
    """Print how long all companions need to be back after the network was down."""
    await fleet.api.fault("down")
    await fleet.until(lambda: not any(device.online.is_set() for device in fleet.devices))
    before, started = Usage.of(fleet.pid), time.perf_counter()
    await fleet.api.fault("up")
    await fleet.until(lambda: all(device.online.is_set() for device in fleet.devices))
    cpu = Usage.of(fleet.pid).cpu - before.cpu
    count = len(fleet.devices)
    print(f"\n## {count} companions reconnect at once\n\n| seconds until all are online | CPU, ms each |\n|---|---|")
    print(f"| {time.perf_counter() - started:.1f} | {cpu / count * 1000:.1f} |")


async def measure_offline_queue(fleet: Fleet, count: int) -> None:
    """Print how a companion that was away gets what all phones wrote to it in the meantime."""
    device = fleet.devices[0]
    await device.away()
    before = Usage.of(fleet.pid)
    await fleet.api.load(fleet.phones, device.phone, count, 0.0, "{time} Olá! {index}")
    await fleet.until_idle()
    queued, expected = Usage.of(fleet.pid), fleet.tally.received + count
    mib = memory(fleet.pid)
    device.back()
    await fleet.until(lambda: fleet.tally.received >= expected)
    after = Usage.of(fleet.pid)
    print(f"\n## {count:,} messages of {len(fleet.phones):,} phones wait for one companion\n")
    print("| CPU, µs to queue each | µs to deliver each | seconds to deliver all | MiB with the queue |")
    print("|---|---|---|---|")
    each = [(later.cpu - earlier.cpu) / count * 1e6 for earlier, later in ((before, queued), (queued, after))]
    cells = (*each, after.at - queued.at, mib)
    print("| " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")


async def run(options: argparse.Namespace) -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory(prefix="oxy-benchmark-") as folder:
        async with serving(Path(folder), options) as fleet:
            print("## Memory\n\n| | PSS, MiB |\n|---|---|")
            print(f"| simulator, empty | {memory(fleet.pid):.0f} |")
            each = await fleet.add_phones(options.phones)
            name = f"with {options.phones:,} phones (the last ones added in {each:.1f} ms each)"
            print(f"| {name} | {memory(fleet.pid):.0f} |")
            await fleet.link(options.companions)
            name = f"and {options.companions} connected companions, {options.prekeys} prekeys each"
            print(f"| {name} | {memory(fleet.pid):.0f} |")
            sys.stdout.flush()
            await measure_throughput(fleet, options.messages)
            if options.stages:
                await measure_stages(fleet, options.messages)
            print(f"\nMemory after that: {memory(fleet.pid):.0f} MiB.")
            sys.stdout.flush()
            await measure_delay(fleet, options.messages // 4, options.rate)
            await measure_reconnects(fleet)
            await measure_offline_queue(fleet, options.queue)
            sys.stdout.flush()
            if options.minutes:
                await measure_slope(fleet, options.minutes, options.steady_rate)
            violations = await fleet.api.violations()
            print(f"\nProtocol violations: {len(violations)}", *violations[:3])


@asynccontextmanager
async def serving(folder: Path, options: argparse.Namespace) -> AsyncIterator[Fleet]:
    """Run a simulator on a core of its own."""
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable]
    command += ["-m", "cProfile", "-o", str(options.profile)] if options.profile else []
    command += [str(STAGES), str(folder / STAGES_FILE)] if options.stages else ["-m", "oxy_simulator"]
    command += ["serve", "--proxy-port", "0", "--control-port", "0", "--state", str(folder)]
    command += ["--log-level", "error"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    if process.stdout is None:
        msg = "the simulator's output is not piped"
        raise RuntimeError(msg)
    ports = json.loads(await process.stdout.readline())
    os.sched_setaffinity(0, {CLIENT_CORE})
    root = bytes.fromhex((folder / "noise-root.hex").read_text().strip())
    async with SimulatorClient(f"http://127.0.0.1:{ports['control']}") as api:
        proxy = f"http://127.0.0.1:{ports['proxy']}"
        fleet = Fleet(process.pid, api, proxy, folder / "ca.crt", root, options.prekeys)
        try:
            yield fleet
        finally:
            for device in fleet.devices:
                await device.away()
            process.terminate()
            await process.wait()


def main() -> None:
    """Measure what the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companions", type=int, default=500)
    parser.add_argument("--phones", type=int, default=5000)
    parser.add_argument("--prekeys", type=int, default=812)
    parser.add_argument("--messages", type=int, default=40_000, help="in each direction, for throughput")
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second for delay")
    parser.add_argument("--steady-rate", type=float, default=300.0, help="messages a second for memory")
    parser.add_argument("--queue", type=int, default=20_000, help="messages that wait for one companion")
    parser.add_argument("--minutes", type=int, default=10, help="of steady traffic for memory; 0 leaves it out")
    parser.add_argument("--stages", action="store_true", help="tell also what each stage of a message takes")
    parser.add_argument("--profile", type=Path, help="write a cProfile of the simulator here")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
