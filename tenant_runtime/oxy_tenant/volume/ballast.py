"""A file that keeps room for the moment in which something takes all that a volume has left.

The reserve is looked at every few seconds (`room`). What arrives between two looks on a volume without a byte has been
acknowledged already, and would be lost: for it, this file is given up.
"""

import os
from pathlib import Path
from typing import Final

SIZE: Final = 1 << 20
"""Bytes: room for hundreds of messages, or for a few of the largest, until the session is closed."""


class Ballast:
    """The file on one volume."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def load(self) -> None:
        """Take the room, unless it is taken; raises OSError."""
        if self._path.exists() and self._path.stat().st_size >= SIZE:
            return
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, SIZE)

    def drop(self) -> bool:
        """Give the room back; return whether there was any. Raises OSError."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
