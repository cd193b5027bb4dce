"""Does what a customer has answered to whether he comes, once.

What is done, what he is told and its row of the audit log are committed together, under the turn's fence: an attempt
that is cut off before leaves no trace of it, and the next one after it only tells the result.
"""

from datetime import datetime

import structlog

from oxy_ai.assistants.attendance import MEANWHILE, Answered, AttendanceRuling, text_of
from oxy_ai.assistants.people import hand_over_of
from oxy_ai.automations.attending import settle
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_dialogue import Spoken
from oxy_ai.records import Claim, HandOverReason, Turn
from oxy_ai.timezones import zone_or_default

log = structlog.get_logger()


class Attendances:
    """What turns of customers do about what they were asked (`oxy_ai/automations/schema/answers.sql`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def settle(self, claim: Claim, turn: Turn, ruling: AttendanceRuling, now: datetime) -> Spoken:
        """Do what a customer has answered, unless an earlier attempt has; return what he is told.

        If he has written more meanwhile, nothing is done. Raises FenceLostError.
        """
        if not ruling.acts:
            return Spoken(text_of(ruling, zone_or_default(turn.settings.timezone)), None)
        if ruling.outcome is not None:
            return _told(turn, ruling, ruling.outcome)
        may = "select may_answer_for(c, $3) from conversations c where c.organization_id = $1 and c.id = $2"
        async with self._engine.tool_transaction(claim) as connection:
            if not await connection.fetchval(may, claim.organization, claim.conversation, turn.turn):
                return Spoken(MEANWHILE, None)
            done, text = await settle(connection, claim.organization, turn, ruling, now)
        log.info("attendance_answered", answer=done.answered.value, about=len(done.about))
        return _told(turn, done, text)


def _told(turn: Turn, ruling: AttendanceRuling, text: str) -> Spoken:
    """Return what a customer is told; whoever cannot cancel any more gets a person."""
    late = ruling.answered is Answered.TOO_LATE and ruling.about
    order = hand_over_of(turn, HandOverReason.UNABLE, f"quer cancelar: {text}") if late else None
    return Spoken(text, None, order, acted=True)
