"""Run the model's tool calls. An invalid call is refused with an explanation that lets the model correct it."""

from collections.abc import Sequence
from typing import Final

import structlog
from pydantic import BaseModel, ValidationError

from oxy_ai import metrics
from oxy_ai.assistants.agreed_moment import is_agreed
from oxy_ai.assistants.consent import is_asked
from oxy_ai.assistants.refusals import ToolRefusal, refuse_arguments, refuse_in_draft, refuse_name, refuse_unasked
from oxy_ai.assistants.roles import is_draft
from oxy_ai.assistants.vertical import Consent, Tool, ToolContext
from oxy_ai.records import ToolCall

_NUL: Final = "\\u0000"
"""The JSON escape of the one character that PostgreSQL cannot store."""

log = structlog.get_logger()


async def run_tool(tools: Sequence[Tool], call: ToolCall, context: ToolContext) -> str:
    """Run a tool call and return its result, or the refusal of a wrong call, as JSON."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        # The model made the name up: as a label its values would be unbounded.
        metrics.TOOL_CALLS.labels(tool="unknown", outcome="refused").inc()
        return _as_json(refuse_name(call.name, ", ".join(tool.name for tool in tools)))
    if tool.acts and is_draft(context.turn):
        metrics.TOOL_CALLS.labels(tool=tool.name, outcome="draft").inc()
        return _as_json(refuse_in_draft())
    try:
        arguments = tool.arguments.model_validate_json(call.arguments.replace(_NUL, "") or "{}")
    except ValidationError as error:
        metrics.TOOL_CALLS.labels(tool=tool.name, outcome="refused").inc()
        return _as_json(refuse_arguments(tool.arguments, error))
    if tool.consent is not None and not _is_wanted(tool.consent, arguments, context):
        metrics.TOOL_CALLS.labels(tool=tool.name, outcome="unasked").inc()
        log.info("tool_unasked", tool=tool.name)
        return _as_json(refuse_unasked(tool.name))
    result = await tool.run(context, arguments)
    if isinstance(result, ToolRefusal) and result.hand_over is not None and not is_draft(context.turn):
        await context.hand_over(result.hand_over)
    outcome = "refused" if isinstance(result, ToolRefusal) else "done"
    metrics.TOOL_CALLS.labels(tool=tool.name, outcome=outcome).inc()
    log.info("tool_run", tool=tool.name, outcome=outcome)
    return _as_json(result)


def _is_wanted(consent: Consent, arguments: BaseModel, context: ToolContext) -> bool:
    turn = context.turn
    return is_asked(consent, arguments, turn, context.known) and is_agreed(consent, arguments, turn, context.now.date())


def _as_json(result: BaseModel) -> str:
    return result.model_dump_json(exclude_none=True)
