"""Child processes with a log file, which die with their parent and can be restarted."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oxy_core.errors import OxyError
from oxy_dev.cluster.shell import cluster_environment

STOP_SECONDS: Final = 20.0
"""Time between SIGTERM and SIGKILL."""

ERROR_CHARACTERS: Final = 3_000
"""How much of a failed module's standard error is reported."""


class ProgramError(OxyError):
    """A program failed, or did not become ready; the message holds the end of its output."""


@dataclass
class Program:
    """A child process that can be started again after it ended; its output is appended to ``<folder>/<name>.log``.

    It is killed when its parent ends, even by SIGKILL.
    """

    name: str
    command: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The file that the program's output is appended to."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Process id of the last start; None before the first."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit status of the last start, negative for a signal; None while it runs or before the first start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, unless it is running."""
        if self._process is not None and self._process.poll() is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=cluster_environment() | dict(self.environment),
                start_new_session=True,
            )

    async def wait_until(self, check: Callable[[], bool], seconds: float) -> None:
        """Wait until `check` holds; raises ProgramError if the program ends before, or after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not check():
            if self.exit_code is not None or asyncio.get_running_loop().time() > deadline:
                message = f"{self.name} did not become ready (exit status {self.exit_code}):\n{self.tail()}"
                raise ProgramError(message)
            await asyncio.sleep(0.05)

    def signal(self, which: signal.Signals) -> None:
        """Send a signal, if it is running."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, which)

    def kill(self) -> None:
        """Send SIGKILL and wait until it has ended."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> int | None:
        """Send SIGTERM, kill it if it does not end, and return its exit status."""
        self.signal(signal.SIGTERM)
        if self._process is None:
            return None
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


async def run_module(name: str, *arguments: str, environment: Mapping[str, str], stdin: bytes = b"") -> bytes:
    """Run ``python -m name`` to its end, in this environment alone, and return its output; raises ProgramError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        name,
        *arguments,
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin)
    if process.returncode:
        message = f"{name} failed:\n{errors.decode()[-ERROR_CHARACTERS:]}"
        raise ProgramError(message)
    return output
