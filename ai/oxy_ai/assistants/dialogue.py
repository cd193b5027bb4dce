"""The messages of a model request, from what a turn holds."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)

from oxy_ai.assistants.sanitize import for_prompt
from oxy_ai.assistants.vertical import Tool
from oxy_ai.records import HistoryMessage, Step, Turn

BY_PERSON: Final = "[mensagem enviada por um atendente] "
"""Marks in the prompt what a person wrote from the business's phone."""


def opening(system_prompt: str, turn: Turn, texts: Sequence[str]) -> list[ChatCompletionMessageParam]:
    """Return the system prompt and the last `context_messages` messages, the new ones included."""
    room = max(turn.settings.ai.context_messages - len(texts), 0)
    history = turn.history[-room:] if room else ()
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": system_prompt}]
    messages.extend(_told(message) for message in history)
    messages.extend({"role": "user", "content": for_prompt(text)} for text in texts)
    return messages


def _told(message: HistoryMessage) -> ChatCompletionMessageParam:
    match message.author:
        case "customer":
            return {"role": "user", "content": for_prompt(message.text)}
        case "phone":
            return {"role": "assistant", "content": BY_PERSON + for_prompt(message.text)}
        case _:
            return {"role": "assistant", "content": message.text}


def continuation(step: Step) -> list[ChatCompletionMessageParam]:
    """Return a step with tool calls and their results, for the next request."""
    calls: list[ChatCompletionMessageFunctionToolCallParam] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in step.response.tool_calls
    ]
    asked: ChatCompletionMessageParam = {"role": "assistant", "content": step.response.text, "tool_calls": calls}
    results: list[ChatCompletionMessageParam] = [
        {"role": "tool", "tool_call_id": call.id, "content": step.results[call.id]} for call in step.response.tool_calls
    ]
    return [asked, *results]


@cache
def declared(tool: Tool) -> ChatCompletionFunctionToolParam:
    """Return a tool as the model is shown it."""
    schema = tool.arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": schema},
    }
