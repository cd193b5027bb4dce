"""NATS and PostgreSQL as plain processes, for tests and for running everything without a cluster."""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oxy_core.errors import OxyError
from oxy_core.jetstream import SERVER_MAX_PAYLOAD_BYTES
from oxy_dev.cluster.addresses import PORTS

START_SECONDS: Final = 20.0
"""A server that does not listen by then has failed to start."""


class ServerError(OxyError):
    """A server did not start; the message holds the end of its log."""


SERVER_PORTS: Final = range(10_240, 32_768)
"""Where servers listen: below the ports that Linux gives to outgoing connections, which would take a port between its
choice and the start of its server. Source: net.ipv4.ip_local_port_range."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that no other call returns for a minute; raises ServerError if none.

    It is none of the local cluster's, which may be about to start.
    A connection that the port's side closes first leaves it in TIME_WAIT for a minute. A server, which sets
    SO_REUSEADDR, may listen there; the next call, in whatever process, binds without it and passes the port over.
    """
    first = random.randrange(len(SERVER_PORTS))  # noqa: S311 where to begin is no secret
    for port in itertools.chain(SERVER_PORTS[first:], SERVER_PORTS[:first]):
        if port in PORTS:
            continue
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.listen(1)
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                listener.accept()[0].close()
            return port
    message = "no port is free: too many servers run"
    raise ServerError(message)


def program(name: str) -> str:
    """Return the path of a program of the virtual environment; a bare name, found on PATH, where it has none."""
    path = Path(sys.executable).parent / name
    return str(path) if path.exists() else name


def is_listening(port: int) -> bool:
    """Return whether a process listens on a TCP port of the loopback interface."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False


@dataclass
class NatsServer:
    """A real nats-server with JetStream, which keeps port and data over `kill` and `start`.

    `extra_config` is appended to the configuration file, for example operator, resolver and accounts.
    """

    folder: Path
    extra_config: str = ""
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id; None while it is not running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start and wait until it listens; raises ServerError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f"max_payload: {SERVER_MAX_PAYLOAD_BYTES}\n"
            f'jetstream: {{store_dir: "{self.folder / "jetstream"}", sync_interval: always}}\n{self.extra_config}\n'
        )
        log = self.folder / "nats.log"
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", program("nats-server"), "--config", str(config), "--log", str(log)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not is_listening(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                tail = log.read_text()[-2000:] if log.exists() else ""
                message = f"nats-server did not listen on port {self.port}:\n{tail}"
                raise ServerError(message)
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait until the process has ended; does nothing if it is not running."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, how)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Send SIGKILL and wait until the process has ended."""
        self.stop(signal.SIGKILL)


@contextlib.contextmanager
def running_nats(folder: Path, extra_config: str = "") -> Iterator[NatsServer]:
    """Run a NATS server for the duration of the context."""
    server = NatsServer(folder, extra_config)
    server.start()
    try:
        yield server
    finally:
        server.stop()
