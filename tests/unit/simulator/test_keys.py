"""The server's keys: made once and together, checked when they are loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from oxy_simulator.errors import SetupError
from oxy_simulator.keys import KEY_FILES, ensure_keys, load_keys, require_keys

NOW = 1_800_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with keys."""
    ensure_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder with other keys."""
    ensure_keys(tmp_path / "other")
    return tmp_path / "other"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_keys_are_made_once_and_their_secrets_are_private(folder: Path) -> None:
    made = contents(folder)
    assert set(made) == set(KEY_FILES)
    assert {name: (folder / name).stat().st_mode & 0o077 for name in ("noise-root.key", "tls.pem")} == {
        "noise-root.key": 0,
        "tls.pem": 0,
    }
    ensure_keys(folder)
    assert contents(folder) == made
    assert load_keys(folder, NOW).noise_root.hex() == made["noise-root.hex"].decode().strip()


@pytest.mark.parametrize("name", KEY_FILES)
def test_where_some_are_missing_none_is_replaced(folder: Path, name: str) -> None:
    (folder / name).unlink()
    left = contents(folder)
    for check in (ensure_keys, require_keys):
        with pytest.raises(SetupError, match=f"but not {name}; put back what is missing from a copy"):
            check(folder)
    assert contents(folder) == left


def test_many_processes_that_start_at_once_on_an_empty_folder_have_the_same_keys(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make = f"""
from pathlib import Path
from oxy_simulator import keys
folder = Path({str(folder)!r})
input("ready\\n")
keys.ensure_keys(folder)
print(keys.load_keys(folder, {NOW}).noise_root.hex())
"""
    command = [sys.executable, "-c", make]
    makers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    told = [maker.communicate(timeout=60) for maker in makers]
    assert {errors for _, errors in told} == {""}
    assert len({root for root, _ in told}) == 1
    assert set(contents(folder)) == set(KEY_FILES)


def test_whoever_is_interrupted_while_making_keys_has_all_or_none(folder: Path) -> None:
    made = contents(folder)
    for name in ("tls.pem", "noise-root.key"):
        (folder / name).rename(folder / f".{name}.new")
    ensure_keys(folder)
    assert contents(folder) == made
    for name in KEY_FILES:
        (folder / name).unlink()
    (folder / ".tls.pem.new").write_bytes(b"half")
    ensure_keys(folder)
    assert set(contents(folder)) == set(KEY_FILES)
    load_keys(folder, NOW)


def test_a_folder_that_must_have_keys_and_has_none_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"make them with: oxy-simulator keys --keys {tmp_path}/none"):
        require_keys(tmp_path / "none")
    assert not (tmp_path / "none").exists()


DAMAGES = [
    ("noise-root.key", b"", "noise-root.key is damaged: it does not hold 64 hexadecimal digits"),
    ("noise-root.key", b"\xff\xfe", "noise-root.key is damaged"),
    ("noise-root.key", b"ab" * 31, "noise-root.key is damaged"),
    ("noise-root.key", b"ab" * 32, "noise-root.hex does not belong to noise-root.key"),
    ("noise-root.hex", b"zz" * 32, "noise-root.hex is damaged"),
    ("tls.pem", b"", "tls.pem is damaged: it holds no certificate"),
    ("tls.pem", b"-----BEGIN CERTIFICATE-----\nrust\n-----END CERTIFICATE-----\n", "tls.pem is damaged"),
    ("ca.crt", b"rust", "ca.crt is damaged: it holds no certificate"),
]


@pytest.mark.parametrize(("name", "content", "complaint"), DAMAGES)
def test_a_damaged_key_is_named_with_the_remedy(folder: Path, name: str, content: bytes, complaint: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(SetupError, match=f"{complaint}.*; put it back from a copy, or move all four away"):
        load_keys(folder, NOW)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("ca.crt", "tls.pem is not signed by ca.crt"),
        ("tls.pem", "tls.pem is not signed by ca.crt"),
        ("noise-root.hex", "noise-root.hex does not belong to noise-root.key"),
    ],
)
def test_keys_of_two_servers_do_not_mix(folder: Path, other: Path, name: str, complaint: str) -> None:
    (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(SetupError, match=complaint):
        load_keys(folder, NOW)


def test_a_certificate_without_its_private_key_is_of_no_use(folder: Path, other: Path) -> None:
    end = b"-----END CERTIFICATE-----\n"
    certificate = (folder / "tls.pem").read_bytes().partition(end)[0] + end
    for key in (b"", (other / "tls.pem").read_bytes().partition(end)[2]):
        (folder / "tls.pem").write_bytes(certificate + key)
        with pytest.raises(SetupError, match="its private key is missing or another's"):
            load_keys(folder, NOW)


def test_what_cannot_be_read_or_made_is_explained(folder: Path, tmp_path: Path) -> None:
    (folder / "tls.pem").unlink()
    (folder / "tls.pem").mkdir()
    with pytest.raises(SetupError, match=r"tls\.pem cannot be used: it is a folder, not a file; let this user read it"):
        load_keys(folder, NOW)
    (tmp_path / "file").touch()
    with pytest.raises(
        SetupError, match=r"the folder of keys .*: it is a file, not a folder; name another with --keys"
    ):
        ensure_keys(tmp_path / "file", option="--keys")
    with pytest.raises(SetupError, match=r"the state folder .*: it is a file, not a folder; name another with --state"):
        ensure_keys(tmp_path / "file")
