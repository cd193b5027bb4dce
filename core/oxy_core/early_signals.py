"""Signals that arrive while a process starts: it ends at once, because it has begun nothing.

The kernel does not deliver a signal without a handler to the first process of a container. Imports take a second or
more on a busy node, so a process that handled signals only once it runs would miss one, do its work after all, and be
killed when the pod's grace period is over. Nothing is imported here that takes long.
"""

import os
import signal
from types import FrameType
from typing import Final

STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
"""Signals that ask a process to end."""


def end_on_signals() -> None:
    """End this process, with success, on signals from now on, until something else handles them.

    To be called before anything is imported that takes long. Signals that were held back arrive now.
    """
    for number in STOPPING:
        signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def hold_signals_back() -> None:
    """Let signals wait until `end_on_signals`, also of the program that replaces this one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def _end(_number: int, _frame: FrameType | None) -> None:
    """Exit without closing anything: whatever is being imported may hold locks."""
    os._exit(0)
