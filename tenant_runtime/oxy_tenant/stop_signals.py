"""Signals that end the process: the first lets it stop in good order, a second ends it at once.

A thread of their own reads them, because the event loop, or the library that it waits for, may be what hangs. Without
a handler the kernel would not even deliver them to the first process of a container.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from types import FrameType
from typing import Final, NoReturn

import structlog

from oxy_core.early_signals import STOPPING

STOP_SECONDS: Final = 27.0
"""Longest time that a stop may take. The kubelet kills the pod 30 s after the first signal; all that a stop waits for
takes 22 s."""

SIGNALLED: Final = 128
"""Exit code of a process that a signal ended, less the signal's number; by convention of shells."""

log = structlog.get_logger()


class StopSignals:
    """The stop that signals ask for."""

    def __init__(self, *, stop_seconds: float = STOP_SECONDS) -> None:
        self._stop_seconds = stop_seconds
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.requested = asyncio.Event()
        """Set by the first signal."""

    def install(self) -> None:
        """Handle signals from now on; only the main thread may do so.

        Until `follow` is called there is nothing to stop, so that the first signal ends the process.
        """
        reading, writing = socket.socketpair()
        writing.setblocking(False)  # noqa: FBT003 the only way to say it
        # Written to when a signal arrives, whatever the interpreter is doing.
        signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, _do_nothing)
        threading.Thread(target=self._watch, args=(reading,), name="stop-signals", daemon=True).start()

    def follow(self) -> None:
        """Let the first signal set `requested`, in the running event loop."""
        with self._lock:
            self._loop = asyncio.get_running_loop()

    def _watch(self, reading: socket.socket) -> NoReturn:
        first = _received(reading)
        with self._lock:
            loop = self._loop
        log.info("stop_requested", signal=signal.Signals(first).name)
        if loop is None:
            leave(0)
        loop.call_soon_threadsafe(self.requested.set)
        reading.settimeout(self._stop_seconds)
        try:
            number = _received(reading)
            log.warning("stop_cut_short", cause="a second signal")
        except TimeoutError:
            number = first
            log.warning("stop_cut_short", cause=f"it takes more than {self._stop_seconds:g} s")
        leave(SIGNALLED + number)


def _received(reading: socket.socket) -> int:
    """Wait for a signal that ends the process and return its number; raises TimeoutError."""
    while (number := reading.recv(1)[0]) not in STOPPING:
        pass
    return number


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Keep the signal from its default action."""


def leave(code: int) -> NoReturn:
    """Exit at once: a normal exit would wait for threads inside the library that never end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
