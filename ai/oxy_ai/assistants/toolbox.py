"""Running the tools that a model asks for. What is wrong with a call is told to the model, which can correct it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from oxy_ai import metrics
from oxy_ai.assistants.vertical import Tool, ToolContext
from oxy_ai.records import ToolCall

log = structlog.get_logger()

_ADVICE: Final = "Corrija a chamada ou pergunte ao cliente o que falta; não mostre este aviso a ninguém."


class ToolRefusal(BaseModel):
    """Why nothing was done, in Portuguese that a customer may be told."""

    erro: str


class CallRefusal(BaseModel):
    """What is wrong with the call itself, in Portuguese for the model alone."""

    chamada_invalida: tuple[str, ...]
    como_corrigir: str = _ADVICE


async def run_tool(tools: Sequence[Tool], call: ToolCall, context: ToolContext) -> str:
    """Run a tool call and return its result as JSON; a wrong name or wrong arguments give a `CallRefusal`."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        metrics.TOOL_CALLS.labels(tool="unknown", outcome="refused").inc()
        names = ", ".join(tool.name for tool in tools)
        return _json(CallRefusal(chamada_invalida=(f"a ferramenta {call.name[:60]} não existe; há: {names}",)))
    try:
        arguments = tool.arguments.model_validate_json(call.arguments or "{}")
    except ValidationError as error:
        metrics.TOOL_CALLS.labels(tool=tool.name, outcome="refused").inc()
        return _json(CallRefusal(chamada_invalida=explained(tool.arguments, error)))
    result = await tool.run(context, arguments)
    outcome = "refused" if isinstance(result, ToolRefusal) else "done"
    metrics.TOOL_CALLS.labels(tool=tool.name, outcome=outcome).inc()
    log.info("tool_run", tool=tool.name, outcome=outcome)
    return _json(result)


def _json(result: BaseModel) -> str:
    return result.model_dump_json(exclude_none=True)


def explained(arguments: type[BaseModel], error: ValidationError) -> tuple[str, ...]:
    """Return each mistake in Portuguese, with the argument's name and what it takes."""
    return tuple(_explained(arguments, details) for details in error.errors(include_url=False))


def _explained(arguments: type[BaseModel], details: ErrorDetails) -> str:
    names = ", ".join(arguments.model_fields)
    if not details["loc"]:
        if details["type"] == "value_error":
            return _own_words(details)
        return f"os argumentos não são um objeto JSON; mande um com: {names}"
    name = str(details["loc"][0])
    field = arguments.model_fields.get(name)
    if field is None:
        return f"o argumento {name[:60]} não existe; há: {names}"
    say = _MISTAKES.get(details["type"])
    mistake = "tem um valor que não serve" if say is None else say(details)
    return f"o argumento {name} {mistake}. {field.description or ''}".strip()


def _own_words(details: ErrorDetails) -> str:
    """Return the text of a ValueError that a validator of ours raised: Portuguese, and without pydantic's prefix."""
    return str(_limits(details).get("error", details["msg"]))


def _limits(details: ErrorDetails) -> Mapping[str, Any]:
    return details.get("ctx", {})


_MISTAKES: Final[Mapping[str, Callable[[ErrorDetails], str]]] = {
    "missing": lambda _: "falta",
    "value_error": _own_words,
    "enum": lambda details: f"deve ser um destes: {_limits(details)['expected'].replace(' or ', ', ')}",
    "string_type": lambda _: "deve ser um texto",
    "string_too_short": lambda _: "está vazio",
    "string_too_long": lambda details: f"tem mais de {_limits(details)['max_length']} caracteres",
}
"""What is said of an argument after its name, by pydantic's kind of error (pydantic_core.list_all_errors)."""
