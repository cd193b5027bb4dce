"""The process is stopped from outside, whatever hangs in it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SCRIPT = """
import asyncio, sys, time
from oxy_tenant.stop_signals import StopSignals, leave

stop = StopSignals(stop_seconds=float(sys.argv[2]))
stop.install()

async def main():
    stop.follow()
    print("ready", flush=True)
    if sys.argv[1] == "blocks":
        while True:
            time.sleep(1)
    await stop.requested.wait()
    print("stopping", flush=True)
    if sys.argv[1] == "hangs":
        await asyncio.Event().wait()
    leave(0)

if sys.argv[1] == "starts":
    print("ready", flush=True)
    while True:
        time.sleep(1)
asyncio.run(main())
"""


@contextmanager
def process(kind: str, stop_seconds: float) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", SCRIPT, kind, str(stop_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_for_a_stop(number: signal.Signals) -> None:
    with process("stops", 300) as started:
        started.send_signal(number)
        assert started.wait(60) == 0


def test_a_second_signal_ends_a_stop_that_hangs() -> None:
    with process("hangs", 300) as started:
        started.send_signal(signal.SIGTERM)
        assert started.stdout is not None
        assert "stopping\n" in started.stdout
        started.send_signal(signal.SIGINT)
        assert started.wait(60) == 128 + signal.SIGINT


def test_two_signals_end_a_process_whose_event_loop_is_stuck() -> None:
    with process("blocks", 300) as started:
        deadline = time.monotonic() + 60
        while started.poll() is None and time.monotonic() < deadline:
            started.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # two that are pending at once are one, so on a slow machine it takes a third
        assert started.returncode == 128 + signal.SIGTERM


def test_a_stop_that_takes_too_long_is_cut_short() -> None:
    with process("hangs", 0.2) as started:
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 128 + signal.SIGTERM


def test_a_process_that_has_nothing_to_stop_yet_ends_at_once() -> None:
    with process("starts", 300) as started:
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
