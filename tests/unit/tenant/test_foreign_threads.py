"""Python's state of threads that another language started."""

import ctypes
from collections.abc import Callable

from oxy_tenant.links.neonize.foreign_threads import keep_state

ROUTINE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)

python, c = ctypes.pythonapi, ctypes.CDLL(None)
for function in (python.PyInterpreterState_Main, python.PyInterpreterState_ThreadHead, python.PyThreadState_Next):
    function.restype = ctypes.c_void_p


def states() -> int:
    """How many threads Python keeps a state of."""
    state = python.PyInterpreterState_ThreadHead(ctypes.c_void_p(python.PyInterpreterState_Main()))
    count = 0
    while state:
        state, count = python.PyThreadState_Next(ctypes.c_void_p(state)), count + 1
    return count


def call_from_c(function: Callable[[], object]) -> None:
    """Call a function in a thread that Python did not start."""
    thread = ctypes.c_ulong()
    routine = ROUTINE(lambda _: function() and None)
    assert c.pthread_create(ctypes.byref(thread), None, routine, None) == 0
    assert c.pthread_join(thread, None) == 0


def test_the_state_of_a_thread_outlives_its_callbacks_once() -> None:
    before = states()
    call_from_c(lambda: None)
    assert states() == before
    call_from_c(lambda: [keep_state() for _ in range(3)])
    assert states() == before + 1
