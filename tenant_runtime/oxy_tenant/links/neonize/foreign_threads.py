"""Keeps Python's state of the library's threads between their callbacks.

Python makes a thread state when a thread that it did not start calls it, and takes it apart when that call returns: a
few allocations and a mapping of memory for each of the six callbacks that the library makes for a message. Go keeps its
threads, so their states are worth keeping too.
"""

import ctypes
from threading import get_ident

_kept: set[int] = set()


def keep_state() -> None:
    """Keep the state of the calling thread, which is in a callback, for its next one."""
    thread = get_ident()
    if thread not in _kept:
        _kept.add(thread)
        # Counts as a call that never returns, so the one around it does not count as the last. What is kept of a thread
        # that ends is lost memory: about 20 KiB, and Go ends hardly any.
        ctypes.pythonapi.PyGILState_Ensure()
