"""Tools that ask first."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, Proposed, Tool, ToolContext

A = TypeVar("A", bound=BaseModel)

_ONE_AT_A_TIME: Final = (
    "Uma coisa de cada vez: nesta resposta já há outra proposta esperando o sim do dono. Esta fica para depois."
)
LISTED: Final = 5
"""Customers or bookings that are named in one sentence; of more, how many there are is said."""


@dataclass(frozen=True, slots=True)
class ActPlan:
    """What a tool would do."""

    intent: str
    """What will happen, in a sentence that begins with "Vou"."""
    order: BaseModel
    """The same with everything resolved."""


def asking_tool(
    name: str,
    description: str,
    arguments: type[A],
    plan: Callable[[ToolContext, A], Awaitable[ActPlan | ToolRefusal]],
    act: ConfirmedAct,
) -> Tool:
    """Return a tool that proposes what it has planned, and does it once the owner has agreed."""

    async def run(context: ToolContext, wanted: A) -> BaseModel:
        planned = await plan(context, wanted)
        if isinstance(planned, ToolRefusal):
            return planned
        if not await context.propose(name, planned.intent, planned.order):
            return ToolRefusal(erro=_ONE_AT_A_TIME)
        return Proposed(o_que_vai_acontecer=planned.intent)

    return Tool(name, description, arguments, run, acts=True, act=act)


def undone(why: str) -> ActOutcome:
    """Return the outcome of an act for which it is too late; `why` is a sentence."""
    return ActOutcome(f"{why} Não fiz nada.", done=False)


def listed(items: list[str]) -> str:
    """Return some items as a list in a sentence."""
    shown = items[:LISTED]
    more = [f"mais {len(items) - LISTED}"] if len(items) > LISTED else []
    return "; ".join([*shown, *more])


def who_of(context: ToolContext) -> str:
    """Return who acts, for audit logs and agendas."""
    return f"contact:{context.turn.contact.id}"
