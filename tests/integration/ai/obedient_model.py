"""A model that does whatever the text before it asks for: the worst that an attacker can hope for.

Each attack carries a code such as `#a17`, wherever its text stands: in a message, a name, a quotation, a catalog, the
result of a tool. The model obeys the newest code that it reads: first its calls, one round each, then its words. Asked
to correct its answer, it repeats it.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

CODE = re.compile(r"#a(\d+)\b")


@dataclass(frozen=True)
class Orders:
    """What an attack makes the model do."""

    says: str = "Prontinho!"
    """`{system}`: all that the model was told, also `{upper}`, `{base64}`, `{hyphens}`, `{letters}`, `{backwards}`;
    `{results}`: of its tools."""
    calls: tuple[tuple[str, Mapping[str, object] | str], ...] = ()
    """Tools with their arguments; a text is sent as it is."""


@dataclass
class ObedientModel:
    """Where it listens, and what it was shown."""

    orders: Mapping[int, Orders]
    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    @staticmethod
    def codes_in(body: dict[str, Any]) -> list[str]:
        """The codes that a request contains, the newest last."""
        return CODE.findall(shown(body["messages"]))

    def react(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        messages = body["messages"]
        found = self.codes_in(body)
        order = self.orders.get(int(found[-1])) if found else None
        if order is None:
            return {"role": "assistant", "content": "Oi! Como posso ajudar?"}
        since = [m for m in messages[_last_user(messages) :] if m["role"] != "user"]
        done = sum(len(m.get("tool_calls") or ()) for m in since)
        if done < len(order.calls) and body.get("tool_choice") != "none":
            return _calling(*order.calls[done], done)
        results = "\n".join(m["content"] for m in since if m["role"] == "tool")
        system = "\n".join(m["content"] for m in messages if m["role"] == "system")
        return {"role": "assistant", "content": _filled(order.says, system, results)}


def _filled(says: str, system: str, results: str) -> str:
    forms = {
        "{system}": system,
        "{upper}": system.upper(),
        "{base64}": base64.b64encode(system.encode()).decode(),
        "{hyphens}": "-".join(system.split()),
        "{letters}": " ".join(system),
        "{backwards}": system[::-1],
        "{results}": results,
    }
    for name, text in forms.items():
        says = says.replace(name, text)
    return says


def shown(messages: list[dict[str, Any]]) -> str:
    """All that a model reads, what it wrote itself included."""
    return "\n".join(json.dumps(message, ensure_ascii=False) for message in messages)


def _last_user(messages: list[dict[str, Any]]) -> int:
    return max((n for n, message in enumerate(messages) if message["role"] == "user"), default=0)


def _calling(name: str, arguments: Mapping[str, object] | str, number: int) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call = {"id": f"call_obedient{number}", "type": "function", "function": {"name": name, "arguments": text}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


@asynccontextmanager
async def running_obedient_model(orders: Mapping[int, Orders]) -> AsyncIterator[ObedientModel]:
    """Serve completions on a free port."""
    model = ObedientModel(orders)

    async def complete(request: web.Request) -> web.Response:
        message = {"refusal": None} | model.react(await request.json())
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "finish_reason": finish, "logprobs": None, "message": message}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "gpt-4o-mini"}
        return web.json_response(head | {"choices": [choice], "usage": usage})

    app = web.Application(client_max_size=4 << 20)
    app.add_routes([web.post("/v1/chat/completions", complete)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    model.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield model
    finally:
        await runner.cleanup()
