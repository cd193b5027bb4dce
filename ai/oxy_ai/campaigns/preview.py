"""What a campaign would be, before anybody approves it: how many get it, who is left out and why, ten examples."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oxy_ai.assistants.fixed_texts import with_way_out
from oxy_ai.campaigns.allowance import allowance_of
from oxy_ai.campaigns.audience import Audience, Reading, values_of
from oxy_ai.campaigns.criteria import words_of
from oxy_ai.campaigns.plan import Said, expiry_of, is_silent
from oxy_ai.campaigns.reach import Market, reach_of
from oxy_ai.database import Connection
from oxy_ai.records import Record
from oxy_ai.reputation import reputation_of
from oxy_ai.sanitize import person_name
from oxy_ai.text_templates import fill
from oxy_core.instance.settings import LimitsSettings

EXAMPLES: Final = 10
"""Recipients whose text is shown."""


@dataclass(frozen=True, slots=True)
class Shop:
    """Whose campaign it is."""

    connection: Connection
    organization: UUID
    instance: UUID
    name: str | None
    """As customers know it."""
    limits: LimitsSettings
    now: datetime
    """In its time zone."""


class Example(Record):
    """A recipient with the text that he would get."""

    name: str | None
    text: str


class Preview(Record):
    """What approving a campaign now would do."""

    to: str
    """The segment in words."""
    recipients: int
    """Who would be chosen."""
    over_cap: int
    """Others, whom the cap leaves out."""
    opted_out: int
    """Others, who do not want such messages."""
    unproven: int
    """Others, of whom nothing shows that they are customers."""
    missing: dict[str, int]
    """Of the recipients, how many would get nothing because nobody knows this of them, by variable."""
    room: int
    """How many texts the number may send before it expires, if it sends no others."""
    silent: bool
    """Whether its hours lie within the number's quiet hours, so that nothing would leave."""
    paused: bool
    """Whether the number sends nothing now, until a person resumes."""
    examples: tuple[Example, ...]

    @property
    def reached(self) -> int:
        """How many would get it."""
        return self.recipients - sum(self.missing.values())


async def preview_of(shop: Shop, audience: Audience, said: Said) -> Preview:
    """Return what approving a campaign now would do."""
    segment = audience.segment.model_validate(said.segment)
    reach = await reach_of(
        shop.connection, Market(shop.organization, shop.instance, segment, said.basis), audience, shop.now
    )
    chosen = reach.recipients[: said.cap]
    reading = Reading(shop.connection, shop.organization, shop.name, segment, shop.now)
    values = await values_of(reading, audience, said.body, [recipient.contact for recipient in chosen])
    texts = [(recipient.name, fill(said.body, values[recipient.contact])) for recipient in chosen]
    reputation = await reputation_of(shop.connection, shop.organization, shop.instance)
    return Preview(
        to=words_of(audience.criteria, segment),
        recipients=len(chosen),
        over_cap=len(reach.recipients) - len(chosen),
        opted_out=reach.opted_out,
        unproven=reach.unproven,
        missing=dict(Counter(text.missing[0] for _, text in texts if text.missing)),
        room=allowance_of(reputation, shop.limits, shop.now, expiry_of(said, shop.now)),
        silent=is_silent(said, shop.limits),
        paused=reputation is not None and reputation.paused is not None,
        examples=tuple(
            Example(name=person_name(name), text=with_way_out(text.text)) for name, text in texts if not text.missing
        )[:EXAMPLES],
    )
