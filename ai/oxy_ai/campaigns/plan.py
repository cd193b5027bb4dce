"""What a campaign is: what it says, to whom, when. Pure."""

import hashlib
import json
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, JsonValue, field_validator

from oxy_ai.records import Record
from oxy_ai.sanitize import storable_text
from oxy_ai.scheduling.periods import WHOLE_DAY, Period, of_quiet_hours, parse_period, without_breaks
from oxy_core.instance.settings import LimitsSettings
from oxy_core.outbound import FileContent

LONGEST_TEXT: Final = 1_000
"""Characters of a campaign's text, with its variables."""
LONGEST_CAPTION: Final = 800
"""Of a text that goes below a file: with names filled in, and how to have no more of them, it still fits there."""
LONGEST_NAME: Final = 60
"""Characters of its name."""
USUAL_LIFE: Final = timedelta(days=7)
"""How long after its beginning a campaign's texts are still sent, unless it says otherwise."""
LONGEST_LIFE: Final = timedelta(days=60)
"""Less than its file is kept."""
Quiet: TypeAlias = tuple[time, time] | None
"""Beginning and end of the number's quiet hours (`LimitsSettings.quiet_span`)."""
MOST_RECIPIENTS: Final = 100_000
"""That a cap may say."""


class Basis(StrEnum):
    """Why a business may write to people who have not asked for this message."""

    EXISTING_CUSTOMER = "existing_customer"
    """They are its customers: each has written to it, or has come."""
    OPTED_IN = "opted_in"
    """They have said that they want its messages."""


class Said(Record):
    """What a campaign says, to whom, and when: all that is fixed once it is approved."""

    name: str
    segment: dict[str, JsonValue]
    """Criteria by name; which there are depends on the vertical."""
    body: str
    """With variables in braces."""
    media: FileContent | None = None
    """A file that the text goes below."""
    begins_at: AwareDatetime | None = None
    """None: once it is approved."""
    hours: str | None = None
    """Of each day, in which its texts may leave: HH:MM-HH:MM; None: whenever the number may write."""
    expires_at: AwareDatetime | None = None
    """None: `USUAL_LIFE` after it is approved."""
    cap: int | None = None
    """Most recipients; None: all."""
    basis: Basis
    source: str

    @field_validator("name", "body", "source")
    @classmethod
    def _storable(cls, text: str) -> str:
        return storable_text(text)

    @field_validator("hours")
    @classmethod
    def _is_period(cls, hours: str | None) -> str | None:
        return None if hours is None else str(parse_period(hours))


def digest_of(said: Said) -> str:
    """Tell whether two of them say the same; a file counts by its content, a moment in any zone."""
    document = said.model_dump(mode="json")
    media = document["media"] and {**document["media"], "media_id": None}
    moments = {name: None if at is None else at.timestamp() for name, at in _moments(said).items()}
    text = json.dumps(document | {"name": None, "media": media} | moments, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _moments(said: Said) -> dict[str, datetime | None]:
    return {"begins_at": said.begins_at, "expires_at": said.expires_at}


class CampaignState(StrEnum):
    """Of a campaign, as it is stored."""

    DRAFT = "draft"
    APPROVED = "approved"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Campaign(Said):
    """A stored campaign."""

    id: int
    instance_id: UUID
    state: CampaignState
    reach: int
    """Recipients, as counted when it was drafted or approved."""
    digest: str
    """`digest_of` what it said when it was stored."""
    made_by: str
    created_at: AwareDatetime
    changed_at: AwareDatetime | None = None
    approved_at: AwareDatetime | None = None
    approved_by: str | None = None
    ended_at: AwareDatetime | None = None

    @property
    def reference(self) -> str:
        """By which its texts are known in the outbox."""
        return f"campaign:{self.id}"

    @property
    def period(self) -> Period | None:
        """The hours of each day in which its texts may leave."""
        return None if self.hours is None else parse_period(self.hours)


def expiry_of(said: Said, now: datetime) -> datetime:
    """Return until when the texts of a campaign that is approved now are sent."""
    return said.expires_at or max(said.begins_at or now, now) + USUAL_LIFE


def is_silent(said: Said, limits: LimitsSettings) -> bool:
    """Return whether the hours of a campaign lie within those in which its number writes to nobody."""
    quiet = limits.quiet_span
    if said.hours is None or quiet is None:
        return False
    period, (begins, ends) = parse_period(said.hours), quiet
    if begins < ends:
        return begins <= period.opens and period.closes <= ends
    return begins <= period.opens or period.closes <= ends


def objection_to_times(said: Said, now: datetime, limits: LimitsSettings) -> str | None:
    """Return why a campaign could not be sent within its times, and what to do; None: it could."""
    expires = expiry_of(said, now)
    if expires <= now:
        return "it has expired: give it a later `expires`"
    if said.begins_at is not None and said.begins_at >= expires:
        return "it expires before it begins: correct `window.begins` or `expires`"
    if expires > now + LONGEST_LIFE:
        return f"it expires in more than {LONGEST_LIFE.days} days: give it an earlier `expires`"
    if is_silent(said, limits):
        return f"nothing leaves in quiet hours ({limits.quiet_hours}): give it other `window.hours`"
    return None


def end_of_hours(campaign: Campaign, now: datetime) -> datetime | None:
    """Return when today's hours end; None: the campaign has none. `now` is within them, in the business's zone."""
    period = campaign.period
    return None if period is None else datetime.combine(now.date(), period.closes, now.tzinfo)


def shortest_hours(campaign: Campaign, quiet: Quiet) -> timedelta:
    """Return how long the shortest part of a day lasts in which a campaign's texts may leave; zero: they never may."""
    parts = without_breaks((campaign.period or WHOLE_DAY,), of_quiet_hours(quiet))
    lengths = (datetime.combine(date.min, part.closes) - datetime.combine(date.min, part.opens) for part in parts)
    return min(lengths, default=timedelta())


def next_hours(campaign: Campaign, now: datetime) -> datetime | None:
    """Return when a campaign's texts may leave next; None: now. `now` is in the business's zone."""
    period = campaign.period
    if period is None or period.opens <= now.time() < period.closes:
        return None
    day = now.date() + timedelta(days=int(now.time() >= period.closes))
    return datetime.combine(day, period.opens, now.tzinfo)
