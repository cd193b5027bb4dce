"""Whatever anybody sends to the control API: it is refused with what is wrong, and never fails by itself."""

import io
import json
import random
from typing import Any, Final, get_args

import aiohttp
import pytest

from oxy_simulator.contents import AnyContent
from oxy_simulator.control import ControlApi
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.testing import Phone, WhatsApp

SEED = random.randrange(1 << 32)
ROUNDS: Final = 60
WITHOUT_BODY: Final = {"/phones/{phone}/media", "/clients/{name}/{action}"}
"""What takes bytes, or nothing, instead of JSON."""
PLACES: Final = {"phone": ["+5511900000001", "5511911111111", "nobody", "%00", "9" * 300], "id": ["1", "x", "9" * 30]}
VALUES: Final = [
    *(None, True, 0, -1, 3, 1 << 70, -(1 << 70), 0.5, 1e308, -1e308, [], {}, "", "x", "\0", "\ud800", "é" * 70_000),
    *("9" * 5000, ["a", "b"], [[]], {"a": 1}, {"kind": "poll"}, float("nan"), float("inf")),
]
LIKELY: Final[dict[str, list[Any]]] = {
    "addressing": ["lid", "pn"],
    "answer": ["serve", "refuse", "hang"],
    "advance": [0.1, 1e-300, 86_400],
    "code": [0, 101, 401, 500, "ABCD-1234"],
    "count": [1, 2, 50],
    "data": ["", "AAAA", "//79"],
    "direction": ["inbound", "outbound"],
    "host": ["127.0.0.1", "nowhere.invalid", "\0", "é" * 300],
    "id": ["ABC", "\0", "é" * 300],
    "path": ["/dev/null", "/", "\0", "é" * 300],
    "picture": ["", "AAAA"],
    "port": [0, 1],
    "privacy": [{"last": "all"}, {"last": "x"}],
    "qr": ["a,b,c,d", "2@a,b", "é"],
    "scheme": ["http", "socks5"],
    "share": ["none", "recent", "full"],
    "state": ["available", "unavailable", "composing", "recording", "paused"],
    "tls": ["untrusted", "expired", "plain", "cut", "hang", "impostor"],
    "version": ["2.3000.1", "1.2.3.4", "2.3000." + "9" * 5000, "٣.٣.٣", "²"],
    "newsletter": ["1", "٣", "x" * 300],
}
"""Values with which a call may get further than to its form."""


@pytest.fixture
def chance() -> random.Random:
    print(f"seed {SEED}")  # noqa: T201 - shown when the test fails
    return random.Random(SEED)


def routes(simulator: WhatsApp) -> list[tuple[str, str]]:
    """Return method and path of everything that is served."""
    router = ControlApi(simulator.service).application.router
    found = [(route.method, route.resource.canonical) for route in router.routes() if route.resource is not None]
    return [route for route in found if route[0] != "HEAD"]


def filled(path: str, chance: random.Random) -> str:
    """Put something into the places of a path."""
    for place in ("phone", "id", "group", "name", "action"):
        path = path.replace(f"{{{place}}}", chance.choice(PLACES.get(place, ["1", "x", "start"])))
    return path


def contents() -> dict[str, list[str]]:
    """Return the fields of every kind of message."""
    forms = get_args(get_args(AnyContent)[0])
    return {form.model_fields["kind"].default: list(form.model_fields) for form in forms}


def likely(name: str, chance: random.Random) -> Any:  # noqa: ANN401 - JSON
    """Return a value that a field of this name may well take."""
    if name == "message":
        kind = chance.choice(list(contents()))
        return {**fields(contents()[kind], chance), "kind": kind}
    if name == "kind":
        return chance.choice([*FaultKind, *MediaFaultKind, "read", "played"])
    number = chance.choice(["+5511900000001", "5511911111111"])
    return chance.choice(LIKELY.get(name, [number, [number], "oi", 1, 2.5, True]))


def fields(known: list[str], chance: random.Random) -> dict[str, Any]:
    """Give some of these fields values: any, or likely ones."""
    taken = chance.sample(known, chance.randrange(len(known) + 1))
    return {name: likely(name, chance) if chance.random() < 0.8 else chance.choice(VALUES) for name in taken}


async def call(session: aiohttp.ClientSession, method: str, url: str, body: bytes) -> tuple[int, bytes]:
    async with session.request(method, url, data=io.BytesIO(body)) as answer:
        return answer.status, await answer.read()


async def fields_of(session: aiohttp.ClientSession, method: str, url: str) -> list[str]:
    """Return which fields a call takes, as it says itself when it is given another."""
    _, answer = await call(session, method, url.replace("{group}", "1"), b'{"unheard-of": 1}')
    _, _, listed = answer.decode().partition("(fields of this request: ")
    return listed.partition(")")[0].split(", ") if listed else []


async def test_any_json_to_every_route_is_done_or_refused_with_a_reason(
    simulator: WhatsApp, bot: Phone, ana: Phone, chance: random.Random
) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        for method, path in routes(simulator):
            known = await fields_of(session, method, simulator.control_url + path.replace("{phone}", bot.number))
            for _ in range(ROUNDS if known else 3):
                body = json.dumps(fields(known, chance)).encode()
                if chance.random() < 0.2:
                    start = chance.randrange(len(body))
                    body = body[:start] + chance.randbytes(2) + body[start + chance.randrange(4) :]
                place = filled(path, chance)
                status, answer = await call(session, method, simulator.control_url + place, body)
                assert status < 500, (method, place, body[:2000], answer)
                if status >= 400:
                    assert json.loads(answer)["error"], (method, place, body[:2000])
    assert (await bot.view()).phone == "5511900000001"


async def test_every_route_names_the_field_that_it_does_not_know(simulator: WhatsApp, bot: Phone, ana: Phone) -> None:
    async with aiohttp.ClientSession() as session:
        for method, path in routes(simulator):
            if method not in {"POST", "PUT"} or path in WITHOUT_BODY:
                continue
            url = simulator.control_url + path.replace("{phone}", bot.number).replace("{group}", "1")
            for body, named in (({"unheard-of": 1}, "unheard-of: unknown field"), ([], "body: "), ("x", "body: ")):
                status, answer = await call(session, method, url, json.dumps(body).encode())
                assert (status, named in json.loads(answer)["error"]) == (400, True), (method, path, body, answer)
            status, answer = await call(session, method, url, b"{")
            assert (status, "JSON" in json.loads(answer)["error"]) == (400, True), (method, path, answer)


async def test_every_route_names_the_parameter_that_it_does_not_know(
    simulator: WhatsApp, bot: Phone, ana: Phone
) -> None:
    async with aiohttp.ClientSession() as session:
        for method, path in routes(simulator):
            place = path.replace("{phone}", bot.number).replace("{action}", "kill").replace("{id}", "1")
            place = place.replace("{name}", "1").replace("{group}", "1")
            status, answer = await call(session, method, f"{simulator.control_url}{place}?unheard-of=1", b"")
            assert (status, "not unheard-of" in json.loads(answer)["error"]) == (400, True), (method, path, answer)
