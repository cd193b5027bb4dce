"""Reviews the texts of one attempt at a turn: what is wrong with them, and when there is no point in asking again.

What is objected to is stored as a step, so an attempt that resumes the turn reviews it again and goes on from there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from openai.types.chat import ChatCompletionMessageParam

from oxy_ai import metrics
from oxy_ai.assistants.escalation import ESCALATE
from oxy_ai.assistants.gathering import evidence_of
from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.judge import review
from oxy_ai.assistants.review.objections import AnswerObjection, repair_request
from oxy_ai.assistants.review.owners import has_looked, invented_figures, review_for_owner
from oxy_ai.assistants.vertical import Brief, Role
from oxy_ai.records import Response, Step, Turn

REPAIRS: Final = 1
"""How often a model is told what is wrong with its answer. One that does not see it then rarely sees it later."""

log = structlog.get_logger()


class AnswerReview:
    """The review of one attempt's texts; owners, who may know everything, are told no invented figure and no deed."""

    def __init__(self, turn: Turn, role: Role, brief: Brief, now: datetime) -> None:
        self._turn = turn
        self._role = role
        self._brief = brief
        self._now = now
        self._reader = "o cliente" if role is Role.CUSTOMER else "o dono da loja"
        self._steps: list[Step] = []
        self._objected = 0
        self._unfit = False

    def has_run(self, step: Step) -> None:
        """Take note of what tools have given back."""
        self._steps.append(step)

    def has_acted(self) -> bool:
        """Whether a tool has changed something for the customer."""
        found = self._evidence().outcomes
        return any(outcome.acts and outcome.is_success and outcome.tool != ESCALATE.name for outcome in found)

    def knows(self) -> bool:
        """Whether what an owner is told may have been looked up, or done just before."""
        proposal = self._turn.proposal
        return (proposal is not None and proposal.state == "done" and proposal.just_ended) or has_looked(
            self._evidence()
        )

    def invents(self, text: str) -> bool:
        """Whether a text has figures that nobody has given."""
        return next(iter(invented_figures(text, self._evidence())), None) is not None

    def objections(self, response: Response) -> Sequence[ChatCompletionMessageParam]:
        """Return what the model is told of what is wrong with its text."""
        found = self._review(response)
        self._unfit = bool(found)
        if not found:
            return []
        self._objected += 1
        faults = sorted({objection.fault.value for objection in found})
        for fault in faults:
            metrics.OBJECTIONS.labels(fault=fault).inc()
        log.info("answer_objected", faults=faults, times=self._objected)
        return [{"role": "system", "content": repair_request(found, self._reader)}]

    def _review(self, response: Response) -> Sequence[AnswerObjection]:
        if self._role is Role.CUSTOMER:
            return review(response.text or "", self._evidence())
        return review_for_owner(response.text or "", self._evidence(), knows=self.knows())

    def _evidence(self) -> Evidence:
        return evidence_of(self._turn, self._brief, self._steps, self._now)

    def gives_up(self, *, last: bool) -> bool:
        """Whether the newest text may not leave and there is no point in asking again; `last`: nor may it be asked."""
        return self._unfit and (last or self._objected > REPAIRS)
