"""Which ends of a tenant's process have a cause: those that the run inflicted, and those that it wrote down."""

import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chaos.tenant.exits import Exit, read_exit, table, unexplained

from oxy_core.tenant import TerminationMessage


def left(folder: Path, reason: str, exit_code: int) -> Path:
    """Leave a termination message."""
    message = TerminationMessage(
        epoch=1, pod_uid="pod-1", exit_code=exit_code, reason=reason, message="", ended_at=datetime.now(UTC)
    )
    path = folder / "termination-log"
    path.write_bytes(message.encode())
    return path


def test_an_end_has_the_cause_that_its_process_wrote_down(tmp_path: Path) -> None:
    assert read_exit(64, left(tmp_path, "LoggedOut", 64)) == Exit(64, "LoggedOut")
    assert read_exit(-signal.SIGABRT, left(tmp_path, "ConnectFailure", 134)) == Exit(-6, "ConnectFailure")


def test_a_cause_of_another_end_is_none(tmp_path: Path) -> None:
    assert read_exit(-signal.SIGSEGV, left(tmp_path, "ConnectFailure", 134)) == Exit(-11)
    (tmp_path / "termination-log").write_text("half a mess")
    assert read_exit(64, tmp_path / "termination-log") == Exit(64)
    assert read_exit(64, tmp_path / "none") == Exit(64)


@pytest.mark.parametrize("code", [0, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM])
def test_ends_that_the_run_inflicts_need_no_cause(code: int) -> None:
    assert list(unexplained([Exit(code)])) == []


@pytest.mark.parametrize("code", [-signal.SIGABRT, -signal.SIGSEGV, 1, 2, 70])
def test_any_other_end_needs_one(code: int) -> None:
    (found,) = unexplained([Exit(code), Exit(code, "ConnectFailure"), Exit(0)])
    assert str(code) in found


def test_the_table_counts_ends_by_code_and_cause() -> None:
    exits = [
        Exit(0),
        Exit(-6, "ConnectFailure"),
        Exit(0),
        Exit(69, "AccountLocked"),
        Exit(69, "AccountBanned"),
        Exit(-6),
    ]
    assert table(exits) == ("-6: 1, -6 (ConnectFailure): 1, 0: 2, 69 (AccountBanned): 1, 69 (AccountLocked): 1")
