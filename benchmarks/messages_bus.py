"""What the bus has of an instance's reports, and when: the far end of the way from a frame to an acknowledgement."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import StorageType, StreamConfig

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import MessageSeen, Report
from oxy_core.jetstream import INBOUND_STREAM
from oxy_core.tasks import end_tasks
from oxy_dev.stack import Stack
from oxy_simulator.client import SimulatorClient

PURGE_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.02
MESSAGE: Final = b'"type":"message"'
PROBE_STREAM: Final = "BENCH"
PROBE_SECONDS: Final = 0.2


@dataclass
class Bus:
    """Every report as the bus gets it, by the clock that the simulator uses too."""

    client: Client
    arrived: dict[str, float] = field(default_factory=dict)
    """By WhatsApp id: when the server passed it on."""
    probes: list[float] = field(default_factory=list)
    """Seconds from when a message was passed on until its publisher had the acknowledgement."""
    _raw: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Messages so far."""
        return len(self._raw) + len(self.arrived)

    async def heard(self, message: Msg) -> None:
        """Note the report of a message; it is read when nothing is measured."""
        if MESSAGE in message.data:
            self._raw.append((time.time(), message.data))

    def read(self) -> dict[str, float]:
        """Return when each message arrived."""
        for at, data in self._raw:
            body = Report.decode(data).body
            if isinstance(body, MessageSeen):
                self.arrived.setdefault(body.whatsapp_id, at)
        self._raw.clear()
        return self.arrived

    async def delays(self, simulator: SimulatorClient, *, after: int, kind: str | None = None) -> list[float]:
        """Return the seconds from frame to bus of what phones wrote since a life line, or of one kind of it."""
        lines, arrived = await simulator.accounting(after=after), self.read()
        return [
            arrived[line.id] - line.stages["relayed"]
            for line in lines
            if line.direction == "inbound" and line.id in arrived and kind in {None, line.kind}
        ]

    async def reach(self, count: int, seconds: float) -> None:
        """Wait until there are `count` messages."""
        deadline = time.monotonic() + seconds
        while self.count < count:
            if time.monotonic() > deadline:
                message = f"{self.count} of {count} messages after {seconds:.0f} s"
                raise TimeoutError(message)
            await asyncio.sleep(POLL_SECONDS)

    async def drain(self) -> None:
        """Empty the stream now and then: a consumer's work would take the processor from the pod that is measured."""
        while True:
            await self.client.jetstream().purge_stream(INBOUND_STREAM)
            await asyncio.sleep(PURGE_SECONDS)

    async def probe(self) -> None:
        """Publish to a stream of our own and note how long after the server passed it on the acknowledgement comes."""
        stream = self.client.jetstream()
        await stream.add_stream(
            StreamConfig(name=PROBE_STREAM, subjects=["bench.probe"], storage=StorageType.FILE, max_msgs=10)
        )
        passed: asyncio.Queue[float] = asyncio.Queue()

        async def heard(_: Msg) -> None:
            passed.put_nowait(time.time())

        await self.client.subscribe("bench.probe", cb=heard)
        while True:
            await stream.publish("bench.probe", bytes(600))
            acknowledged = time.time()
            self.probes.append(acknowledged - await passed.get())
            await asyncio.sleep(PROBE_SECONDS)


@asynccontextmanager
async def listening(stack: Stack, *, draining: bool) -> AsyncIterator[Bus]:
    """Listen to all reports; with `draining` nobody keeps them, and no worker may run."""
    async with connected(stack.nats.url, stack.platform_credentials, name="bench", within=10) as client:
        bus, tasks = Bus(client), []
        await client.subscribe(subjects.INBOUND_ALL, cb=bus.heard)
        if draining:
            tasks = [asyncio.create_task(bus.drain()), asyncio.create_task(bus.probe())]
        try:
            yield bus
        finally:
            await end_tasks(*tasks)
