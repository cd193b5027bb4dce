"""Gathers, from a turn and what has happened in it, the evidence that its answer is reviewed by. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from oxy_ai.assistants.review.evidence import Evidence, ToolOutcome
from oxy_ai.assistants.transcript import shown
from oxy_ai.assistants.vertical import Brief, Tool
from oxy_ai.messages import Author
from oxy_ai.records import HistoryMessage, Step, Turn


def evidence_of(turn: Turn, brief: Brief, steps: Iterable[Step], now: datetime) -> Evidence:
    """Return what the model was given; `steps` are those of this turn whose tools have run."""
    settings = turn.settings
    return Evidence(
        now=now,
        facts=brief.prompt.stable,
        changing=brief.prompt.changing,
        instructions=brief.instructions,
        shop=settings.display_name,
        offers=brief.offers,
        booked=brief.booked,
        tools=tuple(tool.name for tool in brief.tools),
        outcomes=tuple(_outcomes(steps, brief.tools)),
        by_people=tuple(map(_without_quote, _by(turn, "phone"))),
        by_assistant=_said_by(turn, "assistant"),
        by_customer=(*_said_by(turn, "customer"), *map(shown, turn.inputs)),
        phones=() if turn.contact.phone is None else (turn.contact.phone,),
        allowed_links=settings.ai.allowed_links,
    )


def _by(turn: Turn, author: Author) -> Iterable[HistoryMessage]:
    return (message for message in turn.history if message.author == author)


def _said_by(turn: Turn, author: Author) -> tuple[str, ...]:
    return tuple(map(shown, _by(turn, author)))


def _without_quote(message: HistoryMessage) -> str:
    """Return what a person of the business says by a message: not what it answers, which may be a customer's wish."""
    content = message.content and message.content.model_copy(update={"quote": None})
    return shown(message.model_copy(update={"quoted": None, "content": content}))


def _outcomes(steps: Iterable[Step], tools: Sequence[Tool]) -> Iterable[ToolOutcome]:
    acting = {tool.name for tool in tools if tool.acts}
    for step in steps:
        for call in step.response.tool_calls:
            if call.id in step.results:
                yield ToolOutcome(call.name, step.results[call.id], acts=call.name in acting)
