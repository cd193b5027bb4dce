"""The client processes under test: started, killed, stopped and restarted by the simulator.

Off by default: whoever reaches the control port could run programs. Only processes that were
started here can be acted on, each in a session of its own, so that nothing else is ever hit.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

import structlog

from oxy_simulator.errors import RequestError

Action: TypeAlias = Literal["start", "kill", "terminate", "stop", "continue", "restart"]
Condition: TypeAlias = Literal["running", "stopped", "ended"]

TERMINATE_SECONDS: Final = 30.0

_LOG_FOLDER: Final = "clients"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ClientProcess:
    """A client: how it is started, and the process that runs it now or ran it last."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path | None
    log_file: Path
    starts: int = 0
    stopped: bool = False
    process: asyncio.subprocess.Process | None = None

    @property
    def condition(self) -> Condition:
        """Whether it runs, was stopped with SIGSTOP, or ended."""
        if self.process is None or self.process.returncode is not None:
            return "ended"
        return "stopped" if self.stopped else "running"

    @property
    def pid(self) -> int | None:
        """The process id of the last start."""
        return self.process.pid if self.process else None

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it lives."""
        return self.process.returncode if self.process else None

    async def start(self) -> None:
        """Run the command; raise RequestError if it runs already or cannot be run."""
        if self.condition != "ended":
            msg = f"client {self.name!r} runs already (process {self.pid}); kill or restart it"
            raise RequestError(msg)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self.process = await self._run(output)
        self.starts += 1
        self.stopped = False

    async def _run(self, output: IO[bytes]) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self.command,
                env=dict(self.environment),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            msg = f"client {self.name!r} cannot be started: {error}; check 'command' and 'folder'"
            raise RequestError(msg) from error

    async def kill(self) -> None:
        """End it and its children at once, wherever they are."""
        self._signal_all(signal.SIGKILL)
        if self.process is not None:
            await self.process.wait()

    async def terminate(self) -> None:
        """Ask it to end, and wait; raise RequestError if it does not in time."""
        process = self._living()
        process.terminate()
        try:
            async with asyncio.timeout(TERMINATE_SECONDS):
                await process.wait()
        except TimeoutError as error:
            msg = f"client {self.name!r} still runs {TERMINATE_SECONDS:.0f} s after SIGTERM; kill it"
            raise RequestError(msg) from error

    def pause(self, *, stopped: bool) -> None:
        """Stop it where it is (SIGSTOP), or let it go on (SIGCONT)."""
        self._living()
        self._signal_all(signal.SIGSTOP if stopped else signal.SIGCONT)
        self.stopped = stopped

    def _living(self) -> asyncio.subprocess.Process:
        if self.process is None or self.process.returncode is not None:
            msg = f"client {self.name!r} has ended (exit code {self.exit_code}); start it"
            raise RequestError(msg)
        return self.process

    def _signal_all(self, number: signal.Signals) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        try:
            os.killpg(self.process.pid, number)  # its own session: the group has its process id
        except ProcessLookupError:
            log.info("client_gone", client=self.name)


@dataclass
class ClientProcesses:
    """Every client that was started here; `environment` is what all of them get."""

    folder: Path
    environment: Mapping[str, str]
    allowed: bool = False
    _clients: dict[str, ClientProcess] = field(default_factory=dict)

    def require_allowed(self) -> None:
        """Raise RequestError unless client control was switched on."""
        if not self.allowed:
            msg = "client control is off; start the simulator with --allow-client-control (never on an open network)"
            raise RequestError(msg)

    def all(self) -> list[ClientProcess]:
        """Return every client."""
        return list(self._clients.values())

    async def add(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path | None
    ) -> ClientProcess:
        """Start a client under a new name."""
        self.require_allowed()
        if name in self._clients:
            msg = f"there is a client {name!r} already; DELETE it first, or take another name"
            raise RequestError(msg)
        full = {**os.environ, **self.environment, **environment}
        log_file = self.folder / _LOG_FOLDER / f"{name}.log"
        client = ClientProcess(name, tuple(command), full, folder, log_file)
        await client.start()
        self._clients[name] = client
        return client

    async def act(self, name: str, action: Action) -> ClientProcess:
        """Do something to a client; raise RequestError if it is unknown or the action impossible."""
        client = self._find(name)
        if action in {"kill", "restart"}:
            await client.kill()
        if action in {"start", "restart"}:
            await client.start()
        elif action == "terminate":
            await client.terminate()
        elif action in {"stop", "continue"}:
            client.pause(stopped=action == "stop")
        return client

    async def remove(self, name: str) -> None:
        """Kill a client and forget it."""
        await self._find(name).kill()
        del self._clients[name]

    async def stop(self) -> None:
        """Kill all of them."""
        for client in self.all():
            await client.kill()

    def _find(self, name: str) -> ClientProcess:
        self.require_allowed()
        if name not in self._clients:
            known = ", ".join(self._clients) or "none"
            msg = f"there is no client {name!r}; started here: {known} (POST /clients)"
            raise RequestError(msg)
        return self._clients[name]
