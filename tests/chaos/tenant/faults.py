"""Makes the faults of a plan happen to one tenant, each at its time."""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Final

from chaos.breaking import Breaking, stopped_for
from chaos.plan import Fault, Kind
from chaos.tenant.plan import NATS, OF_A_CONNECTION, TENANT, VolumeKind
from chaos.tenant.system import BUSINESS, System, devices

from oxy_simulator.client import SimulatorClient
from oxy_simulator.faultkind import SERVER_KINDS, FaultKind
from oxy_simulator.mediadesk import MediaFaultKind

CONNECTION_SECONDS: Final = 10.0
"""How long a fault waits for a connection that it can break."""


@dataclass(eq=False)
class TenantFaults(Breaking):
    """Breaks what a tenant stands on, and mends it."""

    system: System
    simulator: SimulatorClient
    still: list[tuple[float, float]] = field(default_factory=list)
    """When the tenant's process stood still, by the event loop's clock."""

    async def act(self, fault: Fault) -> bool:
        """Let a fault happen, and mend it; return whether there was something to break."""
        met = await self._is_there(fault)
        await self._act(fault)
        return met

    async def _is_there(self, fault: Fault) -> bool:
        """Whether there is what a fault hits: a connection, for which it waits, or the tenant's process."""
        if fault.kind in OF_A_CONNECTION:
            return await self._connected_in_time()
        return fault.target != TENANT or fault.kind is Kind.CLOCK or self.system.pod.program.exit_code is None

    async def _act(self, fault: Fault) -> None:
        match fault.kind:
            case MediaFaultKind():
                await self.simulator.media_fault(fault.kind, **dict(fault.options))
            case FaultKind.DOWN:
                await self._be_down(fault)
            case FaultKind():
                await self._break_whatsapp(fault)
            case VolumeKind.FULL:
                await self._fill_volume(fault)
            case Kind.CLOCK:
                await self.move(self.system.clock, fault)
            case Kind.PAUSE:
                await self._pause(fault)
            case Kind.KILL | Kind.TERMINATE if fault.target == NATS:
                await self._end_nats(fault)
            case Kind.KILL | Kind.TERMINATE:
                how = signal.SIGKILL if fault.kind is Kind.KILL else signal.SIGTERM
                await self.system.pod.end(how, fault.seconds, standing_still=self.stood_still)
            case _:
                await self.cut(self.system.links[fault.target], fault)

    def stood_still(self) -> float:
        """Return for how many seconds in all the tenant's process was stopped; pauses may overlap."""
        total, until, now = 0.0, 0.0, asyncio.get_running_loop().time()
        for began, ended in sorted(self.still):
            total += max(min(ended, now) - max(began, until), 0.0)
            until = max(until, ended)
        return total

    async def _break_whatsapp(self, fault: Fault) -> None:
        phone = None if fault.kind in SERVER_KINDS else BUSINESS
        await self.simulator.fault(FaultKind(fault.kind), phone, **dict(fault.options))
        await asyncio.sleep(fault.seconds)

    async def _connected_in_time(self) -> bool:
        """Wait for a connection, though not for long: something else may keep the tenant from one."""
        try:
            async with asyncio.timeout(CONNECTION_SECONDS):
                while not any(device.online for device in await devices(self.simulator)):  # noqa: ASYNC110 it rings no event
                    await asyncio.sleep(0.1)
        except TimeoutError:
            return False
        return True

    async def _be_down(self, fault: Fault) -> None:
        async with self.alone("whatsapp down"):
            await self.simulator.fault(FaultKind.DOWN)
            await asyncio.sleep(fault.seconds)
            await self.simulator.fault(FaultKind.UP)

    async def _fill_volume(self, fault: Fault) -> None:
        """Leave no room, and take what becomes free, until the fault is over."""
        ends = time.monotonic() + fault.seconds
        async with self.alone(fault.target):
            while time.monotonic() < ends:
                await asyncio.to_thread(self.system.volume.fill)
                await asyncio.sleep(0.2)
            await asyncio.to_thread(self.system.volume.free)

    async def _pause(self, fault: Fault) -> None:
        pid = self.system.nats.pid if fault.target == NATS else self.system.pod.program.pid
        if fault.target == NATS:
            async with self.alone(NATS):
                await stopped_for([] if pid is None else [pid], fault.seconds)
            return
        now = asyncio.get_running_loop().time()
        self.still.append((now, now + fault.seconds))
        await stopped_for([] if pid is None else [pid], fault.seconds)

    async def _end_nats(self, fault: Fault) -> None:
        nats = self.system.nats
        async with self.alone(NATS):
            await asyncio.to_thread(nats.stop if fault.kind is Kind.TERMINATE else nats.kill)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(nats.start)
