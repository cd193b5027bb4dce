"""Locks the session volume for one process."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from oxy_tenant.errors import VolumeError
from oxy_tenant.volume.files import usable_files


@contextlib.contextmanager
def holding_volume(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on the folder; raises VolumeError if another runtime holds it, or if it cannot be used."""
    with usable_files():
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "runtime.lock").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another runtime uses {folder}; two at once would corrupt the session"
            raise VolumeError(message) from error
        yield
