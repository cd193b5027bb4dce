"""Secrets for libraries that only read files, without leaving them on a disk."""

import atexit
import os
import sys
from functools import cache
from pathlib import Path
from tempfile import mkstemp


@cache
def memory_file(content: str | bytes, *_: object, **__: object) -> str:
    """Return a path where this process alone finds `content`; it is gone when the process is, however that ends.

    Whatever else is passed, such as a folder, is not needed. On systems other than Linux it is a file that this user
    alone may read, removed at an orderly exit.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("oxy")
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = mkstemp(prefix="oxy-")
        atexit.register(Path(path).unlink, missing_ok=True)
    data = content.encode() if isinstance(content, str) else content
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return path
