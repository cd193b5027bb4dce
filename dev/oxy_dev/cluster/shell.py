"""Calling other programs."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from oxy_dev.cluster.errors import CommandError

PROXY_VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""Variables that would send traffic inside the cluster through the machine's proxy."""


def cluster_environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without proxy variables: the parts of a cluster speak to each other directly."""
    return {name: value for name, value in base.items() if name.upper() not in PROXY_VARIABLES}


@contextmanager
def child(
    argv: Sequence[str | Path], environment: Mapping[str, str], *, stdout: IO[Any] | int, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside this one; `stdout` takes its errors too.

    When the block ends before it, it is killed with all that it started; when this process is killed, it is too.
    """
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", *argv],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def run(argv: Sequence[str | Path], *, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises `CommandError` with what it wrote to standard error when it fails.
    """
    done = subprocess.run(
        argv, input=stdin, cwd=cwd, env=cluster_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(map(str, argv))
        message = f"`{words}` ended with status {done.returncode}: {(done.stderr or done.stdout).strip()}"
        raise CommandError(message)
    return done.stdout


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Run a program to its end and tell whether it succeeded; its output is dropped."""
    return subprocess.run(argv, env=cluster_environment(), capture_output=True, check=False).returncode == 0
