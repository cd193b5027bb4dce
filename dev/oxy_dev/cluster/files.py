"""Writing files."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, also while it is being written."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def write_if_changed(path: Path, text: str) -> None:
    """Write a file in one step, unless it holds this already: some programs end when their file is written."""
    if not path.exists() or path.read_text() != text:
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(text)
        partial.replace(path)
