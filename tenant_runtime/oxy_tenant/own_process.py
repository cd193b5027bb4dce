"""What the kernel says of this process, for people, so that nothing depends on it."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BEGAN: Final = time.monotonic()
_KIB: Final = 1024
_SELF: Final = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """One look at the process."""

    rss_bytes: int
    """Memory that it has mapped and that is present."""
    pss_bytes: int
    """The same, but of what several processes share only this one's part: those of a node add up."""
    open_files: int
    threads: int
    """Of the interpreter; the library has more."""
    uptime_seconds: float

    @classmethod
    def seen(cls) -> "OwnProcess":
        """Look; a figure that the kernel does not give is 0."""
        sizes = _memory()
        return cls(
            rss_bytes=sizes.get("Rss", 0),
            pss_bytes=sizes.get("Pss", 0),
            open_files=_open_files(),
            threads=threading.active_count(),
            uptime_seconds=round(time.monotonic() - _BEGAN, 1),
        )


def pss_bytes() -> float:
    """Return `OwnProcess.pss_bytes` alone."""
    return float(_memory().get("Pss", 0))


def _memory() -> dict[str, int]:
    """Return the sizes in ``smaps_rollup``, in bytes; none where the kernel has no such file."""
    try:
        lines = (_SELF / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {name.rstrip(":"): int(size) * _KIB for name, size, *_ in fields}


def _open_files() -> int:
    try:
        return len(os.listdir(_SELF / "fd"))  # noqa: PTH208 as many as there are, without a Path for each
    except OSError:
        return 0
