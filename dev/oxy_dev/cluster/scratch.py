"""Temporary files of the programs that we call: in folders of our own, so that what a killed program leaves is removed.

Whoever uses such a folder holds a lock meanwhile; the next one begins with an empty one.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from oxy_dev.cluster.host import unmount_below

VARIABLES: Final = ("TMPDIR", "GOTMPDIR")
"""Where programs look for a place for temporary files; Go's own compiler prefers the second."""
RUNTIME_VARIABLE: Final = "XDG_RUNTIME_DIR"
"""containerd's shims write each command that is run in a container into the folder that this one names, if any does."""
PATIENCE: Final = 10.0
"""Seconds that killed programs have to leave a folder."""
POLL: Final = 0.1
"""Seconds between two attempts to remove it."""


def variables(folder: Path, *, runtime: bool = False) -> dict[str, str]:
    """Return the environment by which a program keeps its temporary files in `folder`; `runtime` for containerd too."""
    return dict.fromkeys([*VARIABLES, *([RUNTIME_VARIABLE] if runtime else [])], str(folder))


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give an empty `folder` while the context lasts; raises ClusterError when a mount below it stays."""
    remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, detaching what is mounted there first; raises ClusterError as above."""
    deadline = time.monotonic() + PATIENCE
    while folder.exists():
        unmount_below(folder)
        try:
            shutil.rmtree(folder)
        except OSError:
            # A program that is being killed may still write into it.
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)
