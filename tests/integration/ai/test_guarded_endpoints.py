"""An instance's endpoint leads to public addresses or to those that the platform admin lists, and nowhere else."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from integration.ai.endpoint import Endpoint, Reaction, running_endpoint, saying, sending
from pydantic import SecretStr

from oxy_ai.errors import ModelOutageError, OutageCause
from oxy_ai.model.client import ModelClient, ModelSettings
from oxy_ai.model.route import ModelRoute, Question

QUESTION = Question(temperature=0, max_tokens=10, messages=[{"role": "user", "content": "Oi"}])
FINE = saying("Oi!")
PUBLIC = "127.0.0.2"
"""Stands for a public address: it is listed, and 127.0.0.1 is not."""


@dataclass
class Trap:
    """A server inside: a connection to it is a leak already, because it tells which ports are open."""

    port: int
    connections: int = 0


@asynccontextmanager
async def running_trap(address: str = "127.0.0.1") -> AsyncIterator[Trap]:
    trap = Trap(0)

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trap.connections += 1
        writer.close()

    server = await asyncio.start_server(connected, address, 0)
    trap.port = server.sockets[0].getsockname()[1]
    async with server:
        yield trap


@asynccontextmanager
async def client(allowed: str = "", **changes: object) -> AsyncIterator[ModelClient]:
    settings = {"openai_base_url": "http://127.0.0.1:1/v1", "openai_api_key": SecretStr("platform's")}
    model = ModelClient(ModelSettings.model_validate(settings | {"allowed_endpoints": allowed} | changes))
    try:
        yield model
    finally:
        await model.close()


def route(base_url: str | None, *models: str, seconds: float = 5) -> ModelRoute:
    return ModelRoute("clinic", "main", base_url, models or ("m",), seconds)


async def refused(model: ModelClient, base_url: str) -> ModelOutageError:
    with pytest.raises(ModelOutageError) as raised:
        await model.ask(QUESTION, route(base_url))
    return raised.value


SPELLED_INSIDE = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
    "0.0.0.0",  # noqa: S104 an address to refuse
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1%25lo]",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "169.254.169.254",
    "metadata.google.internal",
]


async def test_no_spelling_of_an_inner_address_is_connected_to() -> None:
    async with running_trap() as trap, client() as model:
        for host in SPELLED_INSIDE:
            error = await refused(model, f"http://{host}:{trap.port}/v1")
            assert trap.connections == 0, host
            assert error.cause in {OutageCause.MISCONFIGURED, OutageCause.UNREACHABLE}, host
            assert error.unsettled == ()
            assert "127" not in str(error)


UNUSABLE = [
    ("http://user:secret@{place}/v1", "must not contain a user"),
    ("http://key@{place}/v1", "must not contain a user"),
    ("http://public.example@{place}/v1", "must not contain a user"),
    ("http://{place}/v1?api-version=1", "without ? and #"),
    ("http://{place}#@public.example/v1", "without ? and #"),
    ("http://{place}\\@public.example/v1", "cannot be used"),
    ("ftp://{place}/v1", "must begin with"),
    ("file:///etc/passwd", "must begin with"),
    ("unix:///run/docker.sock", "must begin with"),
    ("//{place}/v1", "must begin with"),
    ("{place}/v1", "must begin with"),
    ("https:///v1", "must begin with"),
    ("http://[::1", "must begin with"),
    ("http://public.example:99999/v1", "must begin with"),
    ("http://public.example:abc/v1", "must begin with"),
    ("http://public.example:0/v1", "must begin with"),
    ("http://a\r\nHost: b/v1", "must begin with"),
    ("http://\0/v1", "must begin with"),
    (f"http://{'a' * 70_000}/v1", "must begin with"),
]


async def test_a_url_with_more_than_an_address_and_a_path_is_refused() -> None:
    async with running_trap() as trap, client("127.0.0.0/8") as model:
        for url, why in UNUSABLE:
            error = await refused(model, url.format(place=f"127.0.0.1:{trap.port}"))
            assert (trap.connections, error.cause) == (0, OutageCause.MISCONFIGURED), url
            assert why in str(error), url
            assert "secret" not in str(error)


class Names:
    """A name server of the test's: each lookup of any name gets the next of these answers, the last again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> None:
        self.lookups = 0
        self.answering = threading.Event()
        self.answering.set()
        self._answers = answers
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._find)

    def _find(self, host: str, port: int, *arguments: int, **options: int) -> list[object]:
        if not host.endswith(".example"):
            return list(self._real(host, port, *arguments, **options))
        self.lookups += 1
        self.answering.wait()
        found = self._answers[min(self.lookups, len(self._answers)) - 1]
        if not found:
            message = "no such host"
            raise socket.gaierror(message)
        return [entry for address in found for entry in self._real(address, port, type=socket.SOCK_STREAM)]


def named(endpoint: Endpoint | Trap) -> str:
    port = endpoint.port if isinstance(endpoint, Trap) else endpoint.base_url.rpartition(":")[2].partition("/")[0]
    return f"http://model.example:{port}/v1"


async def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["127.0.0.1", "::1"])
    async with running_trap() as trap, client() as model:
        error = await refused(model, named(trap))
        assert trap.connections == 0
    assert error.cause is OutageCause.MISCONFIGURED
    assert "OXY_ALLOWED_ENDPOINTS" in str(error)


