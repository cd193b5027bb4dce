"""The tenant's pod as a plain process, kept running as kubelet, operator and `oxy pair` would.

The process is started again whenever it ends. If it ends for good, a new epoch begins with an open pairing window, as
after `oxy pair`.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chaos.breaking import TERM_SECONDS
from chaos.tenant.exits import Exit, read_exit

from oxy_core.instance.pairing_window import PAIRING_WINDOW
from oxy_core.instance.terminal_causes import terminal_cause
from oxy_dev.programs import Program
from oxy_operator.decide.epoch_record import EpochRecord

LOOK_SECONDS: Final = 0.1
RESTART_SECONDS: Final = 0.3


@dataclass(eq=False)
class Pod:
    """The process, and what its pod would be made of."""

    program: Program
    record: EpochRecord
    port: int
    """Of its probes and metrics."""
    provide: Callable[[EpochRecord], Mapping[str, str]]
    """Writes the files of an epoch, and returns the environment of its process."""
    termination_log: Path
    held: int = 0
    """How many faults keep it from running now."""
    exits: list[Exit] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)
    """Ends that took longer than a pod is given."""

    async def run(self) -> None:
        """Keep it running until cancelled."""
        self._start()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            code = self.program.exit_code
            if code is None or self.held:
                continue
            self.exits.append(read_exit(code, self.termination_log))
            if terminal_cause(code) is not None:
                self.record = next_epoch(self.record)
            await asyncio.sleep(RESTART_SECONDS)
            self._start()

    def _start(self) -> None:
        self.termination_log.unlink(missing_ok=True)
        self.program.environment = self.provide(self.record)
        self.program.start()

    async def end(self, how: signal.Signals, seconds: float, *, standing_still: Callable[[], float]) -> None:
        """End it, and keep it from running for a while. What does not end by SIGTERM in time is killed.

        `standing_still` tells for how many seconds in all it was stopped until now: those it cannot use.
        """
        self.held += 1
        try:
            self.program.signal(how)
            loop, still = asyncio.get_running_loop(), standing_still()
            began = loop.time()
            while self.program.exit_code is None:
                await asyncio.sleep(LOOK_SECONDS)
                took = loop.time() - began - (standing_still() - still)
                if took > TERM_SECONDS:
                    self.overdue.append(f"after SIGTERM it still ran {took:.0f} s later")
                    await asyncio.to_thread(self.program.kill)
            await asyncio.sleep(seconds)
        finally:
            self.held -= 1


def first_epoch(uid: str) -> EpochRecord:
    """Return the record of a new instance."""
    return EpochRecord(
        epoch=1, incarnation=uid, paired=False, pairing_until=_window(), repaired=None, ended=None, number=""
    )


def next_epoch(record: EpochRecord) -> EpochRecord:
    """Return the record after a repair."""
    return replace(record, epoch=record.epoch + 1, pairing_until=_window())


def _window() -> datetime:
    return datetime.now(UTC) + PAIRING_WINDOW
