import asyncio
import contextlib
import gzip
import socket
import struct
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oxy_core.probes import HEAD_BYTES, MOST_CONNECTIONS, serving_probes

REFUSED = b"not a request with a head of at most 16 KiB\n"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_readiness_follows_its_check() -> None:
    problem: list[str] = ["not connected"]
    with serving_probes("127.0.0.1", 0, lambda: problem[0] if problem else None) as port:
        assert await asyncio.to_thread(fetch, port, "/readyz") == (503, "not connected\n")
        problem.clear()
        assert await asyncio.to_thread(fetch, port, "/readyz") == (200, "ok\n")


async def test_metrics_are_served_and_other_pages_are_not() -> None:
    with serving_probes("127.0.0.1", 0, lambda: None) as port:
        assert "python_info" in (await asyncio.to_thread(fetch, port, "/metrics"))[1]
        assert (await asyncio.to_thread(fetch, port, "/"))[0] == 503


def said(port: int, request: bytes) -> bytes:
    """What the server says to a request until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: pod\r\n\r\n", b"200", b"ok\n"),
        (b"GET /livez?verbose HTTP/1.0\r\n\r\n", b"200", b"ok\n"),
        (b"HEAD /livez HTTP/1.1\r\nHost: pod\r\n\r\n", b"200", b""),
        (b"POST /livez HTTP/1.1\r\nHost: pod\r\nContent-Length: 0\r\n\r\n", b"405", b""),
        (b"\xff\x00\r\n\r\n", b"400", REFUSED),
        (b"GET /" + b"x" * HEAD_BYTES + b" HTTP/1.1\r\nHost: pod\r\n", b"431", REFUSED),
    ],
    ids=["GET", "HTTP/1.0 with a query", "HEAD", "POST", "garbage", "too long"],
)
async def test_what_is_asked_is_answered_once(request_: bytes, status: bytes, body: bytes) -> None:
    with serving_probes("127.0.0.1", 0, lambda: None) as port:
        head, _, rest = (await asyncio.to_thread(said, port, request_)).partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert rest == body
    assert b"connection: close" in head.lower()


async def test_metrics_come_as_prometheus_asks_for_them() -> None:
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    with serving_probes("127.0.0.1", 0, lambda: None) as port:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics?name[]=python_info", headers=wanted)
        with await asyncio.to_thread(urllib.request.urlopen, request, timeout=30) as answer:
            text = gzip.decompress(answer.read()).decode()
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert {line.partition("{")[0] for line in text.splitlines() if line[0] != "#"} == {"python_info"}


async def test_a_server_that_ends_lets_no_client_wait(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as client:
        client.settimeout(30)
        with serving_probes("127.0.0.1", 0, lambda: None) as port:
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /livez")
            assert (await asyncio.to_thread(fetch, port, "/livez"))[0] == 200
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert "pending" not in capfd.readouterr().err


async def test_a_stalled_event_loop_is_reported_dead() -> None:
    with serving_probes("127.0.0.1", 0, lambda: None, stall_seconds=0.05) as port, ThreadPoolExecutor(1) as pool:
        assert pool.submit(_is_reported_dead, port).result(), "the loop stands still meanwhile: that is under test"


def _is_reported_dead(port: int) -> bool:
    deadline = time.monotonic() + 30
    while fetch(port, "/livez")[0] != 503:
        if time.monotonic() > deadline:
            return False
    return True


async def test_a_client_that_says_nothing_holds_up_nobody() -> None:
    with serving_probes("127.0.0.1", 0, lambda: None) as port, socket.create_connection(("127.0.0.1", port)):
        assert (await asyncio.to_thread(fetch, port, "/livez"))[0] == 200


async def test_connections_that_say_nothing_exhaust_no_descriptors_and_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("oxy_core.probes.REQUEST_SECONDS", 600.0)  # these are ended because there are too many
    before, silent = open_files(), 3 * MOST_CONNECTIONS
    with serving_probes("127.0.0.1", 0, lambda: None) as port, contextlib.ExitStack() as connections:
        for _ in range(silent):
            connections.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert (await asyncio.to_thread(fetch, port, "/livez"))[0] == 200
        async with asyncio.timeout(30):
            while open_files() > before + silent + MOST_CONNECTIONS + 8:  # noqa: ASYNC110 files have no event
                await asyncio.sleep(0.01)


def is_ended(port: int, said: bytes) -> bool:
    """Whether the server ends a connection on which this is said again and again."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(0.02)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                connection.sendall(said)
                if not connection.recv(1):
                    return True
            except TimeoutError:
                continue
            except ConnectionError:
                return True
    return False


@pytest.mark.parametrize("said", [b"", b"x"], ids=["silent", "a byte now and then"])
async def test_a_request_that_is_never_complete_is_ended(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxy_core.probes.REQUEST_SECONDS", 0.2)
    with serving_probes("127.0.0.1", 0, lambda: None) as port:
        assert await asyncio.to_thread(is_ended, port, said)


async def test_a_request_may_be_no_larger_than_any_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxy_core.probes.REQUEST_SECONDS", 600.0)
    with serving_probes("127.0.0.1", 0, lambda: None) as port:
        assert await asyncio.to_thread(is_ended, port, b"X: y\r\n" * HEAD_BYTES)
        assert (await asyncio.to_thread(fetch, port, "/livez"))[0] == 200


async def test_clients_that_go_away_leave_nothing_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with serving_probes("127.0.0.1", 0, lambda: None) as port:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /livez")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        assert (await asyncio.to_thread(fetch, port, "/livez"))[0] == 200
    assert "Traceback" not in capfd.readouterr().err
