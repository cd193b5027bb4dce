"""A signal while a process imports what it needs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oxy_core.early_signals import UNFINISHED
from oxy_dev.servers import free_port

IMPORTED = """
import os, signal
os.kill(os.getpid(), signal.SIGTERM)
os.write(1, b"it goes on")
"""


@pytest.mark.parametrize(
    ("process", "exit_code"),
    [
        ("oxy_operator", 0),
        ("oxy_ai", 0),
        ("oxy_tenant", 0),
        # A job that ended with success would not run again.
        ("oxy_operator.bootstrap", UNFINISHED),
        ("oxy_ai.migrate", UNFINISHED),
    ],
)
def test_a_process_that_is_only_starting_ends_as_soon_as_it_is_told_to(
    process: str, exit_code: int, tmp_path: Path
) -> None:
    """Without a handler the first process of a container would not even notice; any other one is killed."""
    (tmp_path / "structlog.py").write_text(IMPORTED)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-m", process], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (exit_code, b""), ended.stderr.decode()


def test_a_migration_that_waits_for_its_database_ends_when_it_is_told_to_and_is_not_done() -> None:
    database = f"postgresql://nobody@127.0.0.1:{free_port()}/oxy"
    variables = {"OXY_DATABASE_ADMIN_URL": database, "OXY_DATABASE_APP_PASSWORD": "x"}
    with subprocess.Popen(
        [sys.executable, "-m", "oxy_ai.migrate"], env={**os.environ, **variables}, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert b"database_unreachable" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == UNFINISHED


def test_a_signal_that_is_held_back_waits_for_the_program_that_replaces_this_one() -> None:
    then = "from oxy_core.early_signals import end_on_signals; end_on_signals(); print('it goes on')"
    first = f"""
import os, signal, sys
from oxy_core.early_signals import end_on_signals, hold_signals_back
end_on_signals()
hold_signals_back()
os.kill(os.getpid(), signal.SIGTERM)
os.write(1, b"held back")
os.execv(sys.executable, [sys.executable, "-c", {then!r}])
"""
    ended = subprocess.run([sys.executable, "-c", first], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"held back"), ended.stderr.decode()
