import json
from pathlib import Path

import pytest

from oxy_tenant.set_aside import REFUSED, found, main, size_of

OLD, NEW = "session.bad-20261001T120000Z.db", "session.before-restore-20261128T120000Z.db"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (NEW, OLD, f"{OLD}-wal", f"{OLD}-shm", "session.db", "session.copy.db", "journal.db", "metadata.json"):
        (tmp_path / name).write_bytes(b"12345")
    monkeypatch.setenv("OXY_SESSION", str(tmp_path))
    return tmp_path


def test_what_was_set_aside_is_listed_with_its_size_and_age(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": OLD, "bytes": 15, "since": "2026-10-01T12:00:00Z"},
        {"name": NEW, "bytes": 5, "since": "2026-11-28T12:00:00Z"},
    ]
    assert len(list(folder.iterdir())) == 8
    assert sum(map(size_of, found(folder))) == 20


def test_what_a_person_has_called_similarly_is_none_of_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "session.bad-99999999T999999Z.db").write_bytes(b"1")
    assert main(["list"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert sum(map(size_of, found(folder))) == 20


def test_one_is_deleted_with_its_log_and_nothing_else(folder: Path) -> None:
    assert main(["delete", OLD]) == 0
    assert {path.name for path in folder.iterdir()} == {
        NEW,
        "session.db",
        "session.copy.db",
        "journal.db",
        "metadata.json",
    }


@pytest.mark.parametrize(
    "words",
    [
        ["delete", "session.db"],
        ["delete", "session.copy.db"],
        ["delete", f"{OLD}-wal"],
        ["delete", f"../{OLD}"],
        ["delete", "session.bad-20261001T120000Z.db/../session.db"],
        ["delete", ""],
        ["delete"],
        [],
    ],
)
def test_whatever_else_a_name_leads_to_stays(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == REFUSED
    assert capsys.readouterr().err.startswith("error: ")
    assert len(list(folder.iterdir())) == 8


def test_a_log_that_is_all_that_was_left_of_a_session_is_listed_and_deleted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / OLD).unlink()
    assert main(["list"]) == 0
    assert sum(map(size_of, found(folder))) == 15
    assert json.loads(capsys.readouterr().out)[0] == {"name": OLD, "bytes": 10, "since": "2026-10-01T12:00:00Z"}
    assert main(["delete", OLD]) == 0
    assert not list(folder.glob(f"{OLD}*"))
