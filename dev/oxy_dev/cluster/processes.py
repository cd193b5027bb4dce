"""Long-running processes of a cluster.

The process table itself says what runs: each process carries in its environment which cluster and part it is and the
fingerprint of its configuration. No pid is ever written to a file, so none can be stale or belong to somebody else,
whenever a starting cluster is killed. Signals go through a pidfd after the mark was read again, so a pid that was
given to another process meanwhile is never hit.
"""

import hashlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oxy_dev.cluster import scratch
from oxy_dev.cluster.errors import StartError
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.progress import Step
from oxy_dev.cluster.shell import cluster_environment

CLUSTER_MARK: Final = "OXY_CLUSTER"
PART_MARK: Final = "OXY_CLUSTER_PART"
FINGERPRINT_MARK: Final = "OXY_CLUSTER_FINGERPRINT"
STOP_TIMEOUT: Final = 10.0
"""Seconds that a process has to end after SIGTERM."""
READY_TIMEOUT: Final = 120.0
"""Seconds for a part to become ready: several times what it takes on a small, busy machine."""
POLL: Final = 0.05
"""Seconds between two checks of a process that starts or ends."""
LOG_LIMIT: Final = 8 * 1024 * 1024
"""Bytes after which a log is set aside when its process is started again."""


@dataclass(frozen=True, slots=True)
class Spec:
    """How a part is run. A change of a file in ``inputs`` makes a running process out of date, as one of ``argv``."""

    part: str
    argv: tuple[str, ...]
    inputs: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Return a digest of everything that decides how the part runs."""
        digest = hashlib.sha256("\0".join([*self.argv, *map(str, sorted(self.environment.items()))]).encode())
        for path in self.inputs:
            digest.update(b"\0" + path.read_bytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a cluster, as the process table shows it.

    Each part leads a session of its own; its helpers, and a helper that is about to become another program, do not.
    """

    pid: int
    session: int
    argv: tuple[str, ...]
    cluster: str
    part: str
    fingerprint: str

    def is_main(self, spec: Spec) -> bool:
        """Tell whether this is the part itself; its helpers inherit its marks and run other programs."""
        same_program = Path(self.argv[0]).name == Path(spec.argv[0]).name
        return self.pid == self.session and self.part == spec.part and same_program


def parse_process(pid: int, session: int, cmdline: bytes, environ: bytes) -> Process | None:
    """Read a process from its ``cmdline`` and ``environ`` in ``/proc``; ``None`` if it belongs to no cluster."""
    pairs = (entry.partition("=") for entry in environ.decode(errors="surrogateescape").split("\0"))
    environment = {name: value for name, _, value in pairs}
    if CLUSTER_MARK not in environment:
        return None
    argv = tuple(cmdline.decode(errors="surrogateescape").rstrip("\0").split("\0"))
    return Process(
        pid=pid,
        session=session,
        argv=argv,
        cluster=environment[CLUSTER_MARK],
        part=environment.get(PART_MARK, ""),
        fingerprint=environment.get(FINGERPRINT_MARK, ""),
    )


def scan() -> list[Process]:
    """Return the processes of every local cluster on this machine."""
    found = (_read(int(path.name)) for path in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process is not None]


def of_cluster(layout: Layout) -> list[Process]:
    """Return the processes of one cluster, helpers included."""
    return [process for process in scan() if process.cluster == str(layout.root)]


def ensure(layout: Layout, specs: Sequence[Spec]) -> None:
    """Make the parts run as their specs say, started in this order; a process that already does is left alone."""
    running = of_cluster(layout)
    mains = {spec.part: [process for process in running if process.is_main(spec)] for spec in specs}
    changed = [spec for spec in specs if not is_current(mains[spec.part], spec)]
    stop(process for spec in changed for process in mains[spec.part])
    for spec in changed:
        _start(layout, spec)


def is_current(mains: Sequence[Process], spec: Spec) -> bool:
    """Tell whether a part's processes are one, as the spec says now."""
    return len(mains) == 1 and mains[0].fingerprint == spec.fingerprint()


def is_running(layout: Layout, spec: Spec) -> bool:
    """Tell whether the part runs, whatever its configuration."""
    return any(process.is_main(spec) for process in of_cluster(layout))


def stop(processes: Iterable[Process], first: signal.Signals = signal.SIGTERM) -> None:
    """End processes: ``first`` a signal, then SIGKILL for those that stay."""
    descriptors = [descriptor for process in processes if (descriptor := _signal(process, first)) is not None]
    deadline = time.monotonic() + STOP_TIMEOUT
    for descriptor in descriptors:
        try:
            if not _ended(descriptor, deadline - time.monotonic()):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                _ended(descriptor, STOP_TIMEOUT)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits for what the parts of a cluster do, and notices when one of them ends instead."""

    layout: Layout
    step: Step

    def wait(self, what: str, condition: Callable[[], bool], specs: Sequence[Spec]) -> None:
        """Wait until ``condition`` holds; ``specs`` are the parts that it depends on.

        Raises `StartError` with the end of the log when one of them ends, or `READY_TIMEOUT` is over.
        """
        deadline = time.monotonic() + READY_TIMEOUT
        while not condition():
            self.step.update(f"waiting for {what}")
            for spec in specs:
                if not is_running(self.layout, spec):
                    message = f"{spec.part} ended while {what} was waited for:\n{log_tail(self.layout, spec.part)}"
                    raise StartError(message)
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {spec.part}\n{log_tail(self.layout, spec.part)}" for spec in specs)
                message = f"{what}: not within {READY_TIMEOUT:.0f} s. The logs in {self.layout.logs} end with:\n{tails}"
                raise StartError(message)
            time.sleep(POLL)


def log_tail(layout: Layout, part: str, lines: int = 12) -> str:
    """Return the last lines of a part's log."""
    try:
        text = (layout.logs / f"{part}.log").read_text(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def _start(layout: Layout, spec: Spec) -> None:
    marks = {CLUSTER_MARK: str(layout.root), PART_MARK: spec.part, FINGERPRINT_MARK: spec.fingerprint()}
    log = layout.logs / f"{spec.part}.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    layout.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = scratch.variables(layout.temporary, runtime=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=layout.root,
            env={**cluster_environment(), **temporary, **spec.environment, **marks},
            start_new_session=True,
        )
    # Until the kernel has laid out the new program it shows no environment.
    while _read(process.pid) is None and process.poll() is None:
        time.sleep(POLL / 10)
    # It outlives this process; should it end before, its exit status has to be collected.
    threading.Thread(target=process.wait, daemon=True).start()


def _read(pid: int) -> Process | None:
    with suppress(OSError):
        folder = Path("/proc") / str(pid)
        environ = (folder / "environ").read_bytes()
        if environ:
            return parse_process(pid, os.getsid(pid), (folder / "cmdline").read_bytes(), environ)
    return None


def _signal(process: Process, number: signal.Signals) -> int | None:
    """Signal exactly this process and return its pidfd; ``None`` when it has ended or is no part of it any more."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    now = _read(process.pid)
    with suppress(ProcessLookupError):
        # It may have become another program; whose it is does not change by that.
        if now is not None and (now.cluster, now.part) == (process.cluster, process.part):
            signal.pidfd_send_signal(descriptor, number)
            return descriptor
    os.close(descriptor)
    return None


def _ended(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0, round(seconds * 1000))))
