"""Running the tools that a model asks for. What is wrong with a call is told to the model, which can correct it."""

from collections.abc import Sequence

import structlog
from pydantic import BaseModel, ValidationError

from oxy_ai import metrics
from oxy_ai.records import ToolCall
from oxy_ai.vertical import Tool, ToolContext

log = structlog.get_logger()


class ToolRefusal(BaseModel):
    """Tells the model, in Portuguese like all it reads, why nothing was done."""

    erro: str


async def run_tool(tools: Sequence[Tool], call: ToolCall, context: ToolContext) -> str:
    """Run a tool call and return its result as JSON; a wrong name or wrong arguments give a refusal."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        metrics.TOOL_CALLS.labels(tool="unknown", outcome="refused").inc()
        return _json(ToolRefusal(erro=f"a ferramenta {call.name[:60]!r} não existe"))
    try:
        arguments = tool.arguments.model_validate_json(call.arguments or "{}")
    except ValidationError as error:
        metrics.TOOL_CALLS.labels(tool=tool.name, outcome="refused").inc()
        return _json(ToolRefusal(erro=f"argumentos inválidos: {_explained(error)}"))
    result = await tool.run(context, arguments)
    outcome = "refused" if isinstance(result, ToolRefusal) else "done"
    metrics.TOOL_CALLS.labels(tool=tool.name, outcome=outcome).inc()
    log.info("tool_run", tool=tool.name, outcome=outcome)
    return _json(result)


def _json(result: BaseModel) -> str:
    return result.model_dump_json(exclude_none=True)


def _explained(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'JSON'}: {item['msg']}" for item in error.errors())
