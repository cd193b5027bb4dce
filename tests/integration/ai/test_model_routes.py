"""Each instance's questions take its own way: fallbacks, breakers, what models refuse, and keys for nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from integration.ai.endpoint import Endpoint, Reaction, completion, refusing, running_endpoint, saying, sending
from integration.ai.scene import APOLOGY, CUSTOMER, OWNER, Scene, settings_of, until
from pydantic import SecretStr

from oxy_ai.errors import ModelInvalidError, ModelOutageError, ModelRejectedError, OutageCause
from oxy_ai.model.breaker import FAILURES
from oxy_ai.model.client import ModelClient, ModelSettings
from oxy_ai.model.credentials import NO_KEY
from oxy_ai.model.endpoints import MAX_RESPONSE_BYTES
from oxy_ai.model.route import ModelRoute, Question, Recording
from oxy_core.instance.settings import AiSettings
from oxy_core.model_keys import ModelKeys, key_file
from oxy_core.prices import PriceSource

QUESTION = Question(temperature=0.7, max_tokens=10, messages=[{"role": "user", "content": "Oi"}])
RECORDING = Recording(b"OggS" + bytes(range(256)), seconds=30)
FINE = saying("Oi!")
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}


@asynccontextmanager
async def client(**changes: object) -> AsyncIterator[ModelClient]:
    settings = {"openai_api_key": SecretStr("platform's"), "allowed_endpoints": "localhost"}
    model = ModelClient(ModelSettings.model_validate({"openai_base_url": "http://127.0.0.1:1/v1"} | settings | changes))
    try:
        yield model
    finally:
        await model.close()


def route(base_url: str | None, *models: str, organization: str = "clinic", seconds: float = 30) -> ModelRoute:
    return ModelRoute(organization, "main", base_url, models or ("gpt-4o-mini",), seconds)


def by_model(**reactions: Reaction) -> Reaction:
    """Let each model of one endpoint react in its own way."""

    async def react(request: web.Request) -> web.StreamResponse:
        posted = await request.post() if request.content_type.startswith("multipart") else await request.json()
        return await reactions[posted["model"]](request)

    return react


def asked(endpoint: Endpoint) -> list[str]:
    """The models that an endpoint was asked for."""
    return [body["model"] for body in [*endpoint.requests, *endpoint.forms]]


def keys_sent(endpoint: Endpoint) -> list[str]:
    return [headers["Authorization"].removeprefix("Bearer ") for headers in endpoint.headers]


async def hanging(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


def problem(status: int, message: str, **fields: object) -> Reaction:
    return sending({"error": {"message": message, "type": "invalid_request_error", **fields}}, status)


# -- fallbacks


@pytest.mark.parametrize(
    "out",
    [
        refusing(503),
        refusing(429),
        refusing(401),
        refusing(404),
        problem(400, "The model `first` does not exist", code="model_not_found"),
        problem(403, "no access", code="model_not_found"),
        problem(400, "first is not a valid model ID"),
    ],
)
async def test_while_a_model_is_out_or_unknown_the_next_answers_within_the_same_call(out: Reaction) -> None:
    async with running_endpoint(by_model(first=out, second=out, third=FINE)) as endpoint, client() as model:
        response, usage = await model.ask(QUESTION, route(endpoint.base_url, "first", "second", "third"))
    assert (response.text, usage.model, usage.unsettled) == ("Oi!", "third", ())
    assert asked(endpoint) == ["first", "second", "third"]


async def test_a_model_without_an_answer_in_time_may_have_cost_something() -> None:
    slow = by_model(first=hanging, second=FINE)
    async with running_endpoint(slow) as endpoint:
        for seconds in (1.5, 6, 24):  # a busy machine may not let the second answer in time, either
            with contextlib.suppress(ModelOutageError):
                async with client() as model:
                    _, usage = await model.ask(QUESTION, route(endpoint.base_url, "first", "second", seconds=seconds))
                break
        async with client() as model:
            with pytest.raises(ModelOutageError, match=r"within 1\.5 s") as raised:
                await model.ask(QUESTION, route(endpoint.base_url, "first", seconds=1.5))
    assert (usage.model, usage.unsettled) == ("second", ("first",))
    assert raised.value.unsettled == ("first",)


async def test_when_all_are_out_the_first_says_why_and_when_all_are_unknown_the_request_is_at_fault() -> None:
    busy = refusing(503, {"Retry-After": "7"})
    models = by_model(a=refusing(404), b=busy, c=refusing(429, {"Retry-After": "3"}), d=refusing(404))
    async with running_endpoint(models) as endpoint, client() as model:
        with pytest.raises(ModelOutageError, match="HTTP status 503") as raised:
            await model.ask(QUESTION, route(endpoint.base_url, "a", "b", "c"))
        assert (raised.value.cause, raised.value.retry_after_seconds) == (OutageCause.BUSY, 3)
        with pytest.raises(ModelRejectedError, match="HTTP status 404"):
            await model.ask(QUESTION, route(endpoint.base_url, "a", "d"))


@pytest.mark.parametrize("answer", [refusing(400), sending({"choices": []}), saying("…", "content_filter")])
async def test_what_another_model_would_not_mend_is_not_asked_of_it(answer: Reaction) -> None:
    async with running_endpoint(answer) as endpoint, client() as model:
        with pytest.raises(Exception, match=r"endpoint|filter"):
            await model.ask(QUESTION, route(endpoint.base_url, "first", "second"))
    assert asked(endpoint) == ["first"]


# -- circuit breakers


async def test_a_breaker_is_of_one_endpoint_one_model_and_those_who_share_a_key(tmp_path: Path) -> None:
    def by_key(request: web.Request) -> Awaitable[web.StreamResponse]:
        return (refusing(401) if request.headers["Authorization"] == "Bearer wrong" else FINE)(request)

    write_keys(tmp_path, "clinic", {"": "wrong"})
    async with (
        running_endpoint(by_key) as shared,
        running_endpoint(refusing(503)) as broken,
        client(openai_base_url=shared.base_url, model_keys=tmp_path) as model,
    ):
        for _ in range(FAILURES + 1):
            with pytest.raises(ModelOutageError):
                await model.ask(QUESTION, route(None, "m"))
            with pytest.raises(ModelOutageError):
                await model.ask(QUESTION, route(broken.base_url, "m", organization="petshop"))
        assert keys_sent(shared) == ["wrong"] * FAILURES
        assert len(broken.requests) == FAILURES
        for organization, url in (("petshop", None), ("hotel", shared.base_url)):
            response, _ = await model.ask(QUESTION, route(url, "m", organization=organization))
            assert response.text == "Oi!"
        with pytest.raises(ModelOutageError, match="503"):
            await model.ask(QUESTION, route(broken.base_url, "other", organization="petshop"))


async def test_who_waits_less_than_usual_opens_no_breaker_of_others() -> None:
    slow = True

    async def react(request: web.Request) -> web.StreamResponse:
        return await (hanging if slow else FINE)(request)

    async with running_endpoint(react) as endpoint, client(openai_base_url=endpoint.base_url) as model:
        for _ in range(FAILURES + 1):
            with pytest.raises(ModelOutageError):
                await model.ask(QUESTION, route(None, seconds=0.05))
        slow = False
        response, _ = await model.ask(QUESTION, route(None, organization="petshop"))
    assert response.text == "Oi!"


# -- what models refuse

NO_LIMIT = problem(
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)
NO_TEMPERATURE = problem(
    400,
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
    param="temperature",
    code="unsupported_value",
)


async def picky(request: web.Request) -> web.StreamResponse:
    """As OpenAI's reasoning models."""
    body = await request.json()
    if "max_tokens" in body:
        return await NO_LIMIT(request)
    return await (NO_TEMPERATURE if "temperature" in body else FINE)(request)


