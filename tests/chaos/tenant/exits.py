"""How the tenant's process ended, each time, and which of these ends nothing explains.

Over a login that is refused with 413 or 414 the library panics, and Go raises SIGABRT then whatever GOTRACEBACK says,
because it is a library. That does not end the first process of a container, which exits with 2 instead; here the
tenant is no first process. Such an end is told from any other panic by the cause that it leaves.
"""

import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oxy_core.errors import OxyError
from oxy_core.tenant import TerminationMessage

SIGNALLED: Final = 128
_INFLICTED: Final = frozenset({0, -signal.SIGKILL, -signal.SIGTERM, SIGNALLED + signal.SIGTERM})
"""What follows the signals of the run's faults."""


@dataclass(frozen=True, slots=True, order=True)
class Exit:
    """One end."""

    code: int
    """Negative for a signal."""
    reason: str = ""
    """That of the termination message; empty: there is none of this end."""

    def __str__(self) -> str:
        """Describe it for people."""
        return f"{self.code} ({self.reason})" if self.reason else str(self.code)


def read_exit(code: int, termination_log: Path) -> Exit:
    """Return the end of a process that found no termination log as it began."""
    try:
        message = TerminationMessage.decode(termination_log.read_bytes())
    except (OSError, OxyError):
        return Exit(code)
    status = SIGNALLED - code if code < 0 else code
    return Exit(code, message.reason if message.exit_code == status else "")


def unexplained(exits: Iterable[Exit]) -> Iterator[str]:
    """Yield the ends that no fault inflicted and that left no cause."""
    for ended in exits:
        if not ended.reason and ended.code not in _INFLICTED:
            yield f"the tenant ended with {ended.code} and left no cause"


def table(exits: Iterable[Exit]) -> str:
    """Return how often each end came, for people to read."""
    return ", ".join(f"{ended}: {count}" for ended, count in sorted(Counter(exits).items()))
