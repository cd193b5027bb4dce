"""What the simulator is to run with and cannot: each mistake is explained with what, why and what to do."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oxy_simulator.control import serving_control
from oxy_simulator.errors import RequestError, SetupError
from oxy_simulator.hosting import run_service
from oxy_simulator.testing import WhatsApp


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is to fail."""
    command = [sys.executable, "-m", "oxy_simulator", *arguments]
    settings = {**os.environ, "OXY_SIMULATOR_PROXY_PORT": "0", "OXY_SIMULATOR_CONTROL_PORT": "0", **environment}
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)


async def test_a_taken_proxy_port_is_explained_and_leaves_the_state_as_it_was(tmp_path: Path, taken: int) -> None:
    async with run_service(tmp_path):
        pass
    with pytest.raises(RequestError, match=r"another program has that port; stop it, .* --proxy-port"):
        async with run_service(tmp_path, proxy_port=taken):
            pass
    assert (tmp_path / "clean").exists()
    async with run_service(tmp_path):
        assert not (tmp_path / "clean").exists()


async def test_a_taken_control_port_is_explained(simulator: WhatsApp, taken: int) -> None:
    with pytest.raises(SetupError, match=f"127.0.0.1:{taken}: another program has that port; .* with --control-port"):
        async with serving_control(simulator.service, taken):
            pass


@pytest.mark.parametrize(
    ("host", "complaint"),
    [
        ("nowhere.invalid", "'nowhere.invalid' is neither an address nor a name that is known here; take 127.0.0.1"),
        ("a..b", "'a..b' is neither an address nor a name that is known here; take 127.0.0.1"),
        ("a\0b", "'a.x00b' is neither an address nor a name that is known here; take 127.0.0.1"),
        ("192.0.2.1", "192.0.2.1 is no address of this machine; take 127.0.0.1"),
    ],
)
async def test_a_host_that_is_not_this_machine_is_no_matter_of_the_port(
    tmp_path: Path, host: str, complaint: str
) -> None:
    with pytest.raises(RequestError, match=complaint) as caught:
        async with run_service(tmp_path, host=host):
            pass
    assert "another port" not in str(caught.value)


def _state_is_a_file(folder: Path) -> Path:
    (folder / "state").touch()
    return folder / "state"


def _state_in_a_file(folder: Path) -> Path:
    return _state_is_a_file(folder) / "inner"


def _database_is_a_folder(folder: Path) -> Path:
    (folder / "state.db").mkdir()
    return folder


def _media_is_a_file(folder: Path) -> Path:
    (folder / "media").touch()
    return folder


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        (_state_is_a_file, "state cannot be used: it is a file, not a folder; name another"),
        (_state_in_a_file, "inner cannot be used: a part of its path is a file, not a folder; name another"),
        (_database_is_a_folder, "state.db: it is a folder, not a file; mend it, or name another with --state"),
        (_media_is_a_file, "media cannot be used: it is a file, not a folder; mend it"),
    ],
)
async def test_a_state_folder_that_is_none_is_explained(
    tmp_path: Path, prepare: Callable[[Path], Path], complaint: str
) -> None:
    with pytest.raises(SetupError, match=complaint):
        async with run_service(prepare(tmp_path)):
            pass


def test_a_packet_log_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    done = run("serve", "--state", str(tmp_path / "state"), "--packets", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        f"oxy-simulator: the packet log {tmp_path} cannot be used: it is a folder, not a file;"
        " name a file in a folder that exists with --packets\n"
    )


async def test_trust_explains_its_folder_and_its_program(simulator: WhatsApp, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    base = "trust", "--url", simulator.control_url, "--folder"
    done = await asyncio.to_thread(run, *base, str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "file cannot be used: it is a file, not a folder; name another with --folder" in done.stderr
    done = await asyncio.to_thread(run, *base, str(tmp_path / "trust"), "--", "no-such-program")
    assert done.returncode == 2
    assert (
        done.stderr
        == "oxy-simulator: 'no-such-program' cannot be started: it does not exist; install it, or write its path\n"
    )


def serving(folder: Path) -> subprocess.Popen[str]:
    """Start a server on a state folder and wait until it is ready or has ended."""
    command = [sys.executable, "-m", "oxy_simulator", "serve", "--state", str(folder), "--log-level", "error"]
    settings = {**os.environ, "OXY_SIMULATOR_PROXY_PORT": "0", "OXY_SIMULATOR_CONTROL_PORT": "0"}
    return subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_servers_that_start_at_once_on_one_folder_one_serves_and_a_killed_one_leaves_it_free(tmp_path: Path) -> None:
    servers = [serving(tmp_path / "state") for _ in range(3)]
    try:
        ready = [server.stdout.readline() for server in servers if server.stdout is not None]
        (first,) = (server for server, line in zip(servers, ready, strict=True) if line)
        others = [server for server in servers if server is not first]
        for other in others:
            _, told = other.communicate(timeout=60)
            complaint = f"{tmp_path / 'state'} is in use by simulator process {first.pid}; stop it, or name another"
            assert (other.returncode, complaint in told) == (2, True), told
        first.kill()
        first.communicate()
        again = serving(tmp_path / "state")
        servers.append(again)
        assert again.stdout is not None
        assert "proxy" in again.stdout.readline()
    finally:
        for server in servers:
            server.kill()
            server.communicate()