async def test_what_a_model_refuses_is_learned_once_and_asked_again_at_once() -> None:
    async with running_endpoint(by_model(picky=picky, plain=FINE)) as endpoint, client() as model:
        for name in ("picky", "picky", "plain"):
            response, _ = await model.ask(QUESTION, route(endpoint.base_url, name))
            assert response.text == "Oi!"
    sent = [sorted({"temperature", "max_tokens", "max_completion_tokens"} & body.keys()) for body in endpoint.requests]
    learned = ["max_completion_tokens"]
    usual = ["max_tokens", "temperature"]
    assert sent == [usual, ["max_completion_tokens", "temperature"], learned, learned, usual]
    assert endpoint.requests[2]["max_completion_tokens"] == QUESTION.max_tokens


async def test_an_endpoint_that_always_complains_is_asked_thrice_and_nothing_is_learned() -> None:
    def complaint(request: web.Request) -> Awaitable[web.StreamResponse]:
        return (NO_LIMIT if len(endpoint.requests) % 2 else NO_TEMPERATURE)(request)

    async with running_endpoint(complaint) as endpoint, client() as model:
        for times in (1, 2):
            with pytest.raises(ModelRejectedError):
                await model.ask(QUESTION, route(endpoint.base_url))
            assert len(endpoint.requests) == 3 * times
        assert {"temperature", "max_tokens"} <= endpoint.requests[3].keys()