async def test_of_a_names_addresses_those_inside_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["127.0.0.1", "127.0.0.3", PUBLIC])
    async with (
        running_endpoint(FINE, address=PUBLIC) as endpoint,
        client(f"{PUBLIC}/32 127.0.0.3/32") as model,
    ):
        response, _ = await model.ask(QUESTION, route(named(endpoint)))
    assert response.text == "Oi!"


async def test_a_name_that_leads_elsewhere_after_the_check_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: one lookup gives the address that is checked and connected to."""
    names = Names(monkeypatch, [PUBLIC], ["127.0.0.1"])
    once: Reaction = sending({"choices": [{"message": {"content": "Oi!"}}]}, headers={"Connection": "close"})
    async with running_endpoint(once, address=PUBLIC) as endpoint, client(f"{PUBLIC}/32") as model:
        response, _ = await model.ask(QUESTION, route(named(endpoint)))
        assert (response.text, names.lookups) == ("Oi!", 1)
        error = await refused(model, named(endpoint))
        assert (error.cause, names.lookups) == (OutageCause.MISCONFIGURED, 2)
        assert len(endpoint.requests) == 1


async def test_a_redirect_is_not_followed_from_a_checked_address_or_a_listed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Names(monkeypatch, [PUBLIC])
    statuses = (301, 302, 303, 307, 308)
    async with running_trap() as trap:
        inside = {"Location": f"http://127.0.0.1:{trap.port}/latest/meta-data"}
        away = [sending({}, status, inside) for status in statuses]
        async with running_endpoint(*away, *away, address=PUBLIC) as endpoint, client(f"{PUBLIC}/32") as model:
            for number in range(2 * len(statuses)):
                url = named(endpoint) if number < len(statuses) else endpoint.base_url
                with pytest.raises(ModelOutageError, match="give the final address") as raised:
                    await model.ask(QUESTION, route(url, f"model {number}"))
                assert raised.value.cause is OutageCause.MISCONFIGURED
            assert len(endpoint.requests) == 2 * len(statuses)
        assert trap.connections == 0


async def test_a_proxy_of_the_environment_is_used_for_listed_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy resolves names itself, so nobody would check where they lead."""
    async with running_trap() as proxy, running_endpoint(FINE, address=PUBLIC) as endpoint:
        Names(monkeypatch, [PUBLIC])
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with client(f"{PUBLIC}/32") as model:
            response, _ = await model.ask(QUESTION, route(named(endpoint)))
        assert (response.text, proxy.connections) == ("Oi!", 0)
        async with client("model.example") as model:
            await refused(model, named(endpoint))
        assert proxy.connections == 1


async def test_a_slow_name_server_holds_one_thread_and_no_question_longer_than_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(monkeypatch, [PUBLIC])
    names.answering.clear()
    async with client(f"{PUBLIC}/32") as model:
        asked = (model.ask(QUESTION, route("http://model.example/v1", str(n), seconds=0.1)) for n in range(10))
        errors = await asyncio.gather(*asked, return_exceptions=True)
        names.answering.set()
    assert {type(error) for error in errors} == {ModelOutageError}
    assert names.lookups == 1


async def test_a_name_without_an_address_is_an_outage_that_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, [])
    async with client() as model:
        error = await refused(model, "http://model.example/v1")
    assert (error.cause, error.unsettled) == (OutageCause.UNREACHABLE, ())


async def test_the_platforms_endpoint_may_be_anywhere() -> None:
    async with running_endpoint(FINE) as endpoint, client(openai_base_url=endpoint.base_url) as model:
        for base_url in (None, endpoint.base_url, f"{endpoint.base_url}/"):
            response, _ = await model.ask(QUESTION, route(base_url))
            assert response.text == "Oi!"


async def test_where_the_platforms_endpoint_redirects_no_cookies_go_and_no_key_to_another_host() -> None:
    again = {"Location": "/v1/chat/completions", "Set-Cookie": "tenant=clinic"}
    async with running_endpoint(FINE, address=PUBLIC) as elsewhere:
        away = {"Location": f"{elsewhere.base_url}/chat/completions"}
        async with (
            running_endpoint(sending({}, 307, again), sending({}, 308, away)) as endpoint,
            client(openai_base_url=endpoint.base_url) as model,
        ):
            response, _ = await model.ask(QUESTION, route(None))
    assert (response.text, len(endpoint.requests), len(elsewhere.requests)) == ("Oi!", 2, 1)
    assert not any("Cookie" in headers for headers in endpoint.headers)
    assert [headers["Authorization"] for headers in endpoint.headers] == ["Bearer platform's"] * 2
    assert "Authorization" not in elsewhere.headers[0]


async def test_an_endpoint_that_cannot_be_reached_is_not_tried_for_each_model(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, ["127.0.0.3"])
    async with client("127.0.0.3/32") as model:
        with pytest.raises(ModelOutageError, match="ConnectError") as raised:
            await model.ask(QUESTION, route("http://model.example:1/v1", "first", "second", "third"))
    assert (raised.value.unsettled, names.lookups) == ((), 1)
