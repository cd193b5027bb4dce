import asyncio
import socket
import time
import urllib.error
import urllib.request

from oxy_core.probes import serving_probes


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
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


async def test_a_stalled_event_loop_is_reported_dead() -> None:
    with serving_probes("127.0.0.1", 0, lambda: None, stall_seconds=0.05) as port:
        request = asyncio.get_running_loop().run_in_executor(None, _fetch_when_stalled, port)
        time.sleep(0.4)  # noqa: ASYNC251 the stall under test
        assert (await request)[0] == 503


def _fetch_when_stalled(port: int) -> tuple[int, str]:
    time.sleep(0.2)
    return fetch(port, "/livez")


async def test_a_client_that_says_nothing_holds_up_nobody() -> None:
    with serving_probes("127.0.0.1", 0, lambda: None) as port, socket.create_connection(("127.0.0.1", port)):
        assert (await asyncio.to_thread(fetch, port, "/livez"))[0] == 200
