"""What a real provider may do, over HTTPS: each case ends in an answer, a retry, or a dead letter with its reason."""

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from integration.ai.endpoint import (
    Reaction,
    calling,
    completion,
    hanging,
    refusing,
    running_endpoint,
    saying,
    sending,
    streaming,
)
from integration.ai.open_days import open_day
from integration.ai.scene import APOLOGY, CUSTOMER, OWNER, FakePod, Scene, queues, settings_of, until
from pydantic import SecretStr

from oxy_ai.errors import ModelOutageError
from oxy_ai.model.client import ModelClient, ModelSettings
from oxy_ai.model.credentials import NO_KEY
from oxy_ai.model.endpoints import MAX_RESPONSE_BYTES
from oxy_ai.model.route import ModelRoute, Question
from oxy_core.instance.settings import AiSettings

READABLE = 0.5
"""Pause after a failure in which the test reads its reason."""
SETTINGS = settings_of("petshop", queues=queues(backoff_seconds=READABLE))
FINE = saying("Tudo certo.")
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, in one file; it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(signed.public_bytes(encoding) + private)
    return path


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side; the worker trusts its certificate by the environment, as in production."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def aborting(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def choosing(**message: object) -> Reaction:
    return sending(completion(message))


def text(body: bytes, content_type: str = "application/json", **changes: Any) -> Reaction:  # noqa: ANN401 of any kind
    async def react(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, **changes)

    return react


CALL = {"id": "c1", "type": "function", "function": {"name": "consultar_horarios", "arguments": "{}"}}

OUTAGES: dict[str, tuple[Reaction, str]] = {
    "401": (refusing(401), "HTTP status 401: check the API key and its credit"),
    "402": (refusing(402), "HTTP status 402: check the API key and its credit"),
    "403": (refusing(403), "HTTP status 403: check the API key and its credit"),
    "408": (refusing(408), "HTTP status 408"),
    "429": (refusing(429), "HTTP status 429"),
    "500": (refusing(500), "HTTP status 500"),
    "503 as a page": (text(b"<html>", "text/html", status=503), "HTTP status 503"),
    "no answer": (hanging, "did not answer within 4 s"),
    "a byte at a time": (streaming(200, b" ", 0.05), "did not answer within 4 s"),
    "connection cut at once": (aborting, "did not answer (RemoteProtocolError)"),
    "connection cut in the body": (streaming(3, b'{"id": ', cut=True), "did not answer (RemoteProtocolError)"),
}

