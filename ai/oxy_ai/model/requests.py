"""The bodies of requests, as OpenAI's API takes them. Pure.

Formats: https://platform.openai.com/docs/api-reference/chat/create and .../audio/createTranscription
"""

from collections.abc import Set as AbstractSet
from typing import Any

from pydantic_core import to_json

from oxy_ai.model.problems import Parameter
from oxy_ai.model.route import Question, Recording


def completion_request(model: str, question: Question, refused: AbstractSet[Parameter]) -> bytes:
    """Return the JSON of a question, without what the model is known to refuse."""
    limit = "max_completion_tokens" if Parameter.MAX_TOKENS in refused else "max_tokens"
    request: dict[str, Any] = {"model": model, limit: question.max_tokens, "messages": list(question.messages)}
    if Parameter.TEMPERATURE not in refused:
        request["temperature"] = question.temperature
    if question.tools:
        request["tools"] = list(question.tools)
        request["tool_choice"] = "auto" if question.tools_allowed else "none"
    return to_json(request)


def transcription_fields(model: str, recording: Recording) -> dict[str, str]:
    """Return the fields of a form beside the file. JSON is the one form of answer that all models give."""
    fields = {"model": model, "response_format": "json"}
    return fields if recording.language is None else fields | {"language": recording.language}
