"""Debian's PgBouncer as a plain process before a PostgreSQL server, pooling by transaction."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from oxy_dev.postgres import PostgresServer, unprivileged
from oxy_dev.servers import START_SECONDS, ServerError, free_port, is_listening

FOLDER: Final = Path(sys.prefix) / "debian"
"""Where `make setup` unpacks Debian's packages: installed, they would start a service."""

_CONFIG: Final = """
[databases]
* = host=127.0.0.1 port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
"""


def _program() -> tuple[str, dict[str, str]]:
    """Return the program and the environment it needs; raises ServerError."""
    program = FOLDER / "usr/sbin/pgbouncer"
    if not program.exists():
        message = f"PgBouncer is missing at {program}: run make setup"
        raise ServerError(message)
    libraries = {str(file.parent) for file in FOLDER.glob("usr/lib/**/*.so.*")}
    return str(program), os.environ | {"LD_LIBRARY_PATH": ":".join(sorted(libraries))}


@contextlib.contextmanager
def running_pgbouncer(folder: Path, server: PostgresServer, user: str, *, connections: int) -> Iterator[int]:
    """Run PgBouncer with `connections` to the server for the duration of the context; yields its port."""
    port = free_port()
    users = folder / "users.txt"
    users.write_text(f'"{user}" ""\n')
    config = folder / "pgbouncer.ini"
    config.write_text(_CONFIG.format(server=server.port, port=port, users=users, connections=connections))
    program, environment = _program()
    with (folder / "pgbouncer.log").open("ab") as log:
        process = subprocess.Popen(
            [*unprivileged(), program, str(config)], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_listening(process, port, folder / "pgbouncer.log")
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"PgBouncer did not listen on port {port}:\n{log.read_text()[-2000:]}"
            raise ServerError(message)
        time.sleep(0.02)
