"""Says which file of the volume cannot be used, to whoever must repair that."""

import contextlib
import os
from collections.abc import Iterator

from oxy_tenant.errors import VolumeError


@contextlib.contextmanager
def usable_files() -> Iterator[None]:
    """Raise VolumeError for a file that cannot be read or written while the context lasts."""
    try:
        yield
    except OSError as error:
        file, why = error.filename or "the session volume", os.strerror(error.errno or 0)
        message = f"{file} cannot be used: {why}; check the volume, and who may read and write its files"
        raise VolumeError(message) from error
