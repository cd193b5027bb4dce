import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from oxy_core.memory_file import memory_file


@pytest.mark.parametrize("content", ["text", b"bytes", b""])
def test_a_file_in_memory_is_read_like_any_other_and_again(content: str | bytes) -> None:
    path = Path(memory_file(content, "/a/folder", force_recreate=True))
    expected = content.encode() if isinstance(content, str) else content
    assert (path.is_file(), path.read_bytes(), path.read_bytes()) == (True, expected, expected)
    assert memory_file(content, "/a/folder", force_recreate=True) == str(path)
    assert not str(path.resolve()).startswith(tempfile.gettempdir())


def test_a_child_process_does_not_inherit_the_file() -> None:
    path = memory_file("a secret")
    program = f"import os; print(os.path.exists({path!r}))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