# -- transcripts


async def test_a_recording_is_sent_as_it_is_and_its_transcript_cleaned() -> None:
    heard = sending({"text": " Quero\u200b um banho\0 amanhã ", "usage": {"type": "duration", "seconds": 31}})
    async with running_endpoint(by_model(first=refusing(503), **{"whisper-1": heard})) as endpoint, client() as model:
        transcript, usage = await model.transcribe(RECORDING, route(endpoint.base_url, "first", "whisper-1"))
    assert transcript.text == "Quero um banho amanhã"
    assert endpoint.forms[1] == {
        "model": "whisper-1",
        "language": "pt",
        "response_format": "json",
        "file": ("voice.ogg", "audio/ogg", RECORDING.data),
    }
    assert (usage.model, usage.audio_seconds, usage.cost_microdollars) == ("whisper-1", 31, 3_100)
    assert (usage.price_source, keys_sent(endpoint)) == (PriceSource.TABLE, [NO_KEY] * 2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (sending({"text": "x" * MAX_RESPONSE_BYTES}), ModelInvalidError),
        (sending({"text": None}), ModelInvalidError),
        (sending("secret"), ModelInvalidError),
        (sending({"text": "secret"}, headers={"Content-Encoding": "gzip"}), ModelInvalidError),
        (refusing(413), ModelRejectedError),
        (refusing(400), ModelRejectedError),
        (hanging, ModelOutageError),
        (refusing(500), ModelOutageError),
    ],
)
async def test_any_other_answer_to_a_recording_is_an_error_that_quotes_nothing(
    answer: Reaction, error: type[Exception]
) -> None:
    async with running_endpoint(answer) as endpoint, client() as model:
        with pytest.raises(error) as raised:
            await model.transcribe(RECORDING, route(endpoint.base_url, seconds=0.3 if answer is hanging else 30))
    assert "secret" not in str(raised.value)


# -- keys


def write_keys(folder: Path, organization: str, keys: dict[str, str]) -> None:
    """Write an instance's keys as the kubelet does: a new folder, and a link that is replaced at once."""
    file = key_file(folder, organization, "main")
    shard = file.parent
    shard.mkdir(parents=True, exist_ok=True)
    data = shard / f"..{len(list(shard.iterdir()))}"
    data.mkdir()
    (data / file.name).write_bytes(ModelKeys({url: SecretStr(key) for url, key in keys.items()}).encode())
    link = shard / "..new"
    link.symlink_to(data.name)
    link.rename(shard / "..data")
    if not file.is_symlink():
        file.symlink_to(f"..data/{file.name}")


@asynccontextmanager
async def three_endpoints() -> AsyncIterator[tuple[Endpoint, Endpoint, Endpoint]]:
    async with running_endpoint(FINE) as one, running_endpoint(FINE) as two, running_endpoint(FINE) as three:
        yield one, two, three


async def test_a_key_goes_to_the_endpoint_that_it_was_given_for_and_to_no_other(tmp_path: Path) -> None:
    async with three_endpoints() as (platforms, own, other):
        write_keys(tmp_path, "clinic", {"": "for-platforms", own.base_url: "for-own"})
        write_keys(tmp_path, "hotel", {f"{own.base_url}/x": "for-another-path"})
        async with client(openai_base_url=platforms.base_url, model_keys=tmp_path) as model:
            for organization in ("clinic", "hotel", "petshop"):
                for url in (None, f"{own.base_url}/", other.base_url, platforms.base_url):
                    await model.ask(QUESTION, route(url, organization=organization))
    assert keys_sent(platforms) == ["for-platforms"] * 2 + ["platform's"] * 4
    assert keys_sent(own) == ["for-own", NO_KEY, NO_KEY]
    assert keys_sent(other) == [NO_KEY] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"": 5}',
        b'{"": ""}',
        b'{"": " \\n"}',
        b'{"": "a\\r\\nHost: b"}',
        b'{"": "\xc3\xa9"}',
        b"\xff",
    ],
)
async def test_without_its_key_an_instance_asks_nobody_at_the_platforms_expense(tmp_path: Path, content: bytes) -> None:
    write_keys(tmp_path, "clinic", {"": "key"})
    key_file(tmp_path, "clinic", "main").write_bytes(content)
    async with (
        running_endpoint(FINE) as platforms,
        client(openai_base_url=platforms.base_url, model_keys=tmp_path) as model,
    ):
        with pytest.raises(ModelOutageError) as raised:
            await model.ask(QUESTION, route(None, "first", "second"))
        response, _ = await model.ask(QUESTION, route(None, organization="petshop"))
    assert (raised.value.cause, raised.value.unsettled) == (OutageCause.UNAUTHORIZED, ())
    assert (response.text, keys_sent(platforms)) == ("Oi!", ["platform's"])


