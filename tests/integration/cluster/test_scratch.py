import os
import subprocess
import threading
from pathlib import Path

from oxy_dev.cluster.scratch import remove, scratch, variables


def test_programs_put_temporary_files_where_they_are_told(tmp_path: Path) -> None:
    with scratch(tmp_path / "tmp") as folder:
        subprocess.run(["mktemp"], env={**os.environ, **variables(folder)}, check=True, capture_output=True)
        assert list(folder.iterdir())
    assert not (tmp_path / "tmp").exists()


def test_what_a_killed_program_left_is_gone_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "tmp" / "go-build1").mkdir(parents=True)
    with scratch(tmp_path / "tmp") as folder:
        assert list(folder.iterdir()) == []


def test_what_is_mounted_there_is_detached_and_never_deleted(tmp_path: Path) -> None:
    precious, target = tmp_path / "precious", tmp_path / "tmp" / "rootfs"
    precious.mkdir()
    (precious / "file").touch()
    target.mkdir(parents=True)
    subprocess.run(["mount", "--bind", precious, target], check=True)
    remove(tmp_path / "tmp")
    assert (precious / "file").exists()
    assert not (tmp_path / "tmp").exists()


def test_a_program_that_still_writes_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    writing = threading.Event()

    def write() -> None:
        for number in range(2000):
            try:
                (folder / str(number)).mkdir()
            except FileNotFoundError:
                return
            writing.set()

    writer = threading.Thread(target=write)
    writer.start()
    writing.wait(60)
    remove(folder)
    writer.join()
    assert not folder.exists()
