"""The control API's client, and what it says when something else answers, or the API fails."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import aiohttp
import pytest
from aiohttp import web

from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import RequestError
from oxy_simulator.testing import WhatsApp

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def stranger(handler: Handler) -> AsyncIterator[str]:
    """Run a server that is no simulator; yields its URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (404, "<html>none</html>", "text/html", r"404 Not Found \(text/html\)"),
        (200, "<html>hello</html>", "text/html", r"200 OK \(text/html\)"),
        (200, '{"hello": 1}', "application/json", r"200 OK \(application/json\)"),
        (500, '{"detail": "x"}', "application/json", r"500 Internal Server Error \(application/json\)"),
        (502, "who are you?\n", "text/plain", r"502 Bad Gateway \(text/plain\) 'who are you\?'"),
        (200, b"\xff\xfe", "text/plain", r"200 OK \(text/plain\)"),
    ],
)
async def test_a_server_that_is_no_simulator_is_called_so(status: int, body: str | bytes, kind: str, said: str) -> None:
    content = body.encode() if isinstance(body, str) else body

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=content, content_type=kind)

    async with stranger(answer) as url:
        with pytest.raises(
            RequestError, match=rf"^{url} is no control API .* GET /state was answered {said}.* 'control'$"
        ):
            await SimulatorClient(url).state()


async def test_the_proxys_port_says_which_port_it_is(simulator: WhatsApp) -> None:
    with pytest.raises(RequestError, match=r"403 Forbidden .* This is oxy-simulator's proxy .* control API is on"):
        await SimulatorClient(simulator.proxy_url).state()


@pytest.mark.parametrize("url", ["127.0.0.1:9101", "nowhere", "ftp://127.0.0.1", "http://127.0.0.1:x", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match=r"is no URL of a control API; write it like http://127\.0\.0\.1:9101"):
        SimulatorClient(url)


async def test_a_request_that_is_too_large_is_told_where_files_go(simulator: WhatsApp) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(simulator.control_url + "/phones", data=io.BytesIO(bytes((1 << 25) + 1))) as response,
    ):
        assert response.status == 413
        assert "larger than 32 MiB; give a phone large files with POST" in (await response.json())["error"]


async def test_a_failure_of_the_simulator_itself_is_told_as_such(simulator: WhatsApp) -> None:
    simulator.ca_file.unlink()
    with pytest.raises(RequestError, match=r"the simulator itself failed: FileNotFoundError.* report that as a bug"):
        await simulator.api.trust()
