"""Calling other programs."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from oxy_dev.cluster.errors import CommandError

#: Variables that would send traffic inside the cluster through the machine's proxy.
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def cluster_environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without proxy variables: the parts of a cluster speak to each other directly."""
    return {name: value for name, value in base.items() if name.upper() not in PROXY_VARIABLES}


def run(argv: Sequence[str | Path], *, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises :class:`CommandError` with what it wrote to standard error when it fails.
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
