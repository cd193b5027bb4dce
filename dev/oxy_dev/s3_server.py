"""An S3 server as a plain process, for tests: built once from the Go module in ``dev/s3`` and cached."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from oxy_dev.cluster.binary import GO_ENVIRONMENT, cache_root, find_go, source_hash
from oxy_dev.servers import START_SECONDS, ServerError, free_port, is_listening

SOURCES: Final = Path(__file__).resolve().parents[1] / "s3"

_BUILD_FLAGS: Final = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")


def built() -> Path:
    """Return the program, building it first when it is not cached; several processes may call this at once.

    Raises CommandError if Go cannot be had, ServerError if the build fails.
    """
    folder = cache_root() / "s3"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source_hash(SOURCES, " ".join(_BUILD_FLAGS))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _build(target)
    return target


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _build(target: Path) -> None:
    partial = target.with_suffix(".partial")
    go = find_go(_say)
    argv = [go, "build", *_BUILD_FLAGS, "-o", str(partial), "."]
    done = subprocess.run(
        argv, cwd=SOURCES, env={**os.environ, **GO_ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = f"building {SOURCES} failed:\n{done.stderr}"
        raise ServerError(message)
    partial.rename(target)


@contextlib.contextmanager
def running_s3() -> Iterator[str]:
    """Run an S3 server for the duration of the context, and return its URL."""
    port = free_port()
    argv = ["setpriv", "--pdeathsig=KILL", str(built()), f"127.0.0.1:{port}"]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not is_listening(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    message = f"the S3 server did not listen on port {port}"
                    raise ServerError(message)
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
