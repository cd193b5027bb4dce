"""Clocks that can be moved: the processes see the machine's time, moved by what a file of theirs says.

Only the wall clock is moved; what measures durations (CLOCK_MONOTONIC) is not, as when an administrator or NTP sets a
machine's time. Go programs, NATS and the library under neonize, do not ask libc and keep the real time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oxy_dev.cluster import packages
from oxy_dev.cluster.progress import Reporter

PATCH: Final = Path(__file__).with_name("clock_patch")
"""Must be first on PYTHONPATH of a Python process whose clock can be moved."""
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 where libfaketime leaves files when a process is killed


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of some processes, as a file."""

    file: Path
    library: Path

    def environment(self) -> dict[str, str]:
        """Return what makes a process go by this clock."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def move(self, seconds: int) -> None:
        """Let the clock be so many seconds ahead of the real time, or behind it."""
        fresh = self.file.with_suffix(".fresh")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.chmod(0o644)
        fresh.replace(self.file)


def new_clocks(folder: Path, names: Iterable[str]) -> dict[str, Clock]:
    """Return clocks that are right, installing the library if it is missing."""
    with Reporter().step("libfaketime") as step:
        packages.install(step, packages.FAKE_CLOCK)
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    folder.mkdir(parents=True, exist_ok=True)
    clocks = {name: Clock(folder / name, library) for name in names}
    for clock in clocks.values():
        clock.move(0)
    return clocks


def leftovers() -> Iterator[Path]:
    """Yield what killed processes left in the machine's memory."""
    yield from (path for path in _SHARED_MEMORY.glob("*faketime*") if not _alive(path.name.rpartition("_")[2]))


def _alive(pid: str) -> bool:
    return pid.isdigit() and Path(f"/proc/{pid}").exists()
