"""Runs `session_reader`, which reads the session as a process of its own, for as long as it makes progress.

Checking and copying a large session on a slow volume takes minutes. A limit on that time would end in a crash loop, so
only a reader that does nothing at all, for example because the volume hangs, is given up.
"""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from oxy_tenant.links.neonize import session_reader

STALLED_SECONDS: Final = 60.0
"""A reader that has neither read nor written nor computed for this long is killed."""

_LOOK_SECONDS: Final = 1.0


def run_reader(
    request: str, *, stalled_seconds: float = STALLED_SECONDS, program: str = session_reader.__file__
) -> str:
    """Return the reader's answer to a request; raises OSError, subprocess.SubprocessError."""
    # The kernel kills the reader when this thread ends, which waits for it.
    command = [sys.executable, "-I", "-S", program, str(os.getpid())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as reader:
        try:
            return _answer(reader, request, stalled_seconds)
        finally:
            reader.kill()


def _answer(reader: "subprocess.Popen[str]", request: str, stalled_seconds: float) -> str:
    progress, since, unsent = "", time.monotonic(), request
    while True:
        try:
            output, errors = reader.communicate(unsent or None, timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            unsent, seen = "", _progress(reader.pid)
            if seen != progress:
                progress, since = seen, time.monotonic()
            elif time.monotonic() - since >= stalled_seconds:
                raise
        else:
            if reader.returncode:
                raise subprocess.CalledProcessError(reader.returncode, "session_reader", output, errors)
            return output


def _progress(pid: int) -> str:
    """Return how much the process has read, written and computed; it changes as long as it makes progress."""
    folder = Path("/proc") / str(pid)
    processor_time = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    with contextlib.suppress(OSError):  # one that is just ending has none
        return (folder / "io").read_text() + " ".join(processor_time)
    return " ".join(processor_time)
