"""A hand-made model endpoint: each request gets the next of the given reactions, the last one again and again."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Reaction = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Endpoint:
    """Where it listens, and what it was asked."""

    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    forms: list[dict[str, Any]] = field(default_factory=list)
    """Of requests for transcripts: the text of each field, and the file's name, type and bytes."""

    def tool_results(self) -> list[Any]:
        """The tool results in the last request, parsed."""
        return [json.loads(m["content"]) for m in self.requests[-1]["messages"] if m["role"] == "tool"]


@asynccontextmanager
async def running_endpoint(
    *reactions: Reaction, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[Endpoint]:
    """Serve completions and transcripts on a free port."""
    endpoint = Endpoint()

    async def react(request: web.Request) -> web.StreamResponse:
        endpoint.headers.append(dict(request.headers))
        return await reactions[min(len(endpoint.headers), len(reactions)) - 1](request)

    async def complete(request: web.Request) -> web.StreamResponse:
        endpoint.requests.append(await request.json())
        return await react(request)

    async def transcribe(request: web.Request) -> web.StreamResponse:
        endpoint.forms.append(await _form(request))
        return await react(request)

    app = web.Application(client_max_size=32 << 20)
    app.add_routes([web.post("/v1/chat/completions", complete), web.post("/v1/audio/transcriptions", transcribe)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, 0, ssl_context=tls).start()
    host = "localhost" if address == "127.0.0.1" else address
    endpoint.base_url = f"{'http' if tls is None else 'https'}://{host}:{runner.addresses[0][1]}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


async def _form(request: web.Request) -> dict[str, Any]:
    posted = await request.post()
    fields: dict[str, Any] = {name: value for name, value in posted.items() if isinstance(value, str)}
    file = posted["file"]
    assert isinstance(file, web.FileField)
    with file.file as opened:
        return fields | {"file": (file.filename, file.content_type, opened.read())}


def completion(message: dict[str, Any] | None = None, finish: str = "stop", **changes: object) -> dict[str, Any]:
    """A completion as the API documents it."""
    choice = {"index": 0, "finish_reason": finish, "logprobs": None}
    choice["message"] = {"role": "assistant", "content": None, "refusal": None} | (message or {})
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "gpt-4o-mini"}
    return body | {"choices": [choice], "usage": usage} | changes


def saying(text: str, finish: str = "stop") -> Reaction:
    """Answer in words."""
    return sending(completion({"content": text}, finish))


def calling(*calls: tuple[str, str], finish: str = "tool_calls") -> Reaction:
    """Call tools, each given by its name and its arguments as JSON text."""
    listed = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
    return sending(completion({"tool_calls": listed}, finish))


def sending(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Reaction:
    """Answer with a JSON body."""

    async def react(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return react


def refusing(status: int, headers: dict[str, str] | None = None) -> Reaction:
    """Answer with an error in OpenAI's form."""
    return sending({"error": {"message": "no", "type": "error", "param": None, "code": None}}, status, headers)


def streaming(pieces: int, piece: bytes, pause: float = 0, *, cut: bool = False) -> Reaction:
    """Send a JSON body piece by piece; `cut` aborts the connection instead of ending it."""

    async def react(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(pieces):
            await response.write(piece)
            await asyncio.sleep(pause)
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    return react


async def hanging(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.sleep(60)
    return web.Response()
