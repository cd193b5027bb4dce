"""Programs run as child processes: started with a log file, killed with their parent, restarted at will."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oxy_dev.cluster.shell import cluster_environment

STOP_SECONDS: Final = 20.0
"""A program that has not ended so long after SIGTERM is killed."""


@dataclass
class Program:
    """One child process that can be started again after its end; its output is appended to ``<folder>/<name>.log``.

    It is killed when the process that started it dies, however that dies.
    """

    name: str
    command: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where the program's output goes."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Process id, of the last start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit status of the last start, negative for a signal; None while it runs or before the first start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it; a program that still runs is left alone."""
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

    def signal(self, which: signal.Signals) -> None:
        """Send a signal; nothing happens if it does not run."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, which)

    def kill(self) -> None:
        """End it without warning and wait for its end."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> int | None:
        """Ask it to end, kill it if it does not, and return its exit status."""
        self.signal(signal.SIGTERM)
        if self._process is None:
            return None
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