FAULTS: dict[str, tuple[Reaction, str]] = {
    "400": (refusing(400), "HTTP status 400"),
    "404": (refusing(404), "HTTP status 404"),
    "without end": (streaming(100, b" " * 65536), f"more than {MAX_RESPONSE_BYTES} bytes"),
    "compressed": (text(b"\x1f\x8b", headers=GZIP), "a compressed response, which was not requested"),
    "not JSON": (text(b'{"choices": ['), "something other than a completion"),
    "not UTF-8": (text(b'{"choices": "\xff"}'), "something other than a completion"),
    "half a character": (
        text(b'{"choices": [{"message": {"content": "\\ud800"}}]}'),
        "something other than a completion",
    ),
    "a page": (text(b"<html>", "text/html"), "something other than a completion"),
    "null": (sending(None), "something other than a completion"),
    "a list": (sending([]), "something other than a completion"),
    "choices null": (sending(completion(choices=None)), "something other than a completion"),
    "choices empty": (sending(completion(choices=[])), "without a choice"),
    "choices of another kind": (
        sending(completion(choices=["oi"])),
        "something other than a completion: check choices.0",
    ),
    "message null": (
        sending(completion(choices=[{"index": 0, "message": None}])),
        "something other than a completion: check choices.0.message",
    ),
    "nothing said": (choosing(content=""), "neither text nor tool calls (finish reason stop)"),
    "invisible text": (choosing(content="\u200b \0"), "neither text nor tool calls"),
    "text of another kind": (
        choosing(content=["oi"]),
        "something other than a completion: check choices.0.message.content",
    ),
    "length before a word": (sending(completion({}, "length")), "neither text nor tool calls (finish reason length)"),
    "content filter": (saying("Metade de uma", "content_filter"), "content filter stopped the answer"),
    "refusal": (choosing(refusal="I can't help with that."), "the model refused to answer"),
    "tool of another type": (
        choosing(tool_calls=[{**CALL, "type": "custom", "function": None}]),
        "check choices.0.message.tool_calls.0.type",
    ),
    "tool without id": (choosing(tool_calls=[{**CALL, "id": ""}]), "check choices.0.message.tool_calls.0"),
    "tool with a name that is none": (calling(("a b", "{}")), "check choices.0.message.tool_calls.0"),
    "tool arguments of another kind": (
        choosing(tool_calls=[{**CALL, "function": {"name": "x", "arguments": {}}}]),
        "check choices.0.message.tool_calls.0",
    ),
    "two tools with one id": (choosing(tool_calls=[CALL, CALL]), "two tool calls the same id"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_next_attempt_overcomes_a_fault(scene: Scene, tls: ssl.SSLContext, fault: str) -> None:
    pod = await scene.pod(SETTINGS)
    reaction, reason = FAULTS[fault]
    async with (
        running_endpoint(reaction, FINE, tls=tls) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod.receive("Oi")
        failed = await until(lambda: scene.query("select reason from turns where attempts = 1"))
        assert reason in failed[0]["reason"]
        await until(lambda: pod.sent)
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert pod.answers_to(CUSTOMER) == ["Tudo certo."]
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_costs_no_attempt(scene: Scene, tls: ssl.SSLContext, outage: str) -> None:
    pod = await scene.pod(SETTINGS)
    reaction, reason = OUTAGES[outage]
    patience = 4 if "within 4 s" in reason else 15
    async with (
        running_endpoint(reaction, FINE, tls=tls) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, model_timeout_seconds=patience, retry_seconds=READABLE),
    ):
        pod.receive("Oi")
        waiting = await until(lambda: scene.query("select reason from turns where waits = 1"))
        assert reason in waiting[0]["reason"]
        await until(lambda: pod.sent)
    assert pod.answers_to(CUSTOMER) == ["Tudo certo."]
    assert await scene.value("select attempts from turns") == 0


async def test_a_lasting_fault_ends_in_a_dead_letter_an_apology_and_a_notice_in_portuguese(
    scene: Scene, tls: ssl.SSLContext
) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(choosing(refusal="I can't help with that."), tls=tls) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod.receive("Oi")
        await until(lambda: len(pod.sent) == 2)
    assert pod.answers_to(CUSTOMER) == [APOLOGY]
    assert "Motivo: a inteligência artificial se recusou a responder." in pod.answers_to(OWNER)[0]
    assert (len(endpoint.requests), await scene.value("select state from turns")) == (3, "dead")


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_an_endpoint_that_asks_for_a_pause_gets_it(scene: Scene, form: str) -> None:
    pod = await scene.pod(SETTINGS)

    async def busy(request: web.Request) -> web.StreamResponse:
        at = datetime.now(UTC) + timedelta(seconds=3)
        asked = "1.5" if form == "seconds" else f"{at:%a, %d %b %Y %H:%M:%S GMT}"
        return await refusing(429, {"Retry-After": asked})(request)

    async with (
        running_endpoint(busy, FINE) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        started = time.monotonic()
        assert await pod.answer_to("Oi") == "Tudo certo."
    assert time.monotonic() - started > 1.4


async def test_an_excessive_pause_is_capped_at_a_minute(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(refusing(429, {"Retry-After": "86400"}), FINE) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where waits = 1"))
        assert await scene.value("select extract(epoch from due_at - now())::int from conversations") in range(30, 61)


@pytest.mark.parametrize("asked", ["soon", "-1", "nan", ""])
async def test_an_unusable_pause_is_replaced_by_the_usual_one(scene: Scene, asked: str) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(refusing(503, {"Retry-After": asked}), FINE) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == "Tudo certo."


async def test_an_answer_cut_by_its_length_says_so(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(saying("Temos banho, tosa e ", "length")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == "Temos banho, tosa e…"


async def test_what_postgresql_cannot_store_is_left_out(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    call = calling(("consultar_horarios", '{"servico": "\0 banho"'))
    async with (
        running_endpoint(
            call, text(b'{"choices": [{"message": {"role": "assistant", "content": "a\\u0000b"}}]}')
        ) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == "ab"
    assert await scene.value("select attempts from turns") == 0


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": "x", "completion_tokens": -1}, {"prompt_tokens": 10**30}]
)
async def test_unusable_usage_figures_do_no_harm(scene: Scene, usage: object) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(sending(completion({"content": "Oi!"}, usage=usage))) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == "Oi!"
    assert await scene.value("select prompt_tokens from ai_interactions") == 0


async def test_parallel_tool_calls_each_get_their_result_and_book_once(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    booking = '{"servico": "banho", "data": "%s", "hora": "10:00", "nome_pet": "Rex"}'
    day = open_day()
    calls = calling(
        ("agendar_servico", booking % day),
        ("agendar_servico", booking % day),
        ("consultar_horarios", '{"servico": "banho"'),
        ("consultar_horarios", '{"servico": "banho"}'),
    )
    async with (
        running_endpoint(calls, refusing(400), FINE) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        await scene.known(SETTINGS)
        await scene.apply_catalog("petshop")
        assert await pod.answer_to("Quero banho para o Rex, tanto faz o dia") == "Tudo certo."
        first, second, malformed, times = endpoint.tool_results()
    assert (first["agendamento"]["ja_existia"], second["agendamento"]["ja_existia"]) == (False, True)
    assert "chamada_invalida" in malformed
    assert len(times["dias"]) == 3
    assert await scene.value("select count(*) from bookings") == 1


async def test_a_model_that_only_calls_tools_ends_in_a_dead_letter(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(calling(("voar", "{}"))) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == APOLOGY
    assert await scene.value("select reason from turns") == "the model still asked for tools in round 6"
    assert len(endpoint.requests) == 8  # the tools of five rounds ran once; the last round was asked in each attempt


async def test_an_instances_own_endpoint_never_gets_the_platforms_key(scene: Scene) -> None:
    async with running_endpoint(FINE) as platforms, running_endpoint(FINE) as own:
        pod = await scene.pod(SETTINGS)
        other: FakePod = await scene.pod(
            settings_of("clinic", ai=AiSettings(debounce_seconds=0, base_url=f"{own.base_url}/"))
        )
        async with scene.worker(openai_base_url=platforms.base_url):
            await pod.answer_to("Oi")
            await other.answer_to("Oi")
    assert [headers["Authorization"] for headers in platforms.headers] == ["Bearer scripted"]
    assert [headers["Authorization"] for headers in own.headers] == [f"Bearer {NO_KEY}"]


async def test_an_instances_endpoint_must_prove_its_name(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to an address that was checked, and the certificate is still that of the name."""
    real = socket.getaddrinfo

    def anything_is_local(_: str, port: int, **options: int) -> object:
        return real("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", anything_is_local)
    settings = {"openai_base_url": "http://127.0.0.1:1/v1", "openai_api_key": SecretStr("-")}
    model = ModelClient(ModelSettings.model_validate(settings | {"allowed_endpoints": "127.0.0.0/8"}))
    question = Question(temperature=0, max_tokens=10, messages=[])
    async with running_endpoint(FINE, tls=tls) as endpoint:
        response, _ = await model.ask(question, ModelRoute("clinic", "main", endpoint.base_url, ("m",), 5))
        other = endpoint.base_url.replace("localhost", "model.example")
        with pytest.raises(ModelOutageError, match="ConnectError"):
            await model.ask(question, ModelRoute("clinic", "main", other, ("m",), 5))
    await model.close()
    assert (response.text, len(endpoint.requests)) == ("Tudo certo.", 1)
