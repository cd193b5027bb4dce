"""The commits whose formats are still read, and running their code."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[1]
PACKAGES: Final = ("core", "tenant_runtime")


def versions() -> list[str]:
    """Return the commits of `versions`, oldest first."""
    lines = (line.partition("#")[0].split() for line in (FOLDER / "versions").read_text().splitlines())
    return [words[0] for words in lines if words]


def is_present(commit: str) -> bool:
    """Whether the history of this checkout contains the commit."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return found.returncode == 0


def extract(commit: str, folder: Path) -> None:
    """Unpack the packages of a commit into `folder`."""
    archive = subprocess.run(["git", "archive", commit, *PACKAGES], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")


def run(folder: Path, code: str, *arguments: str, stdin: str = "") -> str:
    """Run Python with the packages of `folder`; returns what it prints."""
    path = os.pathsep.join(str(folder / package) for package in PACKAGES)
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout
