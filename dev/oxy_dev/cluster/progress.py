"""Progress for people: each step prints its name, what it is doing while it takes long, and its seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

TERMINAL_INTERVAL: Final = 0.5
"""Seconds between two updates of a running step on a terminal, where one line is rewritten."""
LOG_INTERVAL: Final = 15.0
"""The same in a log, where each update is a line."""


def duration(seconds: float) -> str:
    """Write ``seconds`` for people: ``3.2 s``, ``4 min 05 s``."""
    if seconds < 60:  # noqa: PLR2004 a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


@dataclass(slots=True)
class Step:
    """One running step; `update` may be called often, it prints rarely."""

    name: str
    stream: TextIO
    clock: Callable[[], float]
    started: float
    printed: float

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return self.clock() - self.started

    def update(self, text: str) -> None:
        """Say what the step is doing now, when enough time has passed since the last time."""
        terminal = self.stream.isatty()
        now = self.clock()
        if now - self.printed < (TERMINAL_INTERVAL if terminal else LOG_INTERVAL):
            return
        self.printed = now
        line = f"  … {self.name}: {text} ({duration(self.elapsed)})"
        self.stream.write(f"\r\x1b[K{line}" if terminal else f"{line}\n")
        self.stream.flush()


@dataclass(frozen=True, slots=True)
class Reporter:
    """Prints steps to a stream, standard output by default, and remembers how long each took."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Print one line."""
        self.stream.write(f"{text}\n")
        self.stream.flush()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run a step: prints its name and seconds when it ends, and where it failed when it does not."""
        now = self.clock()
        step = Step(name=name, stream=self.stream, clock=self.clock, started=now, printed=now)
        try:
            yield step
        except BaseException:
            self._finish(step, "✗")
            raise
        self._finish(step, "✓")

    def _finish(self, step: Step, mark: str) -> None:
        self.seconds[step.name] = step.elapsed
        clear = "\r\x1b[K" if self.stream.isatty() else ""
        self.say(f"{clear}  {mark} {step.name}  {duration(step.elapsed)}")
