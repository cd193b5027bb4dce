"""The HTTP shell: chat completions, transcriptions, models, and the control pages for tests."""

import asyncio
import base64
import hashlib
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from oxy_dev.model.faults import Fault, Faults
from oxy_dev.model.hearing import Heard, read_recording, transcript_of
from oxy_dev.model.prompt_cache import CHARACTERS_PER_TOKEN, PromptCache
from oxy_dev.model.requests import ApiError, Request, content_of, read_request
from oxy_dev.model.rules import OrderedRules
from oxy_dev.model.scenario import Reaction, Rule, Scenario, Situation, react
from oxy_dev.model.seeing import Seen, pictures_in
from oxy_dev.model.text import today_in

_KEPT_REQUESTS: Final = 20_000
_KEPT_BODIES: Final = 200
_KEPT_FILES: Final = 100
_MAX_REQUEST_BYTES: Final = 32 << 20
_HANG_SECONDS: Final = 3_600.0
_RULES: Final = TypeAdapter(tuple[Rule, ...])


class ModelServer:
    """Answers by a scenario, or, without one, with the last user text."""

    def __init__(self, scenario: Scenario | None) -> None:
        self._scenario = scenario
        self._faults = Faults()
        self._ordered = OrderedRules()
        self._requests: deque[dict[str, object]] = deque(maxlen=_KEPT_REQUESTS)
        self._bodies: deque[str] = deque(maxlen=_KEPT_BODIES)
        self._files: deque[dict[str, object]] = deque(maxlen=_KEPT_FILES)
        self._cache = PromptCache()

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
        app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/v1/models", self._models),
                web.post("/v1/chat/completions", self._complete),
                web.post("/v1/audio/transcriptions", self._transcribe),
                web.get("/requests", self._show_requests),
                web.get("/bodies", self._show_bodies),
                web.get("/files", self._show_files),
                web.post("/rules", self._add_rules),
                web.delete("/rules", self._clear_rules),
                web.get("/faults", self._show_faults),
                web.post("/faults", self._add_fault),
                web.delete("/faults", self._clear_faults),
            ]
        )
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _models(self, _: web.Request) -> web.Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "oxy"} for name in ("gpt-4o-mini", "gpt-4o")
        ]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        try:
            request = await _read(http)
            pictures = pictures_in(request.messages)
            self._bodies.append(await http.text())
        except ApiError as error:
            self._note(None, None, error.status)
            return web.json_response(error.body, status=error.status)
        for picture in pictures:
            self._keep_file("image", picture.content, model=request.model, words=picture.words)
        fault = self._faults.take(request.user, "vision" if pictures else "chat")
        if fault is not None:
            self._note(request, f"fault {fault.kind}", fault.status if fault.kind == "status" else None)
            broken = await _go_wrong(fault, http)
            if broken is not None:
                return broken
        reaction = self._react(request, pictures)
        if fault is None:
            self._note(request, reaction.rule, 200)
        return web.json_response(self._completion(request, reaction))

    async def _transcribe(self, http: web.Request) -> web.StreamResponse:
        try:
            model, name, content = await _read_upload(http)
            heard = read_recording(name, content)
        except ApiError as error:
            self._note(None, None, error.status)
            return web.json_response(error.body, status=error.status)
        self._keep_file("audio", content, model=model, words=heard.text, name=name)
        fault = self._faults.take(heard.text, "transcription")
        if fault is not None and fault.kind == "empty":
            heard = Heard("", heard.seconds)
        elif fault is not None and (broken := await _go_wrong(fault, http)) is not None:
            self._note_call(model, f"fault {fault.kind}", fault.status if fault.kind == "status" else None)
            return broken
        self._note_call(model, "transcription", 200)
        return web.json_response(transcript_of(heard, model))

    def _react(self, request: Request, pictures: tuple[Seen, ...]) -> Reaction:
        if self._scenario is None and not self._ordered and not pictures:
            return Reaction("echo", request.user)
        situation = _situation(request, pictures)
        ordered = self._ordered.react(situation)
        if ordered is not None:
            return ordered
        if pictures:
            return Reaction("picture", ", ".join(picture.words for picture in pictures))
        return Reaction("echo", request.user) if self._scenario is None else react(self._scenario, situation)

    def _completion(self, request: Request, reaction: Reaction) -> dict[str, Any]:
        calls = [
            {"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for name, arguments in reaction.calls
        ]
        message = {"role": "assistant", "content": reaction.text, "refusal": None}
        written = _tokens(len(reaction.text or "") + sum(len(name) + len(given) for name, given in reaction.calls))
        finish = "tool_calls" if calls else "stop"
        return {
            "id": f"chatcmpl-{uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request.model,
            "choices": [
                {
                    "index": 0,
                    "message": {**message, "tool_calls": calls} if calls else message,
                    "finish_reason": finish,
                    "logprobs": None,
                }
            ],
            "usage": self._usage(request, written),
        }

    def _usage(self, request: Request, written: int) -> dict[str, Any]:
        """Count tokens plausibly."""
        prompt = _tokens(request.prompt_characters)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": self._cache.read(request.body), "audio_tokens": 0},
        }

    def _note(self, request: Request | None, rule: str | None, status: int | None) -> None:
        entry: dict[str, object] = {"at": datetime.now(UTC).isoformat(), "rule": rule, "status": status}
        if request is not None:
            entry |= {
                "model": request.model,
                "max_tokens": request.max_tokens,
                "roles": [message["role"] for message in request.messages],
                "tools": request.tools,
                "user_sha256": hashlib.sha256(request.user.encode()).hexdigest(),
                "system_characters": len(request.system),
                "characters": sum(len(content_of(message)) for message in request.messages),
            }
        self._requests.append(entry)

    def _note_call(self, model: str, rule: str, status: int | None) -> None:
        at = datetime.now(UTC).isoformat()
        self._requests.append({"at": at, "rule": rule, "status": status, "model": model, "tools": [], "roles": []})

    def _keep_file(self, kind: str, content: bytes, **facts: str) -> None:
        encoded = base64.b64encode(content).decode()
        self._files.append({"kind": kind, "size": len(content), "content": encoded, **facts})

    async def _show_requests(self, _: web.Request) -> web.Response:
        return web.json_response(list(self._requests))

    async def _show_bodies(self, _: web.Request) -> web.Response:
        return web.json_response(list(self._bodies))

    async def _show_files(self, _: web.Request) -> web.Response:
        return web.json_response(list(self._files))

    async def _add_rules(self, http: web.Request) -> web.Response:
        try:
            rules = _RULES.validate_json(await http.text())
        except ValidationError as error:
            return _invalid(error)
        self._ordered.add(rules)
        return web.json_response([rule.name for rule in rules], status=201)

    async def _clear_rules(self, _: web.Request) -> web.Response:
        self._ordered.clear()
        return web.Response(status=204)

    async def _show_faults(self, _: web.Request) -> web.Response:
        return web.json_response([fault.model_dump() for fault in self._faults.pending])

    async def _add_fault(self, http: web.Request) -> web.Response:
        try:
            fault = Fault.model_validate_json(await http.text())
        except ValidationError as error:
            return _invalid(error)
        self._faults.pending.append(fault)
        return web.json_response(fault.model_dump(), status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.pending.clear()
        return web.Response(status=204)


def _invalid(error: ValidationError) -> web.Response:
    return web.json_response({"error": error.errors(include_url=False, include_context=False)}, status=400)


def _situation(request: Request, pictures: tuple[Seen, ...]) -> Situation:
    return Situation(
        system=request.system,
        user=request.user,
        earlier=tuple(request.said[1:]),
        called=request.called,
        results=request.results,
        today=today_in(request.system, datetime.now(UTC).date()),
        tools_allowed=request.tools_allowed,
        said_by_system=request.said_by_system,
        pictures=tuple(picture.words for picture in pictures),
    )


async def _read_upload(http: web.Request) -> tuple[str, str, bytes]:
    """Return the model, and the name and content of the file, of a request for a transcript."""
    _require_key(http)
    form = await http.post()
    model, upload = form.get("model"), form.get("file")
    if not isinstance(model, str) or not model:
        message = "you must provide a model parameter"
        raise ApiError(400, message, "model")
    if not isinstance(upload, web.FileField):
        message = "you must provide a file"
        raise ApiError(400, message, "file")
    if form.get("response_format", "json") != "json":
        message = "this server answers in json alone"
        raise ApiError(400, message, "response_format")
    with upload.file as file:
        return model, upload.filename, file.read()


def _require_key(http: web.Request) -> None:
    if not http.headers.get("Authorization", "").removeprefix("Bearer ").strip():
        message = "You didn't provide an API key."
        raise ApiError(401, message, kind="authentication_error")


async def _read(http: web.Request) -> Request:
    _require_key(http)
    try:
        data: object = await http.json()
    except ValueError:
        data = None
    return read_request(data)


async def _go_wrong(fault: Fault, http: web.Request) -> web.StreamResponse | None:
    """Do what the fault says; None: answer rightly now."""
    match fault.kind:
        case "status":
            kind = "rate_limit_error" if fault.status == web.HTTPTooManyRequests.status_code else "server_error"
            body = ApiError(fault.status, "The server had an error while processing your request", kind=kind).body
            return web.json_response(body, status=fault.status)
        case "delay":
            await asyncio.sleep(fault.seconds)
            return None
        case "hang":
            await asyncio.sleep(_HANG_SECONDS)
            return None
        case "invalid_json":
            return web.Response(text='{"id": "chatcmpl-1", "choices": [', content_type="application/json")
        case "empty":
            message = {"role": "assistant", "content": ""}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response(
                {"id": "x", "object": "chat.completion", "created": 0, "model": "x", "choices": [choice]}
            )
        case "close":
            if http.transport is not None:
                http.transport.abort()
            return None


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
