"""Signals that arrive while a process starts: it ends at once, because it has begun nothing.

The kernel does not deliver a signal without a handler to the first process of a container. Imports take a second or
more on a busy node, so a process that handled signals only once it runs would miss one, do its work after all, and be
killed when the pod's grace period is over. Nothing is imported here that takes long.
"""

import os
import signal
from functools import partial
from types import FrameType
from typing import Final

STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
"""Signals that ask a process to end."""

UNFINISHED: Final = 128 + signal.SIGTERM
"""Exit code of a job that was told to end. Success would tell Kubernetes that it is done, and need not run again."""


def end_on_signals(exit_code: int = 0) -> None:
    """End this process on signals from now on, until something else handles them.

    To be called before anything is imported that takes long. Signals that were held back arrive now. A job passes
    `UNFINISHED`, and may leave it at that: whatever it does can be cut off anywhere.
    """
    for number in STOPPING:
        signal.signal(number, partial(_end, exit_code))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def hold_signals_back() -> None:
    """Let signals wait until `end_on_signals`, also of the program that replaces this one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def _end(exit_code: int, _number: int, _frame: FrameType | None) -> None:
    """Exit without closing anything: whatever is being imported may hold locks."""
    os._exit(exit_code)
