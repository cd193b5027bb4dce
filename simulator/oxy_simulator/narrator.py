"""What is told of a running scenario, live."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Narrator:
    """Writes what happens, with the seconds since the start."""

    output: TextIO
    show_clients: bool = False
    started: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Write one line."""
        self.output.write(f"{time.monotonic() - self.started:8.3f}  {text}\n")
        self.output.flush()

    def client_line(self, name: str) -> Callable[[str], None]:
        """Return what takes a client's output lines."""
        return lambda line: self.tell(f"{name} | {line}") if self.show_clients else None
