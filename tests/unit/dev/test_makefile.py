import os
import pty
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HELP = ["make", "--no-print-directory", "--directory", str(ROOT), "help"]


def on_a_terminal(environment: dict[str, str]) -> bytes:
    leader, follower = pty.openpty()
    try:
        subprocess.run(HELP, stdout=follower, env=environment, check=True)
        return os.read(leader, 1 << 16)
    finally:
        os.close(leader)
        os.close(follower)


@pytest.fixture
def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "MAKEFLAGS", "MAKELEVEL")}


def test_help_is_plain_in_a_pipe(environment: dict[str, str]) -> None:
    shown = subprocess.run(HELP, capture_output=True, env=environment, check=True).stdout
    assert b"up  " in shown
    assert b"\x1b" not in shown


def test_help_has_colours_on_a_terminal_unless_refused(environment: dict[str, str]) -> None:
    assert b"\x1b[" in on_a_terminal(environment)
    assert b"\x1b[" not in on_a_terminal({**environment, "NO_COLOR": "1"})
