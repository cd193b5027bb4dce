"""The trust patch, in processes of its own: it acts while Python starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oxy_simulator.keys import NODE_PRELOAD, client_environment
from oxy_simulator.testing import TRUST_FOLDER

READ_ROOT = """
import ctypes, sitecustomize
try:
    from neonize import _binder
except ImportError as error:
    raise SystemExit(f"refused: {error}")
found = [
    ctypes.string_at(mapping.start, mapping.end - mapping.start).find(bytes.fromhex("%s"))
    for mapping in sitecustomize.library_mappings()
]
print("patched" if max(found) >= 0 else "not patched")
"""


def run(script: str, root_file: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(TRUST_FOLDER)}
    environment.pop("OXY_NOISE_ROOT_FILE", None)
    if root_file is not None:
        environment["OXY_NOISE_ROOT_FILE"] = str(root_file)
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)


def test_without_its_variable_nothing_happens() -> None:
    script = "import sitecustomize; print(hasattr(sitecustomize, 'replace_root'))"
    assert run(script, None).stdout == "False\n"


def test_the_root_key_is_replaced_in_memory(tmp_path: Path) -> None:
    root = os.urandom(32).hex()
    root_file = tmp_path / "noise-root.hex"
    root_file.write_text(root + "\n")
    done = run(READ_ROOT % root, root_file)
    assert done.stdout.splitlines()[-1] == "patched", done.stderr


def test_a_key_that_is_not_found_exactly_once_is_an_error(tmp_path: Path) -> None:
    root_file = tmp_path / "noise-root.hex"
    root_file.write_text(os.urandom(32).hex())
    script = "import sitecustomize; sitecustomize.ORIGINAL_ROOT = b'x' * 32\n" + READ_ROOT % "00"
    assert "found 0 times in neonize, expected once" in run(script, root_file).stderr


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("zz", "hexadecimal"), ("00", "holds 1 bytes"), (None, "spec.network.caBundleConfigMapRef")],
)
def test_a_root_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: str | None, complaint: str) -> None:
    root_file = tmp_path / "noise-root.hex"
    if content is not None:
        root_file.write_text(content)
    done = run("from neonize import _binder", root_file)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_a_client_on_node_is_told_of_its_script_and_keeps_its_own_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--no-warnings")
    found = client_environment("http://127.0.0.1:1", tmp_path / "ca.crt", tmp_path / "noise-root.hex")
    assert found["NODE_OPTIONS"] == f'--require "{TRUST_FOLDER / NODE_PRELOAD}" --no-warnings'
    assert found["NODE_EXTRA_CA_CERTS"] == str(tmp_path / "ca.crt")
    assert (TRUST_FOLDER / NODE_PRELOAD).is_file()
