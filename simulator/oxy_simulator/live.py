"""The servers that tests have open in this process, for whoever judges the tests (the pytest plugin).

It is process-wide on purpose: a test framework must find what a test opened without being handed it. Light to import.
"""

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

TRANSCRIPT_FILE: Final = "transcript.txt"
PACKETS_FILE: Final = "packets.txt"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What happened at a server, for people: a transcript, and the packet log as lines."""

    transcript: str
    packets: str

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both into a folder, made if need be; return where."""
        folder.mkdir(parents=True, exist_ok=True)
        files = folder / TRANSCRIPT_FILE, folder / PACKETS_FILE
        for file, text in zip(files, (self.transcript, self.packets), strict=True):
            file.write_text(text, encoding="utf-8")
        return files


class Source(Protocol):
    """A server that a test has open."""

    def evidence(self) -> Evidence:
        """Return what happened so far; needs no running event loop."""

    def judge_now(self) -> None:
        """Raise AssertionError about new protocol violations that are not allowed; needs no running event loop."""


open_sources: Final[list[Source]] = []
"""Open now, in the order of opening."""
ended: Final[deque[Evidence]] = deque(maxlen=4)
"""What the latest blocks saw that ended with an exception."""
allowed_rules: Final[set[str]] = set()
"""Violations that the running test allows by a mark."""
