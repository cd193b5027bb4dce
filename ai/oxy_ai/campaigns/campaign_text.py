"""The job that queues the text of a campaign for one recipient."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel

from oxy_ai.campaigns.audience import Audience, Reading, values_of
from oxy_ai.campaigns.delivery import (
    RecipientNow,
    Send,
    Skip,
    Void,
    Wait,
    again_at,
    next_step,
    spread_of,
    words_for,
)
from oxy_ai.campaigns.delivery_table import Outgoing, queue_text, read_recipient, skip_recipient
from oxy_ai.campaigns.plan import Campaign
from oxy_ai.database import Connection
from oxy_ai.jobs.kinds import JobKind, JobWork
from oxy_ai.jobs.records import Cancelled, Done, JobEnd, Later
from oxy_ai.records import Shown
from oxy_ai.reputation import ProactiveMessage, Purpose
from oxy_ai.text_templates import fill
from oxy_core.envelopes import Lane
from oxy_core.identity import new_id

KIND: Final = "campaign_text"
"""As approval.sql names the jobs."""


class RecipientOfRound(BaseModel):
    """Who gets it. A job of another round than the recipient's is void: the campaign was resumed since."""

    recipient: int
    round: int


class CampaignText:
    """Whoever does the job again, though his worker was killed, finds the recipient settled."""

    name: ClassVar[str] = KIND
    payload: ClassVar[type[RecipientOfRound]] = RecipientOfRound

    def __init__(self, audience_of: Callable[[str], Audience]) -> None:
        """`audience_of` finds the audience of a profile; raises ProfileUnknownError."""
        self._audience_of = audience_of

    async def run(self, work: JobWork[RecipientOfRound]) -> JobEnd:
        """Queue the text, or come back later, or note why he gets nothing."""
        async with work.reading() as connection:
            found = await read_recipient(connection, work.job.organization, work.payload.recipient)
            if found is None:
                return Cancelled("RecipientGone")
            quiet, spread = work.job.settings.limits.quiet_span, spread_of(work.payload.recipient)
            step = next_step(found, work.payload.round, spread, work.now(), quiet)
            if isinstance(step, Wait):
                return Later(why=step.why, until=step.until)
            if isinstance(step, Void):
                return Cancelled(step.why)
            message = await self._message(connection, work, found, step) if isinstance(step, Send) else step
        return await _finish(work, message)

    async def _message(
        self, connection: Connection, work: JobWork[RecipientOfRound], recipient: RecipientNow, step: Send
    ) -> Outgoing | Skip:
        campaign, settings = recipient.campaign, work.job.settings
        audience = self._audience_of(settings.ai.profile)
        segment = audience.segment.model_validate(campaign.segment)
        reading = Reading(connection, work.job.organization, settings.display_name, segment, work.now())
        values = await values_of(reading, audience, campaign.body, [recipient.contact])
        words = words_for(campaign, fill(campaign.body, values[recipient.contact]))
        if isinstance(words, Skip):
            return words
        return Outgoing(message_of(campaign, words, step.until, work.now()), again_at(campaign, step.until))


def message_of(campaign: Campaign, words: str, until: datetime, now: datetime) -> ProactiveMessage:
    """Return a text that leaves until a moment. Pure but for its id."""
    file = campaign.media
    return ProactiveMessage(
        id=new_id(),
        text=words if file is None else None,
        content=None if file is None else file.model_copy(update={"caption": words}),
        shown=None if file is None else Shown(kind=file.kind.value, text=words),
        purpose=Purpose.PROMOTION,
        reference=campaign.reference,
        lane=Lane.CAMPAIGN,
        keep_seconds=(until - now).total_seconds(),
    )


async def _finish(work: JobWork[RecipientOfRound], message: Outgoing | Skip) -> JobEnd:
    recipient, organization = work.payload.recipient, work.job.organization
    async with work.finishing() as connection:
        if isinstance(message, Skip):
            await skip_recipient(connection, organization, recipient, message.why)
        else:
            # Stopped meanwhile: nothing is queued, and whoever resumes the campaign queues another job.
            await queue_text(connection, organization, recipient, work.payload.round, message)
    return Done()


if TYPE_CHECKING:
    _: type[JobKind[RecipientOfRound]] = CampaignText
