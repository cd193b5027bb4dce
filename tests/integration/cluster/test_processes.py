import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oxy_dev.cluster import processes
from oxy_dev.cluster.errors import StartError
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.processes import Process, Spec, Waiter
from oxy_dev.cluster.progress import Reporter

SLEEPER = Spec("sleeper", ("sleep", "600"))


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path)
    layout.logs.mkdir()
    yield layout
    processes.stop(processes.of_cluster(layout), signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)


def only(layout: Layout) -> Process:
    [process] = processes.of_cluster(layout)
    return process


def test_a_running_part_is_left_alone(layout: Layout) -> None:
    processes.ensure(layout, [SLEEPER])
    first = only(layout)
    processes.ensure(layout, [SLEEPER])
    assert only(layout) == first


def test_a_killed_part_is_started_again(layout: Layout) -> None:
    processes.ensure(layout, [SLEEPER])
    first = only(layout)
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: not processes.is_running(layout, SLEEPER))
    processes.ensure(layout, [SLEEPER])
    assert only(layout).pid != first.pid


def test_a_changed_part_is_started_anew(layout: Layout) -> None:
    processes.ensure(layout, [SLEEPER])
    changed = replace(SLEEPER, argv=("sleep", "601"))
    processes.ensure(layout, [changed])
    assert only(layout).argv == ("sleep", "601")


def test_a_part_that_ignores_the_request_to_end_is_killed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT", 0.2)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    stubborn = Spec("stubborn", (sys.executable, "-c", script))
    processes.ensure(layout, [stubborn])
    wait_until(lambda: "ready" in processes.log_tail(layout, "stubborn"))
    processes.stop(processes.of_cluster(layout))
    wait_until(lambda: not processes.of_cluster(layout))


def test_somebody_elses_process_with_the_same_command_is_never_touched(layout: Layout) -> None:
    with subprocess.Popen(SLEEPER.argv) as stranger:
        try:
            processes.ensure(layout, [SLEEPER])
            processes.stop(processes.of_cluster(layout))
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_pid_that_went_to_another_process_is_never_signalled(layout: Layout) -> None:
    with subprocess.Popen(SLEEPER.argv) as stranger:
        try:
            stale = Process(
                stranger.pid, stranger.pid, SLEEPER.argv, str(layout.root), SLEEPER.part, SLEEPER.fingerprint()
            )
            processes.stop([stale], signal.SIGKILL)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_another_clusters_part_is_not_ours(layout: Layout, tmp_path: Path) -> None:
    processes.ensure(layout, [SLEEPER])
    assert processes.of_cluster(Layout(tmp_path / "other")) == []


def test_waiting_for_a_part_that_ends_says_what_it_said(layout: Layout) -> None:
    failing = Spec("failing", ("sh", "-c", "echo no such disk; exit 3"))
    processes.ensure(layout, [failing])
    with Reporter().step("test") as step, pytest.raises(StartError, match="no such disk"):
        Waiter(layout, step).wait("the impossible", lambda: False, [failing])
