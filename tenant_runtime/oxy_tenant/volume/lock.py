"""Locks the session volume for one process."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from oxy_tenant.errors import VolumeError


@contextlib.contextmanager
def holding_volume(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on the folder; raises VolumeError if another runtime holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "runtime.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        message = f"another runtime uses {folder}; two at once would corrupt the session"
        raise VolumeError(message) from error
