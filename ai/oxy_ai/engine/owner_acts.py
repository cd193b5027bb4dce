"""Carries out what an owner has agreed to, once, and settles what he was asked about.

An act, its result, its row of the audit log and the proposal's state are committed together, under the turn's fence:
an attempt that is cut off before leaves no trace of it, and the next one after it only tells the result.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from pydantic import ValidationError

from oxy_ai import metrics
from oxy_ai.assistants.proposals import Ruled, Ruling
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, Role, ToolContext
from oxy_ai.database import Connection
from oxy_ai.engine.returned_instances import wake_returned
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_dialogue import AssistedTurn, Spoken
from oxy_ai.errors import FenceLostError
from oxy_ai.records import Claim, PreparedProposal, Proposal, Turn

_UNKNOWN: Final = "Não consigo mais fazer isso: fui atualizada depois da pergunta. Não fiz nada; é só pedir de novo."
_MEANWHILE: Final = (
    "Chegou outra mensagem sua antes de eu fazer, então não fiz nada. Se ainda quiser, é só pedir de novo."
)
_SETTLED: Final = "Essa pergunta não vale mais. Não fiz nada."

log = structlog.get_logger()


class Settlement(NamedTuple):
    """How a proposal ends."""

    organization: UUID
    proposal: int
    how: str
    """Its state."""
    said: str
    """What the owner is told."""


class OwnerActs:
    """What turns of owners do about proposals; its steps are in `oxy_ai/schema/proposals.sql`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def prepared(self, claim: Claim, turn: Turn, spoken: Spoken, role: Role) -> PreparedProposal | None:
        """Return what a turn proposes; None: nothing, which costs nothing to know unless a tool of Aurora's has run."""
        if role is not Role.AURORA or not spoken.acted:
            return None
        document = await self._engine.pool.fetchval("select prepared_proposal($1, $2)", claim.organization, turn.turn)
        return None if document is None else PreparedProposal.model_validate_json(document)

    async def settle(self, claim: Claim, turn: Turn, ruling: Ruling | None) -> None:
        """Settle what an owner was asked about as he has answered; raises FenceLostError."""
        if ruling is None or ruling.proposal is None or ruling.ruled is Ruled.REPEATED:
            return
        how = Ruled.SET_ASIDE if ruling.ruled is Ruled.OLDER else ruling.ruled
        async with self._engine.tool_transaction(claim) as connection:
            settled = Settlement(claim.organization, ruling.proposal.id, how.value, ruling.text)
            await _settle(connection, turn, settled)

    async def carry_out(self, assisted: AssistedTurn, proposal: Proposal) -> Spoken:
        """Do what the owner has agreed to, unless an earlier attempt has; return what he is told.

        Raises FenceLostError.
        """
        if proposal.state != "open":
            return Spoken(proposal.outcome or _SETTLED, None, acted=True)
        claim, turn = assisted.claim, assisted.turn
        async with self._transaction(claim, turn) as connection:
            may = await connection.fetchval(
                "select may_carry_out(c, $3, $4) from conversations c where c.organization_id = $1 and c.id = $2",
                claim.organization,
                claim.conversation,
                turn.turn,
                proposal.id,
            )
            if may:
                outcome = await _done(connection, assisted, proposal)
            else:
                outcome = ActOutcome(await _told(connection, claim, proposal) or _MEANWHILE, done=False)
            how = "done" if outcome.done else "undone"
            await _settle(connection, turn, Settlement(claim.organization, proposal.id, how, outcome.said))
        metrics.TOOL_CALLS.labels(tool=proposal.tool, outcome=how).inc()
        log.info("proposal_carried_out", tool=proposal.tool, outcome=how)
        await wake_returned(self._engine, claim.organization)
        return Spoken(outcome.said, None, acted=True)

    @asynccontextmanager
    async def _transaction(self, claim: Claim, turn: Turn) -> AsyncIterator[Connection]:
        """Open a transaction in which an act may also change other conversations of the instance.

        Whoever stores reports locks the instance before a conversation, so this does as well.
        """
        async with self._engine.pool.acquire() as connection, connection.transaction():
            await connection.execute("select lock_instance($1)", turn.instance)
            if not await connection.fetchval(
                "select hold_turn($1, $2, $3)", claim.organization, claim.conversation, claim.fence
            ):
                raise FenceLostError
            yield connection


async def _told(connection: Connection, claim: Claim, proposal: Proposal) -> str | None:
    """Return what the owner is told of a proposal that was settled since the turn was read; None: it is open."""
    told: str | None = await connection.fetchval(
        "select outcome from proposals where organization_id = $1 and id = $2", claim.organization, proposal.id
    )
    return told


async def _done(connection: Connection, assisted: AssistedTurn, proposal: Proposal) -> ActOutcome:
    act = _act(assisted, proposal.tool)
    if act is None:
        return ActOutcome(_UNKNOWN, done=False)
    try:
        order = act.order.model_validate(proposal.arguments)
    except ValidationError:
        return ActOutcome(_UNKNOWN, done=False)
    context = ToolContext(connection, assisted.claim.organization, assisted.turn, assisted.timezone, assisted.now)
    return await act.carry_out(context, order)


def _act(assisted: AssistedTurn, name: str) -> ConfirmedAct | None:
    return next((tool.act for tool in assisted.brief.tools if tool.name == name), None)


async def _settle(connection: Connection, turn: Turn, settled: Settlement) -> None:
    await connection.execute(
        "select settle_proposal($1, $2, $3, $4, $5, $6)",
        settled.organization,
        turn.turn,
        settled.proposal,
        settled.how,
        settled.said,
        f"contact:{turn.contact.id}",
    )
