"""Reading chat-completion requests as strictly as the real API does. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_TEMPERATURE: Final = 2
_REASONING: Final = re.compile(r"gpt-5|o\d")
"""Begins the names of models that refuse `max_tokens`, and any `temperature` but the default."""


class ApiError(Exception):
    """A refusal in the shape that OpenAI's clients expect."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        kind: str = "invalid_request_error",
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that follows the rules."""

    model: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[str, ...]
    tools_allowed: bool
    max_tokens: int | None
    prompt_characters: int
    body: Mapping[str, Any]
    """As it was sent."""

    @property
    def system(self) -> str:
        """All system prompts."""
        return "\n".join(content_of(message) for message in self.messages if message["role"] in {"system", "developer"})

    @property
    def said(self) -> Sequence[str]:
        """The user's texts, the newest first."""
        return [content_of(message) for message in reversed(self.messages) if message["role"] == "user"]

    @property
    def user(self) -> str:
        """The last user text."""
        return next(iter(self.said), "")

    @property
    def since_user(self) -> Sequence[Mapping[str, Any]]:
        """The messages after the last user text."""
        last = max((n for n, message in enumerate(self.messages) if message["role"] == "user"), default=-1)
        return self.messages[last + 1 :]

    @property
    def called(self) -> tuple[str, ...]:
        """Names of the tools called since the last user text."""
        return tuple(
            call["function"]["name"] for message in self.since_user for call in message.get("tool_calls") or ()
        )

    @property
    def said_by_system(self) -> str | None:
        """The last system message after the last user text."""
        said = [message for message in self.since_user if message["role"] in {"system", "developer"}]
        return content_of(said[-1]) if said else None

    @property
    def results(self) -> tuple[str, ...]:
        """Results of those tools."""
        return tuple(content_of(message) for message in self.since_user if message["role"] == "tool")


def content_of(message: Mapping[str, Any]) -> str:
    """Return a message's text, from either of its forms."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content or ""


def read_request(data: object) -> Request:
    """Check a request's body; raises ApiError with status 400 that names the parameter."""
    if not isinstance(data, dict):
        message = "We could not parse the JSON body of your request."
        raise ApiError(400, message)
    model = data.get("model")
    if not isinstance(model, str) or not model:
        message = "you must provide a model parameter"
        raise ApiError(400, message, "model")
    if data.get("stream"):
        message = "this server does not stream"
        raise ApiError(400, message, "stream")
    messages = _messages(data.get("messages"))
    tools = _tools(data.get("tools"))
    _check_numbers(data)
    _check_supported(model, data)
    return Request(
        model=model,
        messages=messages,
        tools=tools,
        tools_allowed=bool(tools) and data.get("tool_choice") != "none",
        max_tokens=data.get("max_tokens") or data.get("max_completion_tokens"),
        prompt_characters=len(json.dumps([data["messages"], data.get("tools") or []], ensure_ascii=False)),
        body=data,
    )


def _check_numbers(data: Mapping[str, Any]) -> None:
    temperature = data.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= _MAX_TEMPERATURE:
        message = f"Invalid 'temperature': expected a number between 0 and {_MAX_TEMPERATURE}."
        raise ApiError(400, message, "temperature")
    for name in ("max_tokens", "max_completion_tokens"):
        value = data.get(name)
        if value is not None and (not isinstance(value, int) or value < 1):
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= 1."
            raise ApiError(400, message, name)


def _check_supported(model: str, data: Mapping[str, Any]) -> None:
    if not _REASONING.match(model):
        return
    if "max_tokens" in data:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise ApiError(400, message, "max_tokens", code="unsupported_parameter")
    if data.get("temperature", 1) != 1:
        message = (
            f"Unsupported value: 'temperature' does not support {data['temperature']} with this model. "
            "Only the default (1) value is supported."
        )
        raise ApiError(400, message, "temperature", code="unsupported_value")


def _messages(messages: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(messages, list) or not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise ApiError(400, message, "messages")
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        open_calls = _check_message(f"messages.[{number}]", message, open_calls)
    _require_answered("messages", open_calls)
    return tuple(messages)


def _check_message(param: str, message: object, open_calls: set[str]) -> set[str]:
    """Check one message; returns the tool calls that wait for their results after it."""
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise ApiError(
            400, f"Invalid value: expected a message with one of the roles {sorted(_ROLES)}.", f"{param}.role"
        )
    if message["role"] == "tool":
        call = message.get("tool_call_id")
        if call not in open_calls:
            text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            raise ApiError(400, f"Invalid parameter: {text}", f"{param}.role")
        return open_calls - {call}
    _require_answered(param, open_calls)
    calls = message.get("tool_calls") or []
    if not calls and not isinstance(message.get("content"), str | list):
        raise ApiError(400, "Invalid value for 'content': expected a string, got null.", f"{param}.content")
    return {_call_id(f"{param}.tool_calls", call) for call in calls}


def _require_answered(param: str, open_calls: set[str]) -> None:
    if open_calls:
        text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each of them."
        raise ApiError(400, f"{text} Missing: {', '.join(sorted(open_calls))}", param)


def _call_id(param: str, call: object) -> str:
    match call:
        case {"id": str(identity), "type": "function", "function": {"name": str(), "arguments": str()}} if identity:
            return identity
        case _:
            message = "Invalid tool call: expected id, type 'function' and function with name and arguments."
            raise ApiError(400, message, param)


def _tools(tools: object) -> tuple[str, ...]:
    if tools is None:
        return ()
    if not isinstance(tools, list) or not tools:
        message = "Invalid 'tools': empty array. Expected an array with minimum length 1."
        raise ApiError(400, message, "tools")
    names = []
    for number, tool in enumerate(tools):
        match tool:
            case {"type": "function", "function": {"name": str(name), **rest}} if _TOOL_NAME.fullmatch(name):
                if not isinstance(rest.get("parameters", {}), dict):
                    message = "Invalid schema for function: expected an object."
                    raise ApiError(400, message, f"tools[{number}].function.parameters")
                names.append(name)
            case _:
                message = "Invalid tool: expected type 'function' and a function with a name."
                raise ApiError(400, message, f"tools[{number}]")
    return tuple(names)
