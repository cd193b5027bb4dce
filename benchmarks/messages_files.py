"""What a large file costs, in and out: how long texts wait beside it, and what the pod holds meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
from messages_bus import Bus
from run import Distribution

from oxy_core.send_command import FileOrder, SendAnswer, SendOrder, SendState
from oxy_core.tasks import end_tasks
from oxy_dev import sample_files
from oxy_dev.conversation import ask
from oxy_dev.process_memory import MIB, measure
from oxy_dev.stack import Stack
from oxy_simulator.attachments import Document
from oxy_simulator.client import SimulatorClient

FILE_BYTES: Final = 16 << 20
TALKERS: Final = 3
PAUSE_SECONDS: Final = 0.1
"""Between an answer and the next text, so that few texts cross a send (docs/decisions/0012-fillers.md)."""
QUIET_SECONDS: Final = 15.0
SETTLE_SECONDS: Final = 10.0
FILE_SECONDS: Final = 120.0
SAMPLE_SECONDS: Final = 0.1
"""Between two samples of a pod's memory."""
HEADER: Final = (
    "| beside | seconds | texts | frame → bus p50 | p99 | max | phone → phone p50 | p99 | max |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
STATE: Final = "select state, reason from media where direction = 'in' order by created_at desc limit 1"


@dataclass
class Scene:
    """A running stack with workers, and people who talk."""

    stack: Stack
    simulator: SimulatorClient
    bus: Bus
    talkers: list[str] = field(default_factory=list)
    trips: list[float] = field(default_factory=list)
    """Seconds from a question on a phone to the answer there."""
    memory: list[float] = field(default_factory=list)

    @property
    def business(self) -> str:
        """Number of the only instance."""
        return self.stack.tenants[0].spec.phone_number

    def pss(self) -> float:
        """Return the pod's memory in MiB; processes that it started count."""
        return pod_memory(self.stack)

    async def talk(self, phone: str) -> None:
        """Ask again and again until cancelled."""
        for number in range(1_000_000):
            self.trips.append((await ask(self.simulator, phone, self.business, f"question {number}")).seconds)
            await asyncio.sleep(PAUSE_SECONDS)

    async def sample(self) -> None:
        """Note the pod's memory until cancelled."""
        while True:
            self.memory.append(self.pss())
            await asyncio.sleep(SAMPLE_SECONDS)


def pod_memory(stack: Stack) -> float:
    """Return the proportional set size in MiB of the only pod's processes."""
    pid = stack.runtimes[stack.tenants[0].name].pid
    pids = [] if pid is None else [pid, *_children(pid)]
    return sum(found.pss for one in pids if (found := measure(one)) is not None) / MIB


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


async def measure_files(scene: Scene, rounds: int) -> None:
    """Print how long texts take without a file, and while one comes in or goes out; and the pod's memory."""
    scene.talkers = [f"+55119770000{number:02}" for number in range(TALKERS)]
    for phone in scene.talkers:
        await scene.simulator.add_phone(phone, phone[-2:])
        await ask(scene.simulator, phone, scene.business, "hello")
    works = {"nothing": lambda: asyncio.sleep(QUIET_SECONDS), "16 MiB in": _receive, "16 MiB out": _send}
    print(f"\n## Texts beside a file, {TALKERS} people, ms\n")
    print(HEADER)
    rows = []
    for _ in range(rounds):
        for name, work in works.items():
            rows.append(await _beside(scene, name, work if name == "nothing" else (lambda work=work: work(scene))))
    print("\n## Memory of the pod, PSS in MiB\n\n| during | before | at most | 10 s after |\n|---|---|---|---|")
    print("\n".join(rows), flush=True)


async def _beside(scene: Scene, name: str, work: Callable[[], Awaitable[None]]) -> str:
    """Print how texts did while `work` was done; returns the row about memory."""
    last = max(line.number for line in await scene.simulator.accounting())
    scene.trips.clear()
    scene.memory.clear()
    before, started = scene.pss(), time.monotonic()
    tasks = [asyncio.create_task(scene.talk(phone)) for phone in scene.talkers]
    sampling = asyncio.create_task(scene.sample())
    try:
        await asyncio.sleep(1)
        await work()
    finally:
        seconds = time.monotonic() - started
        await end_tasks(*tasks)
    delays = await scene.bus.delays(scene.simulator, after=last, kind="text")
    print(
        f"| {name} | {seconds:.1f} | {len(delays)} | {_cells(delays)} | {_cells(scene.trips)} |",
        flush=True,
    )
    await asyncio.sleep(SETTLE_SECONDS)
    await end_tasks(sampling)
    return f"| {name} | {before:.1f} | {max(scene.memory):.1f} | {scene.pss():.1f} |"


def _cells(seconds: list[float]) -> str:
    found = Distribution.of(seconds)
    return f"{found.p50:.1f} | {found.p99:.1f} | {found.largest:.1f}"


async def _receive(scene: Scene) -> None:
    """Let a customer send a file, and wait until it is stored."""
    phone = "+5511977000099"
    await scene.simulator.add_phone(phone, "Ana")
    file = await scene.simulator.attach(phone, "document", sample_files.document(FILE_BYTES, time.monotonic_ns()))
    message = Document(file=file, mimetype="application/pdf", file_name="exame.pdf")
    await scene.simulator.say(phone, scene.business, message)
    await asyncio.sleep(1)
    connection = await asyncpg.connect(scene.stack.admin_url)
    try:
        async with asyncio.timeout(FILE_SECONDS):
            while (row := await connection.fetchrow(STATE)) is None or row["state"] != "stored":
                if row is not None and row["state"] == "failed":
                    raise RuntimeError(row["reason"])
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _send(scene: Scene) -> None:
    """Have a file sent, and wait until WhatsApp has it."""
    content, tenant = sample_files.document(FILE_BYTES, time.monotonic_ns()), scene.stack.tenants[0]
    order = SendOrder(
        organization=tenant.spec.organization_id,
        instance=tenant.name,
        phone=scene.talkers[0],
        file=FileOrder(name="recibo.pdf", size=len(content)),
        wait_seconds=FILE_SECONDS,
    )
    line = order.model_dump_json(exclude_none=True).encode() + b"\n"
    answer = SendAnswer.model_validate(await scene.stack.admin("send", stdin=line + content))
    if answer.state is not SendState.SENT:
        raise RuntimeError(answer.error)