# -- through the whole engine


def own_settings(base_url: str | None, **ai: object) -> Any:  # noqa: ANN401 the settings of an instance
    return settings_of("clinic", ai=AiSettings.model_validate({"debounce_seconds": 0, "base_url": base_url} | ai))


async def test_a_key_rotates_while_turns_run(scene: Scene, tmp_path: Path) -> None:
    """A new key counts for the next request, without a restart; one that is taken away is not used any more."""
    used = asyncio.Queue[str]()

    async def slow(request: web.Request) -> web.StreamResponse:
        used.put_nowait(request.headers["Authorization"])
        await asyncio.sleep(0.05)
        return await (refusing(401) if request.headers["Authorization"] == "Bearer old" else FINE)(request)

    async with running_endpoint(slow) as own:
        write_keys(tmp_path, "clinic", {own.base_url: "old"})
        pod = await scene.pod(own_settings(own.base_url))
        async with scene.worker(model_keys=tmp_path):
            pod.receive("Oi")
            assert await asyncio.wait_for(used.get(), 60) == "Bearer old"
            write_keys(tmp_path, "clinic", {own.base_url: "new\n"})
            await until(lambda: pod.answers_to(CUSTOMER) == ["Oi!"])
            key_file(tmp_path, "clinic", "main").unlink()
            assert await pod.answer_to("E agora?") == "Oi!"
    assert keys_sent(own)[-2:] == ["new", NO_KEY]
    assert set(keys_sent(own)) == {"old", "new", NO_KEY}


async def test_the_fallback_answers_and_the_ledger_says_which_model_it_was(scene: Scene) -> None:
    said = sending(completion({"content": "Oi!"}, usage=USAGE))
    models = by_model(**{"o9": refusing(503), "gone": refusing(404), "gpt-5-mini": picky, "gpt-4o-mini": said})
    async with running_endpoint(models) as own, running_endpoint(FINE) as platforms:
        pod = await scene.pod(own_settings(own.base_url, model="o9", fallback_models=("gone", "gpt-4o-mini", "o9")))
        async with scene.worker(openai_base_url=platforms.base_url):
            assert await pod.answer_to("Oi") == "Oi!"
            calls = await until(lambda: scene.query("select model, cost_microdollars, outcome from ai_interactions"))
            await scene.publish(own_settings(own.base_url, model="gpt-5-mini"))
            await until(lambda: scene.query("select from instances where settings->'ai'->>'model' = 'gpt-5-mini'"))
            assert await pod.answer_to("De novo") == "Oi!"
        assert platforms.requests == []
    assert asked(own) == ["o9", "gone", "gpt-4o-mini", *["gpt-5-mini"] * 3]
    assert [tuple(call) for call in calls] == [("gpt-4o-mini", 210, "answered")]


async def test_an_endpoint_inside_is_never_asked_and_people_hear_of_it(scene: Scene) -> None:
    async with running_endpoint(FINE) as inside, running_endpoint(FINE) as platforms:
        pod = await scene.pod(own_settings(inside.base_url))
        async with scene.worker(openai_base_url=platforms.base_url, allowed_endpoints="", outage_patience_seconds=1.5):
            pod.receive("Oi")
            await until(lambda: pod.answers_to(CUSTOMER) and pod.answers_to(OWNER))
        reason = await scene.value("select reason from turns")
        assert (inside.headers, platforms.headers) == ([], [])
    assert pod.answers_to(CUSTOMER) == [APOLOGY]
    assert "OXY_ALLOWED_ENDPOINTS" in reason or "earlier requests" in reason


async def test_an_instance_waits_as_long_as_it_says_and_no_longer_than_the_platform_allows(scene: Scene) -> None:
    async with running_endpoint(hanging) as own:
        pod = await scene.pod(own_settings(own.base_url, timeout_seconds=0.4))
        async with scene.worker():
            pod.receive("Oi")
            waiting = await until(lambda: scene.query("select reason from turns where waits > 0"))
    assert "within 0.4 s" in waiting[0]["reason"]
    async with running_endpoint(hanging) as own, client(model_timeout_seconds=0.2) as model:
        with pytest.raises(ModelOutageError, match=r"within 0\.2 s"):
            await model.ask(QUESTION, route(own.base_url))
