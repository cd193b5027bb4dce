"""What makes faults of a plan happen, whatever is broken: each at its time, one of a sort at once, all noted."""

import asyncio
import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog
from chaos.clocks import Clock
from chaos.links import Cut, Link
from chaos.plan import Fault, Kind

log = structlog.get_logger()

CUTS: Final = {Kind.REFUSE: Cut.REFUSE, Kind.FREEZE: Cut.FREEZE, Kind.DEAFEN: Cut.DEAFEN}
TERM_SECONDS: Final = 30.0
"""Between SIGTERM and SIGKILL, as for the pods of the chart."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault, with the times at which it began and was over, in Unix seconds."""

    kind: StrEnum
    target: str
    began: float
    ended: float
    moved: int = 0
    """Seconds by which a clock was moved."""
    in_vain: bool = False
    """Whether there was nothing that it could have broken."""

    def __str__(self) -> str:
        """Describe it for people."""
        moved = f" by {self.moved:+d} s" if self.moved else ""
        in_vain = ", in vain" if self.in_vain else ""
        return f"{self.kind} of {self.target}{moved}, {self.began:.1f} to {self.ended:.1f}{in_vain}"


@dataclass(eq=False)
class Breaking(ABC):
    """Breaks something as a plan says, and mends it; a subclass knows how."""

    locks: dict[str, asyncio.Lock] = field(default_factory=dict, kw_only=True)
    made: int = field(default=0, kw_only=True)
    happened: list[Happened] = field(default_factory=list, kw_only=True)

    @abstractmethod
    async def act(self, fault: Fault) -> bool:
        """Let a fault happen, and mend it; return whether there was something to break."""

    async def happen(self, plan: Sequence[Fault]) -> None:
        """Let every fault happen at its time; returns when all are over and everything is mended."""
        start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                group.create_task(self._at(start + fault.at, fault))

    async def _at(self, moment: float, fault: Fault) -> None:
        await asyncio.sleep(max(moment - asyncio.get_running_loop().time(), 0.0))
        log.info("fault_begins", kind=fault.kind, target=fault.target, seconds=fault.seconds, moved=fault.moved)
        began = time.time()
        met = await self.act(fault)
        self.happened.append(Happened(fault.kind, fault.target, began, time.time(), fault.moved, in_vain=not met))
        log.info("fault_over", kind=fault.kind, target=fault.target)
        self.made += 1

    def alone(self, target: str) -> asyncio.Lock:
        """Return the lock that keeps two faults of one sort from one target."""
        return self.locks.setdefault(target, asyncio.Lock())

    async def cut(self, link: Link, fault: Fault) -> None:
        """Break a link for a while."""
        how = CUTS[Kind(fault.kind)]
        async with self.alone(fault.target):
            await link.cut(how)
            await asyncio.sleep(fault.seconds)
            await link.mend(how)

    async def move(self, clock: Clock, fault: Fault) -> None:
        """Move a clock for a while. One that was ahead is put back, and what was noted under it lies in the future."""
        async with self.alone(f"{fault.target}'s clock"):
            clock.move(fault.moved)
            await asyncio.sleep(fault.seconds)
            clock.move(0)


async def stopped_for(pids: Sequence[int], seconds: float) -> None:
    """Let processes stand still for a while."""
    signal_all(pids, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        signal_all(pids, signal.SIGCONT)


def signal_all(pids: Sequence[int], which: signal.Signals) -> None:
    """Send a signal to those processes that have not ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)
