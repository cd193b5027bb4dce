"""Commands that are interrupted or killed: what they say, and what is left of the programs that they ran."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from oxy_dev.cluster import binary

GO = """#!/bin/sh
# Stands in for a Go that takes for ever: it compiles nothing, leaves a temporary file and a child.
[ "$1" = version ] && { echo "go version go1.99.0 linux/amd64"; exit; }
mktemp --directory >/dev/null
sleep 600 &
echo "$$ $!" >"$OXY_CACHE/pids.partial"
mv "$OXY_CACHE/pids.partial" "$OXY_CACHE/pids"
wait
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").write_text(GO)
    (tmp_path / "bin" / "go").chmod(0o755)
    return tmp_path


@contextmanager
def command(cache: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "OXY_CACHE": str(cache),
        "OXY_STATE": str(cache / "state"),
        "PATH": f"{cache / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    environment.pop("CLUSTER", None)
    with subprocess.Popen(
        [sys.executable, "-m", "oxy_dev", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=60)[0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_ends_in_one_line_and_leaves_no_process_and_no_file(
    cache: Path, how: signal.Signals
) -> None:
    with command(cache, "kube") as process:
        wait_until((cache / "pids").exists)
        process.send_signal(how)
        text = said(process)
    assert process.returncode == 130
    assert "make kube: interrupted; run it again to continue" in text
    assert "Traceback" not in text
    wait_until(lambda: not any(is_alive(int(pid)) for pid in (cache / "pids").read_text().split()))
    assert not list(cache.glob("*.tmp"))


def test_a_killed_build_ends_too_and_taking_down_removes_its_files(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with command(cache, "kube") as process:
        wait_until((cache / "pids").exists)
        process.kill()
        process.wait()
    go, helper = map(int, (cache / "pids").read_text().split())
    try:
        wait_until(lambda: not is_alive(go))
    finally:
        # What a killed program had started itself goes its own way; Go's compilers end by themselves.
        os.kill(helper, signal.SIGKILL)
    monkeypatch.setenv("OXY_CACHE", str(cache))
    assert list((cache / "kube.tmp").iterdir())
    binary.clean()
    assert not (cache / "kube.tmp").exists()
    assert not list(cache.glob("kube/*.partial"))


def test_a_build_under_way_is_not_cleaned_away(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with command(cache, "kube"):
        wait_until((cache / "pids").exists)
        monkeypatch.setenv("OXY_CACHE", str(cache))
        binary.clean()
        assert (cache / "kube.tmp").exists()


def test_waiting_for_another_build_can_be_interrupted(cache: Path) -> None:
    with (cache / "kube.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with command(cache, "kube") as process:
            wait_until(lambda: opens(process.pid, cache / "kube.lock"))
            process.send_signal(signal.SIGINT)
            assert "make kube: interrupted" in said(process)


def opens(pid: int, path: Path) -> bool:
    with suppress(OSError):
        return any(link.resolve() == path for link in (Path("/proc") / str(pid) / "fd").iterdir())
    return False


@pytest.mark.parametrize("words", [("oxy", "status"), ("oxy", "logs", "petshop")])
def test_before_make_up_a_command_says_to_run_it(cache: Path, words: tuple[str, ...]) -> None:
    with command(cache, *words) as process:
        assert "make up" in said(process)
    assert process.returncode == 1


@pytest.mark.parametrize("words", [("chat",), ("oxy", "status")])
def test_a_cluster_without_processes_is_named_as_broken(cache: Path, words: tuple[str, ...]) -> None:
    (cache / "state" / "bin").mkdir(parents=True)
    (cache / "state" / "kubeconfig").touch()
    (cache / "state" / "bin" / "kubectl").symlink_to("/nowhere/kubectl")
    with command(cache, *words) as process:
        text = said(process)
    assert process.returncode == 1
    assert "nothing of the cluster" in text
    assert "`make up` repairs it" in text
    assert len(text.splitlines()) == 1


def test_whoever_stops_reading_gets_no_complaint(cache: Path) -> None:
    with command(cache, "oxy", "status") as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(60)
    assert process.returncode in (1, 130)
