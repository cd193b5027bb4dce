"""Measures the memory of running processes, as the kernel accounts it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of one process: proportional set size in bytes, in which a page shared by n processes counts 1/n."""

    pid: int
    command: str
    pss: int


def measure(pid: int) -> ProcessMemory | None:
    """Return the memory of a process; None if it is gone or belongs to the kernel."""
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    pss = next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return ProcessMemory(pid, command, pss) if command else None


def measure_all() -> list[ProcessMemory]:
    """Return the memory of every other process on the machine, largest first."""
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    found = [memory for pid in pids if pid != os.getpid() and (memory := measure(pid)) is not None]
    return sorted(found, key=lambda memory: -memory.pss)


def main() -> None:
    """Print a Markdown table of every process on the machine that uses a MiB or more."""
    print("| process | PSS, MiB |\n|---|---|")  # noqa: T201 a command's output
    for memory in measure_all():
        if memory.pss >= MIB:
            print(f"| {_shortened(memory.command)} | {memory.pss / MIB:.0f} |")  # noqa: T201 as above


def _shortened(command: str) -> str:
    """Return a program's name and its module or subcommand, without paths and options."""
    words = [Path(word).name for word in command.split() if not word.startswith("-")]
    return " ".join(words[:2])


if __name__ == "__main__":
    main()
