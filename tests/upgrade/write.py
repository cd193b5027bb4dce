"""Write the golden files of the checked-out commit: ``python tests/upgrade/write.py``, with `tests` on the path."""

import subprocess
from pathlib import Path

from upgrade.contents import CONTENT_DOCUMENTS
from upgrade.documents import FULL, minimal
from upgrade.releases import FOLDER, ROOT


def main() -> None:
    """Write one folder, named after the commit."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    folder = FOLDER / "golden" / commit.strip()
    folder.mkdir(parents=True)
    for name, document in FULL.items():
        write(folder / f"{name}.full.json", document.encode())
        write(folder / f"{name}.minimal.json", minimal(document).encode())
    for name, document in CONTENT_DOCUMENTS.items():
        write(folder / f"{name}.full.json", document.encode())


def write(path: Path, content: bytes) -> None:
    """Write a file that ends with a newline."""
    path.write_bytes(content + b"\n")


if __name__ == "__main__":
    main()
