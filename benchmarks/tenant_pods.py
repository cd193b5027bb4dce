"""Any number of tenant pods between the simulator and NATS, and a program that answers in place of the workers."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import ConnectionState, LiveState, MessageSeen, Report, SendRequest
from oxy_core.identity import new_id
from oxy_core.jetstream import INBOUND_STREAM
from oxy_core.tasks import end_tasks
from oxy_core.trace import new_trace
from oxy_dev.stack import Stack, petshop, running_stack
from oxy_operator.decide.instance import Instance
from oxy_simulator.client import SimulatorClient
from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT

CUSTOMERS: Final = 20
ABSENT: Final = ("aiohttp", "rich")
PURGE_SECONDS: Final = 0.5
POLL_SECONDS: Final = 0.02
WAIT_SECONDS: Final = 600.0


@dataclass
class Pods:
    """Running pods; `answering` says whether each message is answered."""

    stack: Stack
    simulator: SimulatorClient
    client: Client
    answering: bool = False
    received: int = 0
    """Messages that the pods have published."""
    settled: int = 0
    """Results of answers that the pods have published."""
    states: dict[str, tuple[float, LiveState]] = field(default_factory=dict)
    """The newest live state of each instance, and when it came on the monotonic clock."""

    @property
    def tenants(self) -> tuple[Instance, ...]:
        """The instances, each with one pod."""
        return self.stack.tenants

    def pid(self, tenant: Instance) -> int:
        """Return the process id of an instance's pod."""
        pid = self.stack.runtimes[tenant.name].pid
        if pid is None:
            message = f"the pod of {tenant.name} does not run"
            raise RuntimeError(message)
        return pid

    async def heard(self, message: Msg) -> None:
        """Count a report, and answer it."""
        if b'"type":"send_result"' in message.data:
            self.settled += 1
        elif b'"type":"message"' in message.data:
            self.received += 1
            if self.answering:
                await self._answer(message)

    async def _answer(self, message: Msg) -> None:
        report, sender = Report.decode(message.data), subjects.sender_of(message.subject)
        if isinstance(report.body, MessageSeen):
            request = SendRequest(
                id=new_id(),
                organization=report.organization,
                instance=report.instance,
                chat=report.body.chat,
                text=f"eco: {report.body.text}",
                created_at=datetime.now(UTC),
                trace=new_trace(),
            )
            await self.client.publish(subjects.out(*sender), request.encode())

    async def hear(self, customers: "Customers", count: int, rate: float) -> None:
        """Have customers write `count` messages at `rate` a second, and wait until all are on the bus, and answered."""
        received, settled = self.received, self.settled
        await customers.write(count, rate)
        await until(lambda: self.received - received >= count, f"{count} messages on the bus")
        if self.answering:
            await until(lambda: self.settled - settled >= count, f"{count} answers sent")

    async def noted(self, message: Msg) -> None:
        """Note a live state."""
        state = LiveState.decode(message.data)
        self.states[state.instance] = time.monotonic(), state

    async def connected_since(self, tenant: Instance, moment: float) -> float:
        """Wait until a pod says, after `moment` on the monotonic clock, that it is connected; return when it did."""

        def found() -> bool:
            at, state = self.states.get(tenant.name, (0.0, None))
            return state is not None and at > moment and state.connection is ConnectionState.CONNECTED

        await until(found, f"{tenant.name} connected")
        return self.states[tenant.name][0]

    async def drain(self) -> None:
        """Empty the stream now and then: a consumer's work would take the processor from the pods."""
        while True:
            await self.client.jetstream().purge_stream(INBOUND_STREAM)
            await asyncio.sleep(PURGE_SECONDS)


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers who write to businesses in turn."""

    simulator: SimulatorClient
    phones: tuple[str, ...]
    businesses: tuple[str, ...]

    @classmethod
    async def of(cls, pods: Pods, prefix: str, tenants: tuple[Instance, ...] | None = None) -> "Customers":
        """Add twenty phones, which write to all `tenants`; `prefix` is four digits that no others have."""
        phones = tuple(f"+55119{prefix}{number:04}" for number in range(CUSTOMERS))
        for phone in phones:
            await pods.simulator.add_phone(phone, phone[-2:])
        return cls(pods.simulator, phones, tuple(tenant.spec.phone_number for tenant in tenants or pods.tenants))

    async def write(self, count: int, rate: float) -> None:
        """Start writing `count` texts, `rate` a second."""
        await self.simulator.load(self.phones, list(self.businesses), count, rate)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; raises TimeoutError naming `what`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            message = f"not within {WAIT_SECONDS:.0f} s: {what}"
            raise TimeoutError(message)
        await asyncio.sleep(POLL_SECONDS)


def businesses(count: int) -> tuple[Instance, ...]:
    """Return instances of `count` organizations."""
    return tuple(
        petshop(
            f"shop-{number}",
            organizationId=f"shop-{number}",
            phoneNumber=f"+55119870{number:05}",
            # So that two hundred lost connections in a row are not met with more and more patience.
            reconnect={"baseDelaySeconds": 1, "multiplier": "1", "maxDelaySeconds": 1, "maxAttempts": 1000},
        )
        for number in range(count)
    )


def hide_absent_packages(folder: Path) -> str:
    """Make packages that cannot be imported, and return what their folder is called.

    Libraries of a pod import some packages if they find them. The image does not have these, and development does.
    """
    for name in ABSENT:
        package = folder / name
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(f"raise ImportError({name!r})\n")
    return str(folder)


def compile_as_for_the_image() -> None:
    """Have the code of a pod compiled before one is measured: one that compiles for itself takes 2 MiB more."""
    writing = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = "import oxy_tenant.process; from oxy_tenant.links.neonize import adapter, library; library.load_library()"
    subprocess.run([sys.executable, "-c", program], env={**writing, **LIBRARY_ENVIRONMENT}, check=True)


@asynccontextmanager
async def running_pods(folder: Path, count: int) -> AsyncIterator[Pods]:
    """Run `count` pods, linked and connected; the worker that the stack needs to start is stopped."""
    stack, hidden = Stack(folder, tenants=businesses(count)), hide_absent_packages(folder / "absent")
    for runtime in stack.runtimes.values():
        path = os.pathsep.join((hidden, runtime.environment["PYTHONPATH"]))
        runtime.environment = {**runtime.environment, "PYTHONPATH": path}
    async with (
        running_stack(stack),
        SimulatorClient(stack.control_url) as simulator,
        connected(stack.nats.url, stack.platform_credentials, name="bench", within=10) as client,
    ):
        for worker in stack.worker_programs:
            worker.stop()
        pods = Pods(stack, simulator, client)
        await client.subscribe(subjects.INBOUND_ALL, cb=pods.heard)
        await client.subscribe(subjects.STATE_ALL, cb=pods.noted)
        drain = asyncio.create_task(pods.drain())
        try:
            yield pods
        finally:
            await end_tasks(drain)
