"""Runs the simulator and tells in which stage of a message its CPU time goes, for `benchmarks/simulator.py --stages`.

    python benchmarks/simulator_stages.py FILE serve …

Every few milliseconds of CPU time a signal looks at the main thread's stack; the innermost module that is known names
the stage.
SIGUSR1 begins to count, SIGUSR2 writes what was counted to FILE, as JSON: stage and seconds of CPU.
"""

import functools
import gc
import json
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

from oxy_simulator.__main__ import main

INTERVAL: Final = 0.002  # seconds of CPU; the kernel's clock may make it longer
THREAD: Final = "state: written to SQLite, by a thread"

_READ, _WRITE = "nodes: decoding", "nodes: encoding"
_SIGNAL: Final = "Signal: encryption, decryption"
_TRANSPORT: Final = "TLS, WebSocket, event loop"
_ROUTING: Final = "routing, receipts, acknowledgements"
_PHONES: Final = "phones: composing, reading, inboxes, chats"
_LEDGER: Final = "accounting"
_STATE: Final = "state: what changed, as rows"
_CYCLES: Final = "looking for reference cycles"
_MODULES: Final = {
    **dict.fromkeys(("signal", "senderkeys"), _SIGNAL),
    **dict.fromkeys(("noise", "frames", "connection"), "Noise, frames"),
    **dict.fromkeys(("server", "outbox", "front", "pace", "proxies", "proxy_protocol"), _TRANSPORT),
    **dict.fromkeys(("relay", "receipts", "sessions", "network", "impairments", "offline", "devices"), _ROUTING),
    **dict.fromkeys(("iqs", "prekeys", "presence", "usync", "linking"), "requests, linking, presence"),
    **dict.fromkeys(("phones", "inbox", "chats", "reading", "composing", "labels", "retention"), _PHONES),
    **dict.fromkeys(("service", "load", "control", "live"), "control API, load generator"),
    "ledger": _LEDGER,
    **dict.fromkeys(("rows", "store", "stored", "tables"), _STATE),
}
_NODE_FUNCTIONS: Final = {"encode": _WRITE, "decode": _READ}


class Sampler:
    """Counts the main thread's CPU time by stage."""

    def __init__(self, result: Path) -> None:
        self._result = result
        self._begin()

    def install(self) -> None:
        """Look from now on."""
        # asyncio would warn about every signal that its pipe has no room for
        signal.set_wakeup_fd = functools.partial(signal.set_wakeup_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGUSR1, lambda *_: self._begin())
        signal.signal(signal.SIGUSR2, lambda *_: self._write())
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        # A signal that came during a collection is handled in this function, which so names the stage.
        gc.callbacks.append(_collecting)

    def _begin(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._thread_at, self._all_at = time.thread_time(), time.process_time()
        self._started = self._all_at - self._thread_at

    def _look(self, _number: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        self._seconds[stage_of(frame)] += now - self._thread_at
        self._thread_at = now

    def _write(self) -> None:
        others = time.process_time() - time.thread_time() - self._started
        counted = {**self._seconds, THREAD: others}
        scratch = self._result.with_suffix(".part")
        scratch.write_text(json.dumps(counted), encoding="utf-8")
        scratch.rename(self._result)


def stage_of(frame: FrameType | None) -> str:
    """Return the stage that a stack is in."""
    return next(_stages(frame), _TRANSPORT)  # asyncio, aiohttp and ssl are what is left


def _stages(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        code = frame.f_code
        folder, _, file = code.co_filename.rpartition("/")
        name = file.removesuffix(".py")
        if code is _collecting.__code__:
            yield _CYCLES
        elif folder.endswith("oxy_simulator"):
            found = _NODE_FUNCTIONS.get(code.co_qualname) if name == "node" else _MODULES.get(name)
            if found is not None:
                yield found
        frame = frame.f_back


def _collecting(_phase: str, _info: dict[str, int]) -> None:
    """Take note of a collection."""


if __name__ == "__main__":
    Sampler(Path(sys.argv[1])).install()
    status = main(sys.argv[2:])
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    sys.exit(status)
