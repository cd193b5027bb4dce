"""The clients of a scenario: a process each, whose output is read as it comes."""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from oxy_simulator.errors import SimulatorError
from oxy_simulator.processes import ClientProcess

KEPT_LINES: Final = 2000

_POLL_SECONDS: Final = 0.05


class ClientError(SimulatorError):
    """A client ended by itself, or did not print or do what was waited for."""


@dataclass(slots=True, eq=False)
class Client:
    """A client's process and the lines that it printed since its latest start, standard error too."""

    process: ClientProcess
    on_line: Callable[[str], None]
    on_departure: Callable[[str], None]
    """Told, in words, when it ended by itself."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    device: int | None = None
    """The linked device that it is, once it was linked or logged in."""
    _reader: asyncio.Task[None] | None = None
    _meant_to_run: bool = False

    @property
    def departure(self) -> str | None:
        """How it ended by itself, in words; None if it runs or was ended."""
        if not self._meant_to_run or self.process.condition != "ended":
            return None
        return f"client {self.process.name} ended by itself with status {self.process.exit_code}"

    async def start(self) -> None:
        """Start it; raise RequestError if it runs already or cannot be run."""
        await self._finish_reading()
        log_file = self.process.log_file
        already = log_file.stat().st_size if log_file.exists() else 0
        await self.process.start()
        self.lines.clear()
        self._meant_to_run = True
        self._reader = asyncio.create_task(self._read(already))

    async def kill(self) -> None:
        """End it at once, with its children."""
        self._meant_to_run = False
        await self.process.kill()
        await self._finish_reading()

    async def terminate(self) -> None:
        """Ask it to end, and wait; raise RequestError if it does not."""
        self._meant_to_run = False
        await self.process.terminate()
        await self._finish_reading()

    async def printed(self, pattern: str, within: float) -> str:
        """Wait for a line with a pattern; return group 1 of the newest one, or all that it matched.

        Raise ClientError if the program ends or `within` seconds pass without one.
        """
        try:
            async with asyncio.timeout(within):
                while (found := self._newest(pattern)) is None:
                    await self.require_running()
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            msg = f"client {self.process.name} did not print /{pattern}/ within {within:g} s; {self.tail()}"
            raise ClientError(msg) from None
        return found

    async def require_running(self) -> None:
        """Raise ClientError if the program has ended."""
        if self.process.condition == "ended":
            await self._finish_reading()
            msg = f"client {self.process.name} ended with status {self.process.exit_code}; {self.tail()}"
            raise ClientError(msg)

    def tail(self, count: int = 20) -> str:
        """Describe the last lines of output."""
        lines = [f"  {self.process.name} | {line}" for line in list(self.lines)[-count:]]
        return "\n".join(["its last output:", *lines]) if lines else "it printed nothing"

    def _newest(self, pattern: str) -> str | None:
        found = (re.search(pattern, line) for line in reversed(self.lines))
        match = next((match for match in found if match is not None), None)
        return first_group(match) if match is not None else None

    async def _finish_reading(self) -> None:
        if self._reader is not None:
            await self._reader

    async def _read(self, start: int) -> None:
        """Read the log from a position on, until the process has ended and everything is read."""
        with self.process.log_file.open("rb") as log:
            log.seek(start)
            ended = False
            while not ended:
                ended = self.process.condition == "ended"
                self._take_lines(log)
                await asyncio.sleep(0.0 if ended else _POLL_SECONDS)
        if self.departure is not None:
            self.on_departure(self.departure)

    def _take_lines(self, log: BinaryIO) -> None:
        while line := log.readline():
            if not line.endswith(b"\n") and self.process.condition != "ended":
                log.seek(-len(line), 1)  # the rest of the line is still to come
                return
            text = line.decode(errors="replace").rstrip("\r\n")
            self.lines.append(text)
            self.on_line(text)


def first_group(match: re.Match[str]) -> str:
    """Return group 1 of a match, or all of it if the pattern has no groups."""
    return match[1] if match.re.groups else match[0]
