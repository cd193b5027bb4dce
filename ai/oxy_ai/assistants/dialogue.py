"""The messages of a model request: the part of the conversation that the model sees."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)

from oxy_ai.assistants.tool_schema import strict_schema
from oxy_ai.assistants.transcript import shown
from oxy_ai.assistants.vertical import Prompt, Tool
from oxy_ai.records import HistoryMessage, Response, Step, Turn
from oxy_ai.sanitize import prompt_text
from oxy_core.chat_commands import is_hand_back
from oxy_core.content import AUTOMATIC_SOURCES
from oxy_core.message_kinds import MessageKind

BY_PERSON: Final = "[mensagem enviada por um atendente] "
"""Prefix, in requests, of messages that a person wrote from the business's phone."""

BY_APP: Final = "[mensagem automática do aplicativo] "
"""Prefix, in requests, of messages that the WhatsApp Business app sent by itself."""

LEFT_OUT: Final = "[o cliente enviou antes mais {} mensagens, que não são mostradas aqui]"
"""Stands, in requests, for messages to answer that are too many to be shown."""


def opening(prompt: Prompt, turn: Turn, texts: Sequence[str]) -> list[ChatCompletionMessageParam]:
    """Return the first request's messages: both parts of the prompt, then the last messages of the conversation.

    There are at most `AiSettings.context_messages` of these. `texts`, the messages to answer, count towards that limit
    but are never left out.
    """
    room = max(turn.settings.ai.context_messages - len(texts), turn.missed)
    history = [message for message in turn.history[-room:] if not _is_command(message)] if room else []
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": part} for part in (prompt.stable, prompt.changing)
    ]
    messages.extend(_earlier(message) for message in history)
    if turn.inputs_total > len(turn.inputs):
        messages.append({"role": "user", "content": LEFT_OUT.format(turn.inputs_total - len(turn.inputs))})
    messages.extend({"role": "user", "content": prompt_text(text)} for text in texts)
    return messages


def _is_command(message: HistoryMessage) -> bool:
    """Whether a person told the assistant to answer again: one that was edited into that is still a message."""
    return message.author == "phone" and is_hand_back(message.text)


def _earlier(message: HistoryMessage) -> ChatCompletionMessageParam:
    match message.author:
        case "customer":
            return {"role": "user", "content": prompt_text(shown(message))}
        case "phone":
            prefix = BY_APP if message.source in AUTOMATIC_SOURCES else BY_PERSON
            return {"role": "assistant", "content": prefix + prompt_text(shown(message))}
        case "assistant":
            return {"role": "assistant", "content": _own(message)}


def _own(message: HistoryMessage) -> str:
    """Return an assistant's text as it was sent, so that the model finds its own words, with what has become of it."""
    changed = message.revoked or message.before_edit is not None or message.answers
    plain = message.kind is MessageKind.TEXT and not changed
    return message.text or "" if plain else shown(message)


def continuation(step: Step) -> list[ChatCompletionMessageParam]:
    """Return the messages that a step with tool calls adds to the next request: the calls and their results."""
    calls: list[ChatCompletionMessageFunctionToolCallParam] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in step.response.tool_calls
    ]
    asked: ChatCompletionMessageParam = {"role": "assistant", "content": step.response.text, "tool_calls": calls}
    results: list[ChatCompletionMessageParam] = [
        {"role": "tool", "tool_call_id": call.id, "content": step.results[call.id]} for call in step.response.tool_calls
    ]
    return [asked, *results]


def said(response: Response) -> ChatCompletionMessageParam:
    """Return a response in text as a message of the next request."""
    return {"role": "assistant", "content": response.text or ""}


@cache
def tool_declaration(tool: Tool) -> ChatCompletionFunctionToolParam:
    """Return a tool in the form of a request's `tools`."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": strict_schema(tool.arguments),
            "strict": True,
        },
    }
